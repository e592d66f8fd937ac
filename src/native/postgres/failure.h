#pragma once

#include <postgresql/libpq-fe.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "native/postgres/postgres.h"

namespace aimass::postgres {

/// What the server or libpq says, in our words and with our code. Nothing of it holds a secret.
/// Threads  pure functions.

/// Of a connection that did not come up; `words` is libpq's message in PQERRORS_VERBOSE.
[[nodiscard]] std::unexpected<Error> ConnectFailure(const Options& options, std::string_view words);

/// Of a statement. `words` is libpq's message, for where the server itself said nothing.
[[nodiscard]] std::unexpected<Error> FailureOf(const PGresult* result, std::string_view words,
                                               const std::string& user);

[[nodiscard]] std::unexpected<Error> BrokenConnection(std::string_view words);

/// By the five characters that every PostgreSQL uses, whatever its language.
/// Source   PostgreSQL's documentation, Appendix A.
[[nodiscard]] std::unexpected<Error> FailureOf(std::string_view sqlstate, std::string_view words,
                                               const std::string& user);

}  // namespace aimass::postgres
