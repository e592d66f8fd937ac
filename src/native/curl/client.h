#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass::curl {

struct ClientOptions {
  std::int64_t stall_ms = 60'000;  // give up after this long without a byte
  std::int64_t time_limit_ms = std::int64_t{6} * 3600 * 1000;  // of one request with its answer
  bool public_only = false;  // refuse addresses of this machine and of private networks
  bool use_proxy = true;     // that of the environment, where it is not for `public_only`
  bool verify = true;        // of https: the certificate must be good and name the host
  std::string ca_file = {};  // who signs for https servers; empty: the system's authorities
  std::string user = {};     // who signs in (Basic); empty: nobody
  std::string password = {};
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;  // empty where a sink took it; of an error at most 64 KiB

  /// Empty where the server sent none.
  [[nodiscard]] std::string_view Header(std::string_view name) const;
};

struct Request {
  std::string method = "GET";
  std::string url;                                     // percent-encoded; sent exactly so
  std::vector<std::string> headers = {};               // "Range: bytes=0-9"
  std::string body = {};                               // not sent by GET
  std::int64_t stall_ms = 0;                           // 0: the client's
  std::size_t max_body_bytes = std::size_t{16} << 20;  // of an Answer::body
  /// Gets the body of an answer with a status of 200 to 299 instead, piece by piece; its error ends
  /// the transfer.
  std::function<Status(const Answer& answer, std::string_view bytes)> sink = {};
};

/// Asks HTTP servers one thing after the other, on a connection that is kept for the next one.
///
/// Threads  one at a time.
class Client {
 public:
  explicit Client(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Whatever status comes is an answer; no redirect is followed, so that nothing goes to a host
  /// that was not asked for.
  /// Errors   kUnavailable (no answer, or not all of it), kTimeout, kPermissionDenied (the address
  ///          is not public), kInvalidArgument (not http or https), kPayloadTooLarge (more than
  ///          max_body_bytes), kCancelled; those of the sink.
  [[nodiscard]] Result<Answer> Send(const Request& request, const CancelToken& cancel);

 private:
  struct State;
  ClientOptions options_;
  std::unique_ptr<State> state_;
};

/// `text` as one part of the path of an address: all but letters, digits and "-_.~*," is written
/// as %XX. Threads: pure function.
[[nodiscard]] std::string EscapedPart(std::string_view text);

}  // namespace aimass::curl
