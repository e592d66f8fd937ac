#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"
#include "native/redis/redis.h"

namespace aimass::redis {

/// A TCP connection, in TLS where that is asked for, of which every wait ends.
///
/// After an error it is closed, and says so from then on.
/// Errors   kUnavailable, kTimeout, kCancelled.
/// Threads  one at a time.
/// Source   OpenSSL 3.0.
class Socket {
 public:
  /// Looking up the host's name is the system's and has the system's limits.
  [[nodiscard]] static Result<Socket> Open(const Options& options);
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();

  [[nodiscard]] Status Write(std::string_view bytes, const CancelToken& cancel);
  /// Waits for bytes; at least one.
  [[nodiscard]] Result<std::size_t> Read(std::span<char> into, const CancelToken& cancel);
  /// What is there already; 0: nothing.
  [[nodiscard]] Result<std::size_t> ReadArrived(std::span<char> into);
  void Close();
  /// How long each wait may last from now on.
  void SetTimeout(int timeout_s);
  [[nodiscard]] bool encrypted() const;

 private:
  struct State;
  explicit Socket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace aimass::redis
