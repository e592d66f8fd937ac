#pragma once

#include <string_view>

#include "base/error.h"
#include "native/connection_failure.h"
#include "native/redis/redis.h"

namespace aimass::redis {

/// What the server or the system says, in our words and with our code. Nothing of it holds a
/// secret.
/// Threads  pure functions.

/// Of an answer that is an error: "WRONGPASS invalid username-password pair or user is disabled.".
/// Source   Redis' documentation of its errors, and what versions 5 to 7 answer.
[[nodiscard]] std::unexpected<Error> FailureOf(std::string_view words, const Options& options);

[[nodiscard]] std::unexpected<Error> NodeOfACluster();

}  // namespace aimass::redis
