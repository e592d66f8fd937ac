#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass {

struct SocketOptions {
  enum class Tls : std::uint8_t {
    kOff,
    kOn,
    kVerify,  // and the server's certificate must be good and of this host
  };
  std::string host;
  int port = 0;
  Tls tls = Tls::kOff;
  std::string ca_file;  // for kVerify; empty: the system's
  int connect_timeout_s = 10;
  int timeout_s = 60;  // longest wait for the next bytes
};

/// A TCP connection to a database, in TLS where that is asked for, of which every wait ends.
///
/// After an error it is closed, and says so from then on.
/// Errors   kUnavailable, kTimeout, kCancelled.
/// Threads  one at a time.
/// Source   OpenSSL 3.0.
class Socket {
 public:
  /// Looking up the host's name is the system's and has the system's limits.
  [[nodiscard]] static Result<Socket> Open(const SocketOptions& options,
                                           const CancelToken& cancel = {});
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
  /// What poll() waits for; -1 once it is closed. Bytes that TLS has taken from it already do not
  /// show there: ReadArrived() has them.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] bool has_decrypted() const;

 private:
  struct State;
  explicit Socket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace aimass
