#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/database.h"

namespace aimass::store {

/// Which database an address names, and how the driver is told.
struct Address {
  bool sqlite = true;
  std::string path;      // SQLite: the file
  std::string conninfo;  // PostgreSQL: as libpq takes it
};
/// Errors   kInvalidArgument, never repeating the password.
[[nodiscard]] Result<Address> ParseAddress(const std::string& url);

/// `?` outside of quotes and comments as `:p1`, `:p2` …; `count` is how many there were.
[[nodiscard]] std::string NumberParameters(std::string_view sql, std::size_t* count);

/// The statements of a script, split at `;` outside of quotes and comments.
[[nodiscard]] std::vector<std::string> SplitStatements(std::string_view script);

/// One connection through SOCI; its exceptions end here.
/// Threads  one at a time.
class Connection {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Connection>> Open(const Address& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one statement. `rows`, where given, receives what it returns. The number of rows changed.
  [[nodiscard]] Result<std::int64_t> Run(std::string_view sql, const SqlParams& params,
                                         std::vector<SqlRow>* rows);
  /// False after an error that leaves the connection useless (the server went away).
  [[nodiscard]] bool usable() const { return usable_; }
  /// True when the last error was a conflict between transactions: the whole transaction may run
  /// again.
  [[nodiscard]] bool serialisation_conflict() const { return serialisation_conflict_; }

  /// SQLite only: an online copy of the whole database.
  [[nodiscard]] Status CopyTo(const std::string& path);

 private:
  struct Session;
  Connection(const Address& address, std::unique_ptr<Session> session);
  [[nodiscard]] std::unexpected<Error> Translate(std::string_view sql);

  bool sqlite_;
  std::unique_ptr<Session> session_;
  bool usable_ = true;
  bool serialisation_conflict_ = false;
};

}  // namespace aimass::store
