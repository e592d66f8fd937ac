#include "native/mongodb/failure.h"

#include <string>

#include "table/json_rows.h"

namespace aimass::mongodb {
namespace {

enum : int {
  kHostUnreachable = 6,
  kHostNotFound = 7,
  kUserNotFound = 11,
  kUnauthorized = 13,
  kAuthenticationFailed = 18,
  kLockTimeout = 24,
  kNamespaceNotFound = 26,
  kCursorNotFound = 43,
  kMaxTimeExpired = 50,
  kNetworkTimeout = 89,
  kShutdownInProgress = 91,
  kQueryPlanKilled = 175,
  kPrimarySteppedDown = 189,
  kCursorKilled = 237,
  kExceededTimeLimit = 262,
  kSocketException = 9001,
  kNotWritablePrimary = 10107,
  kInterruptedAtShutdown = 11600,
  kInterruptedByStateChange = 11602,
  kNotPrimaryNoSecondaryOk = 13435,
  kNotPrimaryOrSecondary = 13436,
};

}  // namespace

std::string GrantOfRead(const Options& options) {
  std::string grant = "db.getSiblingDB(";
  AppendJsonText(grant, options.auth_source);
  grant += ").grantRolesToUser(";
  AppendJsonText(grant, options.user);
  grant += R"(, [{role: "read", db: )";
  AppendJsonText(grant, options.database);
  return grant + "}])";
}

std::unexpected<Error> NotLetIn(std::string_view words, const Options& options) {
  return WithHint(
      Fail(ErrorCode::kUnauthenticated, "the database does not let '{}' in: {}", options.user,
           words),
      Msg("check user and password, and auth_source: the database that the user was made in"));
}

std::unexpected<Error> FailureOf(int code, std::string_view words, const Options& options) {
  switch (code) {
    case kUnauthorized:
      if (options.user.empty()) {
        return WithHint(Fail(ErrorCode::kUnauthenticated,
                             "the database asks for a user and a password: {}", words),
                        Msg("set user and password"));
      }
      return WithHint(Fail(ErrorCode::kPermissionDenied, "the database refuses it: {}", words),
                      Msg("let an administrator of the database run: {}", GrantOfRead(options)));
    case kUserNotFound:
    case kAuthenticationFailed:
      return NotLetIn(words, options);
    case kNamespaceNotFound:
      return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", words);
    case kLockTimeout:
    case kMaxTimeExpired:
    case kExceededTimeLimit:
      return Fail(ErrorCode::kTimeout, "the database stopped the statement: {}", words);
    case kCursorNotFound:
    case kCursorKilled:
    case kQueryPlanKilled:
      return Fail(ErrorCode::kUnavailable, "the database ended the reading: {}", words);
    case kHostUnreachable:
    case kHostNotFound:
    case kNetworkTimeout:
    case kShutdownInProgress:
    case kPrimarySteppedDown:
    case kSocketException:
    case kNotWritablePrimary:
    case kInterruptedAtShutdown:
    case kInterruptedByStateChange:
    case kNotPrimaryNoSecondaryOk:
    case kNotPrimaryOrSecondary:
      return Fail(ErrorCode::kUnavailable, "the database is not ready: {}", words);
    default:
      return Fail(ErrorCode::kUnprocessable, "the database says: {}", words);
  }
}

}  // namespace aimass::mongodb
