#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass::curl {

struct HttpOptions {
  std::string user = {};  // who signs in (Basic); empty: nobody
  std::string password = {};
  std::string authorization = {};  // instead: the value of the header, "ApiKey …"
  bool verify = true;              // of https: the certificate must be good and name the host
  std::string ca_file = {};        // for `verify`; empty: the system's
  int connect_timeout_s = 10;
  int timeout_s = 60;  // longest wait for the next bytes
};

struct HttpRequest {
  std::string method = "GET";
  std::string url = {};
  std::string body = {};                          // JSON; not sent by GET
  std::size_t max_bytes = std::size_t{64} << 20;  // of the answer's body
  int timeout_s = 0;                              // 0: the client's
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// Requests to a server that people name in the settings of a source, over a connection that stays.
///
/// Redirects are not followed and proxies of the environment are not used: what signs in goes to
/// the address that was given. Every wait ends by `timeout_s`, or within a second after its token
/// is cancelled. An answer of any status is an answer.
/// Errors   kUnavailable, kTimeout, kPayloadTooLarge past `max_bytes`, kCancelled; never a secret.
/// Threads  one at a time.
/// Source   libcurl 7.88.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  [[nodiscard]] Result<HttpAnswer> Send(const HttpRequest& request, const CancelToken& cancel);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `text` as one part of the path of an address: all but letters, digits and "-_.~*," is written
/// as %XX.
[[nodiscard]] std::string EscapedPart(std::string_view text);

}  // namespace aimass::curl
