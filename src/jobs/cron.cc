#include "jobs/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/words.h"

namespace aimass {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kCalendarDays = 146'097;  // after 400 years the calendar repeats

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays{"SUN", "MON", "TUE", "WED",
                                                    "THU", "FRI", "SAT"};

struct CronField {
  std::string_view name;
  int least;
  int greatest;
  std::span<const std::string_view> names;  // of least, least + 1 …
};
constexpr std::array kFields{CronField{"minute", 0, 59, {}}, CronField{"hour", 0, 23, {}},
                             CronField{"day of the month", 1, 31, {}},
                             CronField{"month", 1, 12, kMonths},
                             CronField{"weekday", 0, 7, kWeekdays}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kShort{{
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
}};

std::vector<std::string_view> Split(std::string_view text, std::string_view separators,
                                    bool keep_empty) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find_first_of(separators);
    const std::string_view part = text.substr(0, at);
    if (keep_empty || !part.empty()) parts.push_back(part);
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Message Examples() {
  return Msg("for example '*/5 * * * *' is every 5 minutes, '0 2 * * MON-FRI' weekdays at 2:00");
}

std::unexpected<Error> Wrong(std::string_view text, const CronField& field,
                             std::string_view found) {
  const std::string name(field.name);
  if (field.names.empty()) {
    return WithHint(Fail(ErrorCode::kUnprocessable,
                         "cron '{}': the {} must be {} to {}, * or a list, range or step of these, "
                         "found '{}'",
                         text, Word{name}, field.least, field.greatest, found),
                    Examples());
  }
  return WithHint(Fail(ErrorCode::kUnprocessable,
                       "cron '{}': the {} must be {} to {}, {} to {}, * or a list, range or step "
                       "of these, found '{}'",
                       text, Word{name}, field.least, field.greatest, field.names.front(),
                       field.names.back(), found),
                  Examples());
}

std::optional<int> NumberOf(std::string_view text, const CronField& field) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (std::ranges::equal(text, field.names[i], [](char a, char b) {
          return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b;
        }))
      return field.least + static_cast<int>(i);
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.front() == '-' || error != std::errc() ||
      end != text.data() + text.size() || value < field.least || value > field.greatest)
    return std::nullopt;
  return value;
}

// The numbers that one field names, as bits.
Result<std::uint64_t> BitsOf(std::string_view text, std::string_view field_text,
                             const CronField& field) {
  std::uint64_t bits = 0;
  for (const std::string_view part : Split(field_text, ",", true)) {
    const std::size_t slash = part.find('/');
    const std::string_view range = part.substr(0, slash);
    int step = 1;
    if (slash != std::string_view::npos) {
      const std::string_view digits = part.substr(slash + 1);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
      if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
          step < 1 || step > field.greatest)
        return Wrong(text, field, field_text);
    }
    int first = field.least;
    int last = field.greatest;
    if (range != "*") {
      const std::size_t dash = range.find('-');
      const auto from = NumberOf(range.substr(0, dash), field);
      if (!from) return Wrong(text, field, field_text);
      first = *from;
      if (dash != std::string_view::npos) {
        const auto to = NumberOf(range.substr(dash + 1), field);
        if (!to) return Wrong(text, field, field_text);
        last = *to;
        // "FRI-SUN": the week ends with its Sunday.
        if (last == 0 && first > 0 && field.greatest == 7) last = 7;
        if (last < first) return Wrong(text, field, field_text);
      } else if (slash == std::string_view::npos) {
        last = first;
      }
    }
    for (int value = first; value <= last; value += step) bits |= std::uint64_t{1} << value;
  }
  return bits;
}

}  // namespace

Result<Cron> Cron::Parse(std::string_view text) {
  std::string_view whole = text;
  if (text.starts_with('@')) {
    const auto* const known =
        std::ranges::find(kShort, text, [](const auto& p) { return p.first; });
    if (known == kShort.end()) {
      return Fail(ErrorCode::kUnprocessable,
                  "no schedule '{}'; there are: @hourly @daily @weekly @monthly @yearly", text);
    }
    whole = known->second;
  }
  const std::vector<std::string_view> parts = Split(whole, " \t", false);
  if (parts.size() != kFields.size()) {
    return WithHint(Fail(ErrorCode::kUnprocessable,
                         "cron '{}': expected 5 fields (minute, hour, day of the month, month, "
                         "weekday), found {}",
                         text, parts.size()),
                    Examples());
  }
  std::array<std::uint64_t, kFields.size()> bits{};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    ASSIGN_OR_RETURN(bits[i], BitsOf(text, parts[i], kFields[i]));
  }
  Cron cron;
  cron.minutes_ = bits[0];
  cron.hours_ = bits[1];
  cron.days_ = bits[2];
  cron.months_ = bits[3];
  cron.weekdays_ = (bits[4] | (bits[4] >> 7)) & 0x7f;  // 7 is Sunday, too
  cron.any_day_ = parts[2].starts_with('*');
  cron.any_weekday_ = parts[4].starts_with('*');
  if (!cron.any_day_ && !cron.any_weekday_) return cron;  // some weekday always comes
  // In 400 years each day of the year falls on each weekday, so only days that no month has are
  // left.
  constexpr std::array kDaysOf{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (std::size_t month = 1; month <= 12; ++month) {
    if (!cron.months_[month]) continue;
    for (int day = 1; day <= kDaysOf[month]; ++day) {
      if (cron.days_[static_cast<std::size_t>(day)]) return cron;
    }
  }
  return WithHint(
      Fail(ErrorCode::kUnprocessable, "cron '{}' never comes: the month '{}' has no day '{}'", text,
           parts[3], parts[2]),
      Examples());
}

bool Cron::OnDay(std::int64_t day) const {
  using namespace std::chrono;
  const sys_days date{days{day}};
  const year_month_day ymd{date};
  if (!months_[static_cast<unsigned>(ymd.month())]) return false;
  const bool on_day = days_[static_cast<unsigned>(ymd.day())];
  const bool on_weekday = weekdays_[weekday{date}.c_encoding()];
  if (any_day_ || any_weekday_) return on_day && on_weekday;
  return on_day || on_weekday;
}

std::int64_t Cron::NextAfter(std::int64_t utc_ms, const Zone& zone) const {
  const std::int64_t wall = zone.ToWall(utc_ms);
  std::int64_t day = wall / kDayMs - (wall % kDayMs < 0 ? 1 : 0);
  std::int64_t minute = (wall - day * kDayMs) / kMinuteMs;  // of that day
  // Parse() refused what has no day in 400 years; where a day left out moves a moment to the next,
  // one more is looked at.
  for (const std::int64_t end = day + kCalendarDays + 1; day <= end; ++day, minute = 0) {
    if (!OnDay(day)) continue;
    for (; minute < 24 * 60; ++minute) {
      if (!hours_[static_cast<std::size_t>(minute / 60)]) {
        minute += 59 - minute % 60;
        continue;
      }
      if (!minutes_[static_cast<std::size_t>(minute % 60)]) continue;
      const std::int64_t moment = zone.FromWall(day * kDayMs + minute * kMinuteMs);
      if (moment > utc_ms) return moment;
    }
  }
  return INT64_MAX;
}

}  // namespace aimass
