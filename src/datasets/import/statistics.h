#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "table/schema.h"

namespace aimass {

/// The statistics of a file as the Delta log keeps them (JSON text): rows, and of the first 32
/// columns least and greatest value and the number of nulls. `columns`: DuckDB's
/// `column_statistics` of the file (COPY … RETURN_STATS), a map of maps as our JSON writes it. A
/// bound that cannot be told exactly is left out.
[[nodiscard]] std::string DeltaStatistics(const Schema& schema, std::int64_t rows,
                                          const Json& columns);

}  // namespace aimass
