#pragma once

#include <duckdb.h>

#include <memory>
#include <string_view>

#include "base/error.h"
#include "table/batch.h"

namespace aimass::duckdb {

/// Lets SQL on `connection` read `rows` as the temporary view `name`, once and in order.
///
/// `connection` must be open while the view is read. Errors: kInternal, kInvalidArgument.
[[nodiscard]] Status RegisterRows(duckdb_connection connection, std::string_view name,
                                  std::unique_ptr<BatchReader> rows);

}  // namespace aimass::duckdb
