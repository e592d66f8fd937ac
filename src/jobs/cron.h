#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/zone.h"

namespace aimass {

/// A cron expression: minute, hour, day of the month, month, weekday.
///
/// Each field is `*`, a number, a range `1-5`, a list `1,15`, and any of these with a step `*/15`.
/// Months and weekdays may be names (JAN, MON); 0 and 7 are Sunday. Where both days are given,
/// either is enough; a day that begins with `*` says nothing (as in cron(8)). `@hourly`, `@daily`,
/// `@weekly`, `@monthly` and `@yearly` stand for the usual five.
///
/// Threads  pure.
/// Source   crontab(5) of Vixie cron.
class Cron {
 public:
  /// Errors   kUnprocessable: which field, what was expected and found; or that it never comes.
  [[nodiscard]] static Result<Cron> Parse(std::string_view text);

  /// The first moment behind `utc_ms` (milliseconds since 1970, UTC) when the clocks of `zone` show
  /// such a time. A time that the zone leaves out comes right after the gap, all that fall into one
  /// gap once; a time that comes twice counts the first time only.
  [[nodiscard]] std::int64_t NextAfter(std::int64_t utc_ms, const Zone& zone) const;

 private:
  [[nodiscard]] bool OnDay(std::int64_t day) const;  // days since 1970-01-01

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;
  bool any_weekday_ = false;
};

}  // namespace aimass
