#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "base/message.h"

namespace aimass {

/// What went wrong, as a caller may act on it. Each value maps to one HTTP status in
/// api/http/problem.cc.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,    // 400 the request itself is malformed
  kUnauthenticated,    // 401 no key, or a wrong one
  kPermissionDenied,   // 403 the key may not do this
  kNotFound,           // 404
  kConflict,           // 409 exists already, or is in use
  kPayloadTooLarge,    // 413
  kUnsupported,        // 415 a format that this build does not read
  kUnprocessable,      // 422 well-formed, but the content cannot be used
  kResourceExhausted,  // 429 a queue or quota is full; try again
  kInternal,           // 500 a defect of ours
  kUnavailable,        // 503 a part that we need does not answer
  kTimeout,            // 504 the time limit passed
  kStorageFull,        // 507 no space left
  kCancelled,          // 499 the caller asked to stop
};

/// The stable lower-case word for `code`, as it stands in JSON ("invalid_argument").
[[nodiscard]] std::string_view CodeName(ErrorCode code);

/// The code that `name` stands for; kInternal for a name that this build does not know.
[[nodiscard]] ErrorCode CodeFromName(std::string_view name);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  Message message;
  Message hint;  // what to do about it; may be empty
  // Where in a text that the caller wrote (SQL), both from 1, in characters; 0: nowhere.
  std::int64_t line = 0;
  std::int64_t column = 0;

  /// In English, for logs and tests.
  [[nodiscard]] std::string ToString() const;
};

/// What happened and where, without the hint.
[[nodiscard]] std::string Describe(const Error& error, Language language);

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// `return Fail(ErrorCode::kNotFound, "no dataset '{}'", name);`
/// `format` is the key of its 中文 text in the module's zh.json; it may hold only plain `{}`.
template <typename... Args>
[[nodiscard]] std::unexpected<Error> Fail(ErrorCode code, fmt::format_string<const Args&...> format,
                                          const Args&... args) {
  return std::unexpected(
      Error{.code = code, .message = Message{fmt::string_view(format), args...}, .hint = {}});
}

/// The same error with advice attached: `return WithHint(Fail(...), Msg("try …"));`
[[nodiscard]] inline std::unexpected<Error> WithHint(std::unexpected<Error> error, Message hint) {
  error.error().hint = std::move(hint);
  return error;
}

}  // namespace aimass

#define AIMASS_CONCAT_INNER(a, b) a##b
#define AIMASS_CONCAT(a, b) AIMASS_CONCAT_INNER(a, b)

/// Evaluates a Status or Result; returns its error from the enclosing function.
#define RETURN_IF_ERROR(expr)                                   \
  do {                                                          \
    if (auto aimass_status = (expr); !aimass_status) {          \
      return std::unexpected(std::move(aimass_status).error()); \
    }                                                           \
  } while (false)

/// `ASSIGN_OR_RETURN(auto rows, Read(path));`
#define ASSIGN_OR_RETURN(declaration, expr) \
  ASSIGN_OR_RETURN_IMPL(AIMASS_CONCAT(aimass_result_, __LINE__), declaration, expr)
#define ASSIGN_OR_RETURN_IMPL(temp, declaration, expr)        \
  auto temp = (expr);                                         \
  if (!temp) return std::unexpected(std::move(temp).error()); \
  declaration = std::move(*temp)

/// The same inside a coroutine that returns Task<Result<T>>; `expr` holds its own co_await.
#define CO_RETURN_IF_ERROR(expr)                                   \
  do {                                                             \
    if (auto aimass_status = (expr); !aimass_status) {             \
      co_return std::unexpected(std::move(aimass_status).error()); \
    }                                                              \
  } while (false)
#define CO_ASSIGN_OR_RETURN(declaration, expr) \
  CO_ASSIGN_OR_RETURN_IMPL(AIMASS_CONCAT(aimass_result_, __LINE__), declaration, expr)
#define CO_ASSIGN_OR_RETURN_IMPL(temp, declaration, expr)        \
  auto temp = (expr);                                            \
  if (!temp) co_return std::unexpected(std::move(temp).error()); \
  declaration = std::move(*temp)
