#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace aimass {

/// A value of the metadata database: its columns are BIGINT, DOUBLE PRECISION or TEXT, nothing
/// else, so that SQLite and PostgreSQL behave alike. JSON is kept as TEXT, times as BIGINT (Unix
/// milliseconds).
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string>;
using SqlParams = std::vector<SqlValue>;

class SqlRow {
 public:
  explicit SqlRow(std::vector<SqlValue> values) : values_(std::move(values)) {}
  [[nodiscard]] bool IsNull(std::size_t i) const;
  [[nodiscard]] std::int64_t Integer(std::size_t i) const;     // 0 for null
  [[nodiscard]] double Number(std::size_t i) const;            // 0 for null
  [[nodiscard]] const std::string& Text(std::size_t i) const;  // "" for null
  [[nodiscard]] const std::vector<SqlValue>& values() const { return values_; }

 private:
  std::vector<SqlValue> values_;
};

/// Runs statements; parameters are `?` in order. The same SQL must run on SQLite and PostgreSQL.
/// Errors   kConflict (unique or foreign key), kUnavailable (busy, or the database does not
/// answer),
///          kStorageFull, kInvalidArgument (a text with a zero byte), kInternal.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  [[nodiscard]] virtual Result<std::vector<SqlRow>> Select(std::string_view sql,
                                                           const SqlParams& params = {}) = 0;
  /// The number of rows changed.
  [[nodiscard]] virtual Result<std::int64_t> Execute(std::string_view sql,
                                                     const SqlParams& params = {}) = 0;
};

/// One step of a module's schema; steps run in order, once each, in one transaction each.
struct Migration {
  std::string_view module;  // "jobs"
  int number;               // 1, 2, …
  std::string_view sql;     // statements separated by ';'
};

/// The metadata database. Threads: any; each call takes a session of its own from a bounded pool.
class Database {
 public:
  virtual ~Database() = default;

  /// `url`: "sqlite:///path/metadata.db" or "postgresql://user:password@host/db".
  [[nodiscard]] static Result<std::unique_ptr<Database>> Open(const std::string& url);

  /// Applies what is missing, after a backup when a module's existing tables change (SQLite: a copy
  /// beside the file). A database that has steps of these modules which this build does not know is
  /// refused.
  [[nodiscard]] virtual Status Migrate(const std::vector<Migration>& migrations) = 0;

  [[nodiscard]] virtual Result<std::vector<SqlRow>> Select(std::string_view sql,
                                                           const SqlParams& params = {}) = 0;
  [[nodiscard]] virtual Result<std::int64_t> Execute(std::string_view sql,
                                                     const SqlParams& params = {}) = 0;
  /// Runs `work` in one serialisable transaction; an error rolls back. On a serialisation conflict
  /// it runs again, so `work` has no other side effects. Inside, use the session, never the
  /// Database itself.
  [[nodiscard]] virtual Status Transact(const std::function<Status(SqlSession&)>& work) = 0;
  /// Runs `work`, once, in a read-only transaction that sees one moment; writers go on meanwhile.
  [[nodiscard]] virtual Status Snapshot(const std::function<Status(SqlSession&)>& work) = 0;
  [[nodiscard]] virtual std::string_view dialect() const = 0;  // "sqlite" or "postgresql"
  /// SQLite only: a consistent copy to `path` while others write (SaveMetadata works on both).
  [[nodiscard]] virtual Status BackupTo(const std::string& path) = 0;
};

}  // namespace aimass
