#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aimass {

/// The alphabet of RFC 4648 with "+", "/" and padding.
/// Threads  pure functions.
void AppendBase64(std::string& out, std::string_view bytes);
[[nodiscard]] std::string ToBase64(std::string_view bytes);
/// The inverse; nothing where `text` is none.
[[nodiscard]] std::optional<std::string> FromBase64(std::string_view text);

}  // namespace aimass
