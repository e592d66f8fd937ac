#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass::postgres {

enum class Tls : std::uint8_t {
  kOff,
  kAuto,    // where the server offers it
  kOn,      // or no connection
  kVerify,  // and the server's certificate must be good and of this host
};

struct Options {
  std::string host;  // a name or an address, no folder of a socket
  int port = 5432;
  std::string user;
  std::string password;
  std::string database;
  Tls tls = Tls::kAuto;
  std::string ca_file;  // for kVerify; empty: the system's
  int connect_timeout_s = 10;
  int timeout_s = 60;  // longest wait for an answer, for the next rows, for a lock
  bool read_only = true;
};

/// A column of an answer. A domain is the type that it is made of.
struct FieldInfo {
  std::string name;
  std::uint32_t type = 0;  // the type's number in pg_type
  int modifier = -1;       // numeric(12,2): its digits; -1: none
  bool nullable = true;
};

class CopyStream;
class CopyInput;

/// One connection to PostgreSQL, in UTF-8 and UTC, that only reads unless its options say
/// otherwise.
///
/// Every statement goes alone (the extended protocol takes no second one), and ends by
/// `timeout_s` or soon after its token is cancelled; the connection is broken then.
/// Errors   as SourceConnection's (sources/connector.h); the message is the server's.
/// Threads  one at a time.
/// Source   libpq 15.
class Connection {
 public:
  [[nodiscard]] static Result<Connection> Open(const Options& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs a statement whose answer, if any, is not wanted.
  [[nodiscard]] Status Execute(std::string_view sql);
  /// All rows of a small answer as texts, NULL as nullopt.
  using Row = std::vector<std::optional<std::string>>;
  [[nodiscard]] Result<std::vector<Row>> Select(std::string_view sql, CancelToken cancel = {});
  /// The columns that a statement would give. It is not run.
  [[nodiscard]] Result<std::vector<FieldInfo>> Fields(std::string_view sql);
  /// Starts `COPY (…) TO STDOUT (FORMAT binary)`. Until the stream is destroyed the connection is
  /// taken; a stream that is left before its end breaks it.
  [[nodiscard]] Result<CopyStream> CopyOut(std::string_view sql, CancelToken cancel);
  /// Starts `COPY … FROM STDIN`, likewise.
  [[nodiscard]] Result<CopyInput> CopyIn(std::string_view sql, CancelToken cancel);

  [[nodiscard]] bool alive() const;  // a connection that broke stays so
  enum class Transaction : std::uint8_t { kNone, kOpen, kFailed };
  [[nodiscard]] Transaction transaction() const;
  /// `text` as a literal of SQL, with its quotes.
  [[nodiscard]] std::string Quoted(std::string_view text) const;
  [[nodiscard]] std::string server_version() const;  // "15.14 (Debian 15.14-0+deb12u1)"
  [[nodiscard]] bool encrypted() const;

 private:
  friend class CopyStream;
  friend class CopyInput;
  struct State;
  explicit Connection(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// The bytes of a COPY as they stream in.
class CopyStream {
 public:
  CopyStream(CopyStream&&) noexcept;
  CopyStream& operator=(CopyStream&&) noexcept;
  ~CopyStream();

  /// The next message, valid until the next call; nullopt at the end. Servers send a row in each,
  /// but the protocol does not promise it. Errors: as Connection's.
  [[nodiscard]] Result<std::optional<std::string_view>> Next();

 private:
  friend class Connection;
  struct Message;
  CopyStream(std::shared_ptr<Connection::State> state, CancelToken cancel);
  std::shared_ptr<Connection::State> state_;
  CancelToken cancel_;
  std::unique_ptr<Message> message_;
};

/// The bytes of a COPY on their way to the server.
class CopyInput {
 public:
  CopyInput(CopyInput&&) noexcept;
  CopyInput& operator=(CopyInput&&) noexcept;
  ~CopyInput();

  /// Errors: as Connection's; what the server does not like it may say only at End().
  [[nodiscard]] Status Write(std::string_view bytes);
  [[nodiscard]] Status End();

 private:
  friend class Connection;
  CopyInput(std::shared_ptr<Connection::State> state, CancelToken cancel);
  std::shared_ptr<Connection::State> state_;  // none once it ended
  CancelToken cancel_;
};

/// `name` in double quotes.
[[nodiscard]] std::string QuotedName(std::string_view name);

}  // namespace aimass::postgres
