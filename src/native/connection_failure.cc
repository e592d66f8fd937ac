#include "native/connection_failure.h"

namespace aimass {

std::unexpected<Error> Unreachable(const std::string& host, int port, std::string_view words) {
  return WithHint(
      Fail(ErrorCode::kUnavailable, "cannot connect to {}:{}: {}", host, port, words),
      Msg("check host and port, that the server runs, and that no firewall is between"));
}

std::unexpected<Error> Unencrypted(const std::string& host, int port, std::string_view words) {
  return WithHint(
      Fail(ErrorCode::kUnavailable, "no encrypted connection to {}:{}: {}", host, port, words),
      Msg("set tls to off in a network that you trust, or give ca_file"));
}

std::unexpected<Error> BrokenConnection(std::string_view words) {
  return Fail(ErrorCode::kUnavailable, "the connection to the database broke: {}", words);
}

}  // namespace aimass
