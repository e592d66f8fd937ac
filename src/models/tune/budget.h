#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "base/clock.h"

namespace aimass {

/// What is left of the time that a user gave a training. Everything counts: reading, features, the
/// search, the fits of what is shipped, the report.
class TimeBudget {
 public:
  using Clock = std::function<std::int64_t()>;  // milliseconds, rising

  /// `begin_ms`: when the training began; `closing_ms`: what the report and the files take.
  TimeBudget(std::int64_t begin_ms, double time_s, std::int64_t closing_ms, Clock clock = SteadyMs)
      : begin_ms_(begin_ms),
        end_ms_(begin_ms + static_cast<std::int64_t>(time_s * 1000.0)),
        closing_ms_(closing_ms),
        clock_(std::move(clock)) {}

  [[nodiscard]] std::int64_t Now() const { return clock_(); }
  [[nodiscard]] std::int64_t Used() const { return Now() - begin_ms_; }
  [[nodiscard]] std::int64_t ToEnd() const { return end_ms_ - Now(); }
  /// Until the report has to begin; negative past it.
  [[nodiscard]] std::int64_t Left() const { return ToEnd() - closing_ms_; }
  [[nodiscard]] std::int64_t total() const { return end_ms_ - begin_ms_; }

 private:
  std::int64_t begin_ms_;
  std::int64_t end_ms_;
  std::int64_t closing_ms_;
  Clock clock_;
};

}  // namespace aimass
