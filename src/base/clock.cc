#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>

namespace aimass {

std::int64_t NowUnixMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t SteadyMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string ToRfc3339(std::int64_t unix_ms) {
  const std::int64_t ms = ((unix_ms % 1000) + 1000) % 1000;
  const std::time_t seconds = static_cast<std::time_t>((unix_ms - ms) / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms);
}

std::optional<std::int64_t> FromRfc3339(std::string_view text) {
  constexpr std::int64_t kYear0Ms = -62'167'219'200'000;
  constexpr std::int64_t kYear10000Ms = 253'402'300'800'000;
  std::tm utc{};
  const std::string copy(text);
  const char* const time = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (time == nullptr) return std::nullopt;
  std::string_view rest = text.substr(static_cast<std::size_t>(time - copy.c_str()));
  double fraction = 0.0;
  if (rest.starts_with('.')) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (digits == 1) return std::nullopt;
    std::from_chars(rest.data(), rest.data() + digits, fraction);
    rest.remove_prefix(digits);
  }
  std::int64_t offset_minutes = 0;
  if (rest != "Z" && rest != "z") {
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') {
      return std::nullopt;
    }
    for (const std::size_t at : {1, 2, 4, 5}) {
      if (rest[at] < '0' || rest[at] > '9') return std::nullopt;
    }
    const auto number = [rest](std::size_t at) {
      return (rest[at] - '0') * 10 + (rest[at + 1] - '0');
    };
    if (number(1) > 23 || number(4) > 59) return std::nullopt;
    offset_minutes = (rest[0] == '-' ? -1 : 1) * (number(1) * 60 + number(4));
  }
  const std::int64_t unix_ms =
      (static_cast<std::int64_t>(timegm(&utc)) - offset_minutes * 60) * 1000 +
      std::llround(fraction * 1000.0);
  if (unix_ms < kYear0Ms || unix_ms >= kYear10000Ms) return std::nullopt;
  return unix_ms;
}

std::optional<std::int64_t> ParseDurationMs(std::string_view text) {
  double number = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number) || number < 0.0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double factor = 0.0;
  if (unit == "ms") factor = 1.0;
  if (unit == "s" || unit.empty()) factor = 1000.0;
  if (unit == "m" || unit == "min") factor = 60'000.0;
  if (unit == "h") factor = 3'600'000.0;
  if (unit == "d") factor = 86'400'000.0;
  if (factor == 0.0 || number * factor > 9e15) return std::nullopt;
  return std::llround(number * factor);
}

}  // namespace aimass
