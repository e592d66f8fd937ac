#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace aimass {

/// The first `max_bytes` of `text` with "…" behind them, cut between characters of UTF-8; all of it
/// where it is no longer. Threads: pure function.
[[nodiscard]] inline std::string Excerpt(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace aimass
