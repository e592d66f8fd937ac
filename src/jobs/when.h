#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jobs/cron.h"

namespace aimass {

/// When something is to happen again and again: "*/5 * * * *" or "@daily" (Cron), "every 15m" (from
/// its beginning on), "after:orders" (after something else was done, by name).
struct When {
  std::string text;  // as written, without white space around it
  std::optional<Cron> cron;
  std::int64_t interval_ms = 0;  // 1 s to 366 days; 0: it is none
  std::string after;             // empty: it is none

  /// The first moment behind `utc_ms`; nothing for "after:". `anchor_ms`: the beginning of an
  /// interval.
  [[nodiscard]] std::optional<std::int64_t> NextAfter(std::int64_t utc_ms, std::int64_t anchor_ms,
                                                      const Zone& zone) const;
};

/// Errors   kUnprocessable saying what was expected and found.
[[nodiscard]] Result<When> ParseWhen(std::string_view text);

/// What becomes of moments that passed while nothing ran: one run for all of them, one for each (at
/// most kMaxMissed, the latest), or none.
enum class CatchUp : std::uint8_t { kLatest, kAll, kSkip };
inline constexpr std::size_t kMaxMissed = 100;
[[nodiscard]] std::string_view CatchUpName(CatchUp policy);
/// Errors   kUnprocessable naming the three.
[[nodiscard]] Result<CatchUp> CatchUpFromName(std::string_view name);

}  // namespace aimass
