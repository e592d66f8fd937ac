#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// What every client library of a database comes to say, in the same words and with the same code.
/// `words`: the library's own. Threads: pure functions.

/// A name resolves nowhere, a port is closed, a server does not answer …
[[nodiscard]] std::unexpected<Error> Unreachable(const std::string& host, int port,
                                                 std::string_view words);
[[nodiscard]] std::unexpected<Error> Unencrypted(const std::string& host, int port,
                                                 std::string_view words);
[[nodiscard]] std::unexpected<Error> BrokenConnection(std::string_view words);

}  // namespace aimass
