#pragma once

#include <map>
#include <string>
#include <vector>

#include "native/postgres/postgres.h"
#include "sources/database.h"

namespace aimass::connectors::postgres {

/// What the server's catalogue says of its tables, as the user of the connection may see them.
/// `schema` is the one whose tables go without its name.
///
/// Errors   as SourceConnection's.
/// Threads  those of the connection.
class Catalog {
 public:
  Catalog(aimass::postgres::Connection& connection, std::string database, std::string schema)
      : connection_(connection), database_(std::move(database)), schema_(std::move(schema)) {}

  /// Tables, views, materialised views, partitioned and foreign tables that may be read; a
  /// partition is a part of its table. System schemas are left out.
  [[nodiscard]] Result<std::vector<SourceTable>> Tables();
  /// `"schema"."table"` of a name as Tables() gives it. kNotFound with the nearest name.
  [[nodiscard]] Result<std::string> Find(const std::string& table);
  /// The columns of a quoted name of Find().
  [[nodiscard]] Result<std::vector<aimass::postgres::FieldInfo>> Fields(const std::string& place);
  [[nodiscard]] Result<TableDescription> Describe(const std::string& table);
  /// The columns of each unique index of a quoted name of Find() that holds for every row.
  [[nodiscard]] Result<std::map<std::string, std::vector<std::string>>> UniqueIndexes(
      const std::string& place);
  [[nodiscard]] Result<std::vector<Check>> Privileges();

 private:
  [[nodiscard]] Result<std::vector<std::string>> Names(const std::string& sql);
  [[nodiscard]] std::string Grant(const std::string& user) const;

  aimass::postgres::Connection& connection_;
  std::string database_;
  std::string schema_;
};

/// The columns as they will be read.
[[nodiscard]] Schema SchemaOf(const std::vector<aimass::postgres::FieldInfo>& fields);
/// The columns for a SELECT, each in the form in which it is decoded.
[[nodiscard]] std::string ListOf(const std::vector<aimass::postgres::FieldInfo>& fields);

}  // namespace aimass::connectors::postgres
