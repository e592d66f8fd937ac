#pragma once

#include <duckdb.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "native/duckdb/errors.h"
#include "table/schema.h"

namespace aimass::duckdb {

/// How a DuckDB type leaves DuckDB: as itself, or cast to the nearest type that every reader of
/// ours knows.
struct Export {
  std::string sql;       // the SQL type it leaves as
  bool changed = false;  // whether that takes a cast
};
[[nodiscard]] Export ExportOf(duckdb_logical_type type);

/// The error in `data`, if there is one. Frees it.
[[nodiscard]] Status CheckErrorData(duckdb_error_data data);

/// Runs statements whose rows nobody wants.
[[nodiscard]] Status RunStatement(duckdb_connection connection, const std::string& sql);

/// A logical type that frees itself.
class LogicalType {
 public:
  explicit LogicalType(duckdb_logical_type type) : type_(type) {}
  LogicalType(LogicalType&& other) noexcept : type_(other.type_) { other.type_ = nullptr; }
  LogicalType& operator=(LogicalType&&) = delete;
  ~LogicalType() {
    if (type_ != nullptr) duckdb_destroy_logical_type(&type_);
  }
  [[nodiscard]] duckdb_logical_type get() const { return type_; }

 private:
  duckdb_logical_type type_;
};

/// Our type as DuckDB's.
[[nodiscard]] LogicalType LogicalTypeOf(const Type& type);

/// Frees what duckdb_malloc gave, after copying it.
[[nodiscard]] std::string TakeText(char* text);

}  // namespace aimass::duckdb
