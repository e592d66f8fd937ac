#pragma once

#include <string>
#include <utility>
#include <vector>

#include "native/mariadb/mariadb.h"
#include "sources/database.h"

namespace aimass::connectors::mysql {

/// What the server says of the tables of the connection's database, as its user may see them.
///
/// Errors   as SourceConnection's.
/// Threads  those of the connection.
class Catalog {
 public:
  Catalog(mariadb::Connection& connection, std::string database)
      : connection_(connection), database_(std::move(database)) {}

  [[nodiscard]] Result<std::vector<SourceTable>> Tables();
  /// The columns of a table or view. kNotFound with the nearest name.
  [[nodiscard]] Result<std::vector<mariadb::FieldInfo>> Fields(const std::string& table);
  [[nodiscard]] Result<TableDescription> Describe(const std::string& table);
  [[nodiscard]] const std::string& database() const { return database_; }

 private:
  mariadb::Connection& connection_;
  std::string database_;
};

/// The columns as they will be read.
[[nodiscard]] Schema SchemaOf(const std::vector<mariadb::FieldInfo>& fields);
/// The columns for a SELECT, each in the form in which it is read exactly.
[[nodiscard]] std::string ListOf(const std::vector<mariadb::FieldInfo>& fields);

}  // namespace aimass::connectors::mysql
