#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "store/database.h"

namespace aimass::testing {

/// A folder that is deleted at the end of the test.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

enum class Dialect { kSqlite, kPostgres };
inline void PrintTo(Dialect dialect, std::ostream* out) {
  *out << (dialect == Dialect::kSqlite ? "Sqlite" : "Postgres");
}

/// An empty metadata database of its own for one test. PostgreSQL is the server that
/// AIMASS_TEST_POSTGRES names (scripts/with_postgres.sh); without it a private one on 127.0.0.1,
/// which starts at the first use and ends with the test program. A machine without PostgreSQL fails
/// the test.
class TestDatabase {
 public:
  explicit TestDatabase(Dialect dialect);
  ~TestDatabase();
  /// For a second connection, or another process.
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::unique_ptr<Database> Open() const;

 private:
  TempFolder folder_;
  std::string url_;
  std::string name_;  // of the PostgreSQL database
};

}  // namespace aimass::testing
