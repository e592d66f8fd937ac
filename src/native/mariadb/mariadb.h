#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass::mariadb {

enum class Tls : std::uint8_t {
  kOff,
  kAuto,    // where the server offers it
  kOn,      // or no connection
  kVerify,  // and the server's certificate must be good
};

struct Options {
  std::string host;
  int port = 3306;
  std::string user;
  std::string password;
  std::string database;
  Tls tls = Tls::kAuto;
  std::string ca_file;  // for kVerify; empty: the system's
  int connect_timeout_s = 10;
  int read_timeout_s = 60;  // longest wait for the next bytes
  bool read_only = true;
};

enum class FieldType : std::uint8_t {
  kInteger,
  kDecimal,
  kDouble,
  kFloat,
  kText,
  kBinary,
  kDate,
  kTime,
  kDateTime,   // a wall clock
  kTimestamp,  // a moment, in the session's zone: UTC
  kBit,
};

/// A column of an answer.
struct FieldInfo {
  std::string name;
  FieldType type = FieldType::kText;
  int bytes = 8;  // of an integer: 1, 2, 3, 4, 8
  bool is_unsigned = false;
  int precision = 0;  // kDecimal: digits; kBit: bits
  int scale = 0;      // kDecimal
  bool nullable = true;
};

class Answer;

/// One connection to MariaDB or MySQL, in utf8mb4 and UTC, that only reads unless its options say
/// otherwise; then a value that a column cannot hold is an error.
///
/// LOCAL INFILE is off: a hostile server cannot ask for our files. One statement at a time.
/// Errors   as SourceConnection's (sources/connector.h); the message is the server's.
/// Threads  one at a time.
/// Source   MariaDB Connector/C 3.3.
class Connection {
 public:
  [[nodiscard]] static Result<Connection> Open(const Options& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs a statement whose answer, if any, is not wanted.
  [[nodiscard]] Status Execute(std::string_view sql);
  /// The rows arrive as they are asked for. Until the answer is destroyed the connection is taken.
  [[nodiscard]] Result<Answer> Query(std::string_view sql);
  /// The columns that a statement without rows (LIMIT 0) would have.
  [[nodiscard]] Result<std::vector<FieldInfo>> Fields(std::string_view sql);
  /// All rows of a small answer, NULL as nullopt, and its columns where they are wanted.
  /// Errors   kUnprocessable where it is not small; the connection is useless then.
  using Row = std::vector<std::optional<std::string>>;
  [[nodiscard]] Result<std::vector<Row>> Select(std::string_view sql,
                                                std::vector<FieldInfo>* fields = nullptr);

  /// `text` as a literal of SQL, with its quotes.
  [[nodiscard]] std::string Quoted(std::string_view text) const;
  [[nodiscard]] std::string server_version() const;  // "10.11.14-MariaDB-0+deb12u2"
  [[nodiscard]] bool encrypted() const;

 private:
  friend class Answer;
  friend class Binlog;
  struct State;
  explicit Connection(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// Rows that stream in.
class Answer {
 public:
  Answer(Answer&&) noexcept;
  Answer& operator=(Answer&&) noexcept;
  ~Answer();  // the rest of the rows is dropped by closing the connection, not by reading them

  [[nodiscard]] const std::vector<FieldInfo>& fields() const { return fields_; }
  /// The next row, false at the end. Errors: as Connection's.
  [[nodiscard]] Result<bool> Next();
  /// A value of the current row; data() is nullptr for NULL.
  [[nodiscard]] std::string_view Value(std::size_t column) const;

 private:
  friend class Connection;
  struct Rows;
  Answer(std::shared_ptr<Connection::State> state, std::unique_ptr<Rows> rows,
         std::vector<FieldInfo> fields);
  std::shared_ptr<Connection::State> state_;
  std::unique_ptr<Rows> rows_;
  std::vector<FieldInfo> fields_;
};

/// `name` in backticks.
[[nodiscard]] std::string QuotedName(std::string_view name);

}  // namespace aimass::mariadb
