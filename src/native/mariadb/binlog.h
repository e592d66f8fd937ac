#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "native/mariadb/mariadb.h"
#include "native/mariadb/row_image.h"

namespace aimass::mariadb {

/// A place in a server's binary log.
struct BinlogPlace {
  std::string file;      // "mariadb-bin.000012"
  std::uint64_t at = 4;  // bytes; the first event begins at 4
};

/// Reads what a MariaDB server's binary log says of one table, from one place to another.
///
/// Errors   as Connection's; kUnprocessable where the log no longer has the place.
/// Threads  one at a time.
/// Source   MariaDB Connector/C 3.3 (mariadb_rpl.h).
class Binlog {
 public:
  struct Request {
    std::string database;
    std::string table;
    BinlogPlace from;
    BinlogPlace until;  // a place between two transactions
    CancelToken cancel;
  };
  /// Opens a connection of its own, and another one for each further file of the log.
  [[nodiscard]] static Result<Binlog> Open(const Options& options, Request request);
  Binlog(Binlog&&) noexcept;
  Binlog& operator=(Binlog&&) noexcept;
  ~Binlog();

  /// The next event that concerns the table; false at the end.
  [[nodiscard]] Result<bool> Next();
  /// A statement after which any row may be another, and the table itself; empty: it is rows.
  [[nodiscard]] const std::string& statement() const;
  /// Hands the image of each row to `use`: of an update before and after.
  [[nodiscard]] Status EachImage(
      const std::function<Status(const std::vector<LoggedColumn>&, const RowImages&)>& use) const;

 private:
  struct State;
  explicit Binlog(std::unique_ptr<State> state);
  static void* HandleOf(const Connection& connection);
  std::unique_ptr<State> state_;
};

/// Whether a statement of the log may change rows of the table, or the table itself, otherwise than
/// the rows events say: ALTER, TRUNCATE, RENAME, a change that is logged as a statement. By its
/// words, so that one more may be taken for such a one. Threads: pure function.
[[nodiscard]] bool Concerns(std::string_view statement, std::string_view database,
                            std::string_view table);

/// The number behind the last point of a file's name; 0 where there is none.
[[nodiscard]] std::uint64_t BinlogNumber(std::string_view file);

}  // namespace aimass::mariadb
