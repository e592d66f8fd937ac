#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// A time zone of the IANA database, with its daylight saving time.
///
/// Units    Times are milliseconds since 1970-01-01: UTC, or "wall": what a clock on the wall there
///          shows, counted as if it were UTC.
/// Threads  any.
/// Source   the rules are those of the ICU library that this build links.
class Zone {
 public:
  /// "Asia/Shanghai", "UTC". Short names (CST, EST) are refused: they mean several places.
  /// Errors   kUnprocessable naming the nearest known one.
  [[nodiscard]] static Result<Zone> Find(std::string_view name);
  /// The name of the machine's own; "UTC" where it has none that is known.
  [[nodiscard]] static std::string OfMachine();

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] std::int64_t ToWall(std::int64_t utc_ms) const;
  /// When a clock there shows `wall_ms`: the first time, where it does so twice; the moment after
  /// the gap, where it leaves that time out. Never falls while `wall_ms` grows.
  [[nodiscard]] std::int64_t FromWall(std::int64_t wall_ms) const;

 private:
  struct Rules;
  explicit Zone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const Rules> rules_;
};

}  // namespace aimass
