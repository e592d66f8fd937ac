#include "native/postgres/failure.h"

#include <algorithm>

#include "native/connection_failure.h"

namespace aimass::postgres {
namespace {

// libpq's messages have several lines; the first says what happened.
std::string_view FirstLine(std::string_view words) { return words.substr(0, words.find('\n')); }

// "connection to server at "h" (1.2.3.4), port 5432 failed: FATAL:  28P01: password …" has the
// SQLSTATE behind the word for how bad it is, which is in the server's language.
struct ServerWords {
  std::string_view sqlstate;
  std::string_view message;
};

ServerWords ServerWordsOf(std::string_view words) {
  constexpr std::string_view kBehindSeverity = ":  ";
  constexpr std::size_t kLength = 5;
  for (std::size_t at = words.find(kBehindSeverity); at != std::string_view::npos;
       at = words.find(kBehindSeverity, at + 1)) {
    const std::string_view rest = words.substr(at + kBehindSeverity.size());
    const auto is_code = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    if (rest.size() > kLength + 2 && rest.substr(kLength, 2) == ": " &&
        std::ranges::all_of(rest.substr(0, kLength), is_code)) {
      return {.sqlstate = rest.substr(0, kLength), .message = FirstLine(rest.substr(kLength + 2))};
    }
  }
  return {};
}

// "connection to server at "h", port 1 failed: Connection refused" is said by us already.
std::string_view Cause(std::string_view words) {
  constexpr std::string_view kFailed = " failed: ";
  words = FirstLine(words);
  const std::size_t at = words.find(kFailed);
  return at == std::string_view::npos ? words : words.substr(at + kFailed.size());
}

}  // namespace

std::unexpected<Error> ConnectFailure(const Options& options, std::string_view words) {
  if (const ServerWords said = ServerWordsOf(words); !said.sqlstate.empty())
    return FailureOf(said.sqlstate, said.message, options.user);
  const std::string_view cause = Cause(words);
  if (words.find("no password supplied") != std::string_view::npos)
    return FailureOf("28P01", "it asks for a password, and none is set", options.user);
  if (words.find("SSL") != std::string_view::npos ||
      words.find("certificate") != std::string_view::npos) {
    return Unencrypted(options.host, options.port, cause);
  }
  return Unreachable(options.host, options.port, cause);
}

std::unexpected<Error> BrokenConnection(std::string_view words) {
  return aimass::BrokenConnection(FirstLine(words));
}

std::unexpected<Error> FailureOf(const PGresult* result, std::string_view words,
                                 const std::string& user) {
  const char* const sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (sqlstate == nullptr || message == nullptr) return BrokenConnection(words);
  return FailureOf(sqlstate, message, user);
}

std::unexpected<Error> FailureOf(std::string_view sqlstate, std::string_view words,
                                 const std::string& user) {
  const auto is = [&](auto... codes) { return ((sqlstate == std::string_view(codes)) || ...); };
  if (sqlstate.starts_with("28")) {  // a wrong password, no line for us in pg_hba.conf
    return WithHint(
        Fail(ErrorCode::kUnauthenticated, "the database does not let '{}' in: {}", user, words),
        Msg("check user and password, and from where the user may connect"));
  }
  if (is("42501")) {
    return WithHint(
        Fail(ErrorCode::kPermissionDenied, "the database refuses it: {}", words),
        Msg("let an administrator of the database run: GRANT SELECT ON … TO {}", QuotedName(user)));
  }
  if (is("3D000", "3F000", "42P01"))
    return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", words);
  if (is("53300", "57P03"))
    return Fail(ErrorCode::kUnavailable, "the database takes no further connection: {}", words);
  // 57014 is also what an administrator's pg_cancel_backend() gives.
  if (is("57014", "55P03"))
    return Fail(ErrorCode::kTimeout, "the database stopped the statement: {}", words);
  if (sqlstate.starts_with("08") || sqlstate.starts_with("57P")) return BrokenConnection(words);
  return Fail(ErrorCode::kUnprocessable, "the database says: {}", words);
}

}  // namespace aimass::postgres
