#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "datasets/sql/functions.h"
#include "native/duckdb/database.h"

namespace aimass {

/// A dataset that user SQL names, as `orders`, or as `"orders@3"` for its version 3.
struct TableReference {
  std::string table;    // as it stands in the SQL: the name under which Read() must offer it
  std::string dataset;  // without the version
  std::optional<std::int64_t> version;  // absent: the latest
};

struct CheckedSql {
  std::vector<TableReference> tables;  // each once
};

/// A session that parses, for CheckUserSql.
[[nodiscard]] Result<duckdb::Connection> OpenSqlParser(std::int64_t memory_bytes);

/// Whether `sql` may run: exactly one SELECT (also VALUES, FROM-first, WITH, DESCRIBE and SUMMARIZE
/// of a query) that reads datasets only, by name, and calls only functions that compute from their
/// arguments. What stands in no allow-list is refused: files, settings, the catalogue, other
/// databases, parameters.
///
/// The text is parsed by the DuckDB that will run it, so that there is one reading of it. Parsing
/// cannot be interrupted and can be made to take for ever: it belongs in a process that can be
/// killed (datasets/sql/workers.h).
///
/// Errors   kInvalidArgument naming what is not allowed, or line and column where it does not
/// parse. Threads  one at a time for each connection.
[[nodiscard]] Result<CheckedSql> CheckUserSql(duckdb::Connection& connection, std::string_view sql,
                                              const SqlFunctionRegistry* functions = nullptr);

/// The dataset and version that a table name stands for: a trailing "@3" is a version.
[[nodiscard]] TableReference ParseTableName(std::string_view table);

}  // namespace aimass
