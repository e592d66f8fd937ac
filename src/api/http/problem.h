#pragma once

#include <string>
#include <string_view>

#include "api/http/message.h"
#include "base/error.h"

namespace aimass::http {

/// The one place that says which HTTP status an ErrorCode is.
[[nodiscard]] int StatusOf(ErrorCode code);

/// "Not Found"; empty for a status that we never send.
[[nodiscard]] std::string_view ReasonOf(int status);

/// An error of HTTP itself, which no ErrorCode stands for: 405, 408, 431 …
struct HttpError {
  int status = 400;
  Error error;
};

/// The answer to an error: application/problem+json (RFC 9457) with type, title, status, code,
/// detail and hint, in `language`. 429 and 503 carry Retry-After. An internal error shows its words
/// too: they are ours.
[[nodiscard]] Response ProblemOf(const Error& error, Language language);
[[nodiscard]] Response ProblemOf(const HttpError& error, Language language);

}  // namespace aimass::http
