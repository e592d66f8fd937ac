#include "base/clock.h"

#include <fmt/format.h>

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
  std::tm utc{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return std::nullopt;
  double fraction = 0.0;
  if (*rest == '.') {
    const auto [end, error] = std::from_chars(rest, copy.data() + copy.size(), fraction);
    if (error != std::errc{}) return std::nullopt;
    rest = end;
  }
  std::int64_t offset_minutes = 0;
  if (*rest == 'Z' || *rest == 'z') {
    ++rest;
  } else if (*rest == '+' || *rest == '-') {
    int hours = 0;
    int minutes = 0;
    if (std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) return std::nullopt;
    offset_minutes = (*rest == '-' ? -1 : 1) * (hours * 60 + minutes);
    rest += 6;
  } else {
    return std::nullopt;
  }
  if (rest != copy.data() + copy.size()) return std::nullopt;
  return (static_cast<std::int64_t>(timegm(&utc)) - offset_minutes * 60) * 1000 +
         std::llround(fraction * 1000.0);
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
