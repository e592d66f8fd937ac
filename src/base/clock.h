#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aimass {

/// Wall-clock time in milliseconds since 1970-01-01 UTC.
[[nodiscard]] std::int64_t NowUnixMs();

/// A clock that never jumps, in milliseconds; for durations and deadlines.
[[nodiscard]] std::int64_t SteadyMs();

/// RFC 3339 in UTC with milliseconds: "2026-11-22T08:00:00.123Z".
[[nodiscard]] std::string ToRfc3339(std::int64_t unix_ms);

/// The inverse; nullopt where `text` is not RFC 3339.
[[nodiscard]] std::optional<std::int64_t> FromRfc3339(std::string_view text);

/// A duration as people write it, in milliseconds: "60s", "1.5m", "2h", "500ms", "90" (seconds).
[[nodiscard]] std::optional<std::int64_t> ParseDurationMs(std::string_view text);

}  // namespace aimass
