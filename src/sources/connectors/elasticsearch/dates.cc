#include "sources/connectors/elasticsearch/dates.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::int64_t kUsPerMs = 1000;
constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kUsPerMinute = 60 * kUsPerSecond;
constexpr std::int64_t kUsPerDay = 24 * 60 * kUsPerMinute;
constexpr std::size_t kMaxFraction = 9;  // digits

constexpr std::int64_t UsOf(int year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  return std::chrono::sys_days{date}.time_since_epoch().count() * kUsPerDay;
}
constexpr std::int64_t kFirstUs = UsOf(1, 1, 1);
constexpr std::int64_t kEndUs = UsOf(9999, 12, 31) + kUsPerDay;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes what a text begins with.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : left_(text) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }
  [[nodiscard]] char next() const { return left_.empty() ? '\0' : left_.front(); }
  bool Take(char c) {
    if (next() != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  // Exactly so many digits.
  std::optional<int> Number(std::size_t digits) {
    if (left_.size() < digits || !std::ranges::all_of(left_.substr(0, digits), IsDigit))
      return std::nullopt;
    int value = 0;
    std::from_chars(left_.data(), left_.data() + digits, value);
    left_.remove_prefix(digits);
    return value;
  }
  // The digits that follow.
  std::string_view Digits() {
    const std::size_t end = std::min(left_.find_first_not_of("0123456789"), left_.size());
    const std::string_view digits = left_.substr(0, end);
    left_.remove_prefix(end);
    return digits;
  }

 private:
  std::string_view left_;
};

// A fraction's digits in units of 10^-places, cut off there.
std::int64_t Fraction(std::string_view digits, std::size_t places) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < places; ++i)
    value = value * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return value;
}

// "08:30:00.25", "08:30" or "08", in microseconds of the day.
std::optional<std::int64_t> TimeOfDay(Cutter& text) {
  const auto hour = text.Number(2);
  if (!hour || *hour > 23) return std::nullopt;
  std::int64_t us = *hour * 60 * kUsPerMinute;
  if (!text.Take(':')) return us;
  const auto minute = text.Number(2);
  if (!minute || *minute > 59) return std::nullopt;
  us += *minute * kUsPerMinute;
  if (!text.Take(':')) return us;
  const auto second = text.Number(2);
  if (!second || *second > 59) return std::nullopt;
  us += *second * kUsPerSecond;
  if (!text.Take('.') && !text.Take(',')) return us;
  const std::string_view digits = text.Digits();
  if (digits.empty() || digits.size() > kMaxFraction) return std::nullopt;
  return us + Fraction(digits, 6);
}

// "Z", "+08:00", "+0800", "+08" or nothing, in microseconds.
std::optional<std::int64_t> Offset(Cutter& text) {
  if (text.empty() || text.Take('Z')) return 0;
  const bool west = text.next() == '-';
  if (!text.Take('+') && !text.Take('-')) return std::nullopt;
  const auto hours = text.Number(2);
  if (!hours || *hours > 18) return std::nullopt;
  int minutes = 0;
  if (text.Take(':') || !text.empty()) {
    const auto given = text.Number(2);
    if (!given || *given > 59) return std::nullopt;
    minutes = *given;
  }
  return (west ? -1 : 1) * (*hours * 60 + minutes) * kUsPerMinute;
}

std::optional<std::int64_t> Iso(std::string_view whole) {
  Cutter text(whole);
  const auto year = text.Number(4);
  if (!year || *year == 0) return std::nullopt;
  int month = 1;
  int day = 1;
  if (text.Take('-')) {
    const auto given = text.Number(2);
    if (!given) return std::nullopt;
    month = *given;
    if (text.Take('-')) {
      const auto given_day = text.Number(2);
      if (!given_day) return std::nullopt;
      day = *given_day;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  const std::int64_t midnight = std::chrono::sys_days{date}.time_since_epoch().count() * kUsPerDay;
  if (text.empty()) return midnight;
  if (!text.Take('T')) return std::nullopt;
  std::int64_t time = 0;
  if (!text.empty()) {
    const auto given = TimeOfDay(text);
    if (!given) return std::nullopt;
    time = *given;
  }
  const auto offset = Offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return midnight + time - *offset;
}

// "1764318600000", "-1.5", in units of so many microseconds.
std::optional<std::int64_t> Epoch(std::string_view whole, std::int64_t unit_us,
                                  std::size_t places) {
  const bool negative = whole.starts_with('-');
  if (negative) whole.remove_prefix(1);
  Cutter text(whole);
  const std::string_view digits = text.Digits();
  std::int64_t units = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), units);
  if (digits.empty() || error != std::errc()) return std::nullopt;
  std::int64_t us = 0;
  if (__builtin_mul_overflow(units, unit_us, &us)) return std::nullopt;
  bool cut = false;
  if (text.Take('.')) {
    const std::string_view fraction = text.Digits();
    if (fraction.empty() || fraction.size() > kMaxFraction) return std::nullopt;
    if (__builtin_add_overflow(us, Fraction(fraction, places), &us)) return std::nullopt;
    cut = fraction.size() > places &&
          fraction.find_first_not_of('0', places) != std::string_view::npos;
  }
  if (!text.empty()) return std::nullopt;
  return negative ? -us - (cut ? 1 : 0) : us;
}

std::int64_t WholeMs(std::int64_t us) {
  const std::int64_t rest = us % kUsPerMs;
  return us - (rest < 0 ? rest + kUsPerMs : rest);
}

}  // namespace

std::optional<std::vector<DateForm>> DateFormsOf(std::string_view format) {
  static constexpr std::array<std::pair<std::string_view, DateForm>, 4> kForms = {{
      {"strict_date_optional_time", DateForm::kIso},
      {"strict_date_optional_time_nanos", DateForm::kIso},
      {"epoch_millis", DateForm::kMillis},
      {"epoch_second", DateForm::kSeconds},
  }};
  std::vector<DateForm> forms;
  for (std::string_view left = format;;) {
    const std::size_t bar = left.find("||");
    const auto known =
        std::ranges::find(kForms, left.substr(0, bar), [](const auto& form) { return form.first; });
    if (known == kForms.end()) return std::nullopt;
    forms.push_back(known->second);
    if (bar == std::string_view::npos) return forms;
    left.remove_prefix(bar + 2);
  }
}

std::optional<std::int64_t> ParseDate(std::string_view text, std::span<const DateForm> forms,
                                      bool nanos) {
  for (const DateForm form : forms) {
    const std::optional<std::int64_t> us = form == DateForm::kIso ? Iso(text)
                                           : form == DateForm::kMillis
                                               ? Epoch(text, kUsPerMs, 3)
                                               : Epoch(text, kUsPerSecond, 6);
    if (!us) continue;
    if (*us < kFirstUs || *us >= kEndUs) return std::nullopt;
    return nanos ? *us : WholeMs(*us);
  }
  return std::nullopt;
}

}  // namespace aimass::connectors::elasticsearch
