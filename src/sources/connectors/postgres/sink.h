#pragma once

#include <memory>
#include <string>

#include "native/postgres/postgres.h"
#include "sources/sink.h"

namespace aimass::connectors::postgres {

/// Rows come by COPY into a temporary table of the same column types, are read back from there, and
/// go into their table with the end of the same transaction.
/// `connection` is not read-only. `schema`: of tables that are named without one.
[[nodiscard]] std::unique_ptr<SinkConnection> SinkOf(aimass::postgres::Connection connection,
                                                     std::string database, std::string schema);

}  // namespace aimass::connectors::postgres
