#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aimass {

/// How addresses write bytes that mean something else there. Threads: pure functions.

/// `%41` → `A`, and `+` a space where that is meant so; none where `%` stands without two hex
/// digits. What comes out may be any bytes.
[[nodiscard]] std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

/// Every byte but letters, digits, `-._~` and those of `plain` as %XX.
[[nodiscard]] std::string PercentEncode(std::string_view text, std::string_view plain = {});

/// Whether `text` is well-formed UTF-8 (no surrogates, nothing overlong).
[[nodiscard]] bool IsUtf8(std::string_view text);

}  // namespace aimass
