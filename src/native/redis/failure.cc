#include "native/redis/failure.h"

#include <string>

namespace aimass::redis {
namespace {

std::string_view UserOf(const Options& options) {
  return options.user.empty() ? std::string_view("default") : options.user;
}

// What an administrator lets the user do, by what the server says is missing.
std::string Rule(std::string_view words, const Options& options) {
  const std::string who = "ACL SETUSER " + std::string(UserOf(options)) + " ";
  if (words.contains("channel")) return who + "&__redis__:invalidate";
  if (words.contains(" keys") || words.contains(" key")) return who + "%R~user:*";
  // "this user has no permissions to run the 'client|tracking' command"
  const std::size_t begin = words.find('\'');
  const std::size_t end = begin == std::string_view::npos ? begin : words.find('\'', begin + 1);
  const std::string command = end == std::string_view::npos
                                  ? std::string()
                                  : std::string(words.substr(begin + 1, end - begin - 1));
  if (command.starts_with("client") || command.starts_with("subscribe"))
    return who + "+client|id +client|tracking +subscribe &__redis__:invalidate";
  if (command == "select") return who + "+select";
  return who + "+@read ~user:*";
}

}  // namespace

std::unexpected<Error> FailureOf(std::string_view words, const Options& options) {
  const std::string_view code = words.substr(0, words.find(' '));
  if (code == "NOAUTH" && options.password.empty()) {
    return WithHint(
        Fail(ErrorCode::kUnauthenticated, "the database asks for a password, and none is set"),
        Msg("set password, and user where it is not 'default'"));
  }
  if (code == "WRONGPASS" || code == "NOAUTH" || words.starts_with("ERR invalid password") ||
      words.starts_with("ERR AUTH ") || words.starts_with("ERR Client sent AUTH")) {
    return WithHint(Fail(ErrorCode::kUnauthenticated, "the database does not let '{}' in: {}",
                         UserOf(options), words),
                    Msg("check user and password"));
  }
  if (code == "DENIED" || code == "-DENIED") {
    return WithHint(
        Fail(ErrorCode::kUnauthenticated, "the database does not let '{}' in: {}", UserOf(options),
             words),
        Msg("it answers others only with a password: set one there, or protected-mode no"));
  }
  if (code == "NOPERM") {
    return WithHint(Fail(ErrorCode::kPermissionDenied, "the database refuses it: {}", words),
                    Msg("let an administrator of the database run: {}", Rule(words, options)));
  }
  if (code == "MOVED" || code == "ASK" || code == "CROSSSLOT" || code == "CLUSTERDOWN")
    return NodeOfACluster();
  if (code == "LOADING" || code == "MASTERDOWN" || code == "BUSY" || code == "TRYAGAIN")
    return Fail(ErrorCode::kUnavailable, "the database is not ready: {}", words);
  if (words.contains("max number of clients"))
    return Fail(ErrorCode::kUnavailable, "the database takes no further connection: {}", words);
  if (words.contains("DB index is out of range"))
    return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", words);
  return Fail(ErrorCode::kUnprocessable, "the database says: {}", words);
}

std::unexpected<Error> NodeOfACluster() {
  return WithHint(Fail(ErrorCode::kUnprocessable,
                       "it is a node of a Redis Cluster, which has only a part of the keys"),
                  Msg("Redis Cluster is not supported; Redis alone, its replicas and Valkey are"));
}

}  // namespace aimass::redis
