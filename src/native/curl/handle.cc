// libcurl 7.88.
#include "native/curl/handle.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <mutex>

#include "native/curl/download.h"

namespace aimass::curl {
namespace {

bool Public(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const in_addr& ip = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    return IsPublicAddress({reinterpret_cast<const std::uint8_t*>(&ip), 4});
  }
  if (address.sa_family != AF_INET6) return false;
  const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IsPublicAddress({ip.s6_addr, 16});
}

// Asked for each address that is really connected to, so a name cannot change its meaning after the
// check.
curl_socket_t OnSocket(void* user, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& gate = *static_cast<Gate*>(user);
  if (gate.public_only && !Public(address->addr)) {
    gate.refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace

Handle NewHandle() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return {curl_easy_init(), &curl_easy_cleanup};
}

void SetUpTransfer(CURL* handle, const std::string& url, std::int64_t stall_ms,
                   std::int64_t time_limit_ms, Gate& gate) {
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, 20'000L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(time_limit_ms));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall_ms / 1000));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "aimass");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &OnSocket);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &gate);
  if (gate.public_only) curl_easy_setopt(handle, CURLOPT_PROXY, "");
}

Status CheckTransfer(CURLcode code, const Gate& gate, const std::string& address) {
  if (code == CURLE_OK) return {};
  if (gate.refused) {
    return Fail(ErrorCode::kPermissionDenied,
                "'{}' is an address of this machine or of a private network, from which this key "
                "may not import",
                address);
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Fail(ErrorCode::kTimeout, "'{}' did not arrive within the time limit", address);
  }
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not an http:// or https:// address", address);
  }
  return Fail(ErrorCode::kUnavailable, "cannot fetch '{}': {}", address, curl_easy_strerror(code));
}

std::string Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return std::string(text);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return lower;
}

}  // namespace aimass::curl
