#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"
#include "native/redis/reply.h"
#include "native/socket/socket.h"

namespace aimass::redis {

using Tls = SocketOptions::Tls;

struct Options {
  std::string host;
  int port = 6379;
  std::string user;      // empty: the server's user "default"
  std::string password;  // empty: nobody signs in
  int database = 0;
  Tls tls = Tls::kOff;
  std::string ca_file;  // for kVerify; empty: the system's
  int connect_timeout_s = 10;
  int timeout_s = 60;  // longest wait for the next bytes
};

/// One connection to a Redis server, over RESP2. Commands may be sent ahead of their answers.
///
/// Every wait ends by `timeout_s`, or soon after its token is cancelled; the connection is closed
/// then. A node of a Redis Cluster is refused: it has only a part of the keys.
/// Errors   as SourceConnection's (sources/connector.h); the message is the server's.
/// Threads  one at a time.
/// Source   hiredis 0.14 for the protocol; the socket and OpenSSL are ours, as it has no limit for
///          a wait that can be cancelled, and no TLS before its version 1.0.
class Connection {
 public:
  [[nodiscard]] static Result<Connection> Open(const Options& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Puts a command behind those that wait for Flush().
  void Send(std::span<const std::string_view> words);
  void Send(std::initializer_list<std::string_view> words) {
    Send(std::span(words.begin(), words.size()));
  }
  [[nodiscard]] Status Flush(const CancelToken& cancel);
  /// The answer to the oldest command that has none yet; valid until the next. What the server
  /// refuses is an answer too, a Reply::Kind::kError: see FailureOf().
  [[nodiscard]] Result<const Reply*> Receive(const CancelToken& cancel);
  /// What has arrived by now; nullptr where that is no whole answer.
  [[nodiscard]] Result<const Reply*> Arrived();
  /// Drops the answers that are still awaited: whoever sent the commands has lost interest.
  [[nodiscard]] Status Settle(const CancelToken& cancel);
  /// Settle(), then one command and its answer. What the server refuses is an error here.
  [[nodiscard]] Result<const Reply*> Ask(std::span<const std::string_view> words,
                                         const CancelToken& cancel = {});
  [[nodiscard]] Result<const Reply*> Ask(std::initializer_list<std::string_view> words,
                                         const CancelToken& cancel = {}) {
    return Ask(std::span(words.begin(), words.size()), cancel);
  }
  /// What the server said where it refused something.
  [[nodiscard]] std::unexpected<Error> FailureOf(std::string_view words) const;

  [[nodiscard]] const std::string& server_version() const;  // "7.0.15"
  [[nodiscard]] bool AtLeast(int major, int minor) const;   // the server's version
  [[nodiscard]] bool encrypted() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  [[nodiscard]] Status Greet();
  [[nodiscard]] Status SignIn();
  [[nodiscard]] Status LearnServer();
  std::unique_ptr<State> state_;
};

}  // namespace aimass::redis
