#pragma once

#include <string_view>

#include "base/error.h"
#include "native/connection_failure.h"
#include "native/mongodb/mongodb.h"

namespace aimass::mongodb {

/// What the server says where it refuses a command, in our words and with our code. Nothing of it
/// holds a secret.
///
/// Threads  pure function.
/// Source   error_codes.yml of the server.
[[nodiscard]] std::unexpected<Error> FailureOf(int code, std::string_view words,
                                               const Options& options);

/// Nobody was let in.
[[nodiscard]] std::unexpected<Error> NotLetIn(std::string_view words, const Options& options);

}  // namespace aimass::mongodb
