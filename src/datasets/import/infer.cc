#include "datasets/import/infer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <set>

#include "base/id.h"

namespace aimass {
namespace {

constexpr int kBool = 0;
constexpr int kInteger = 1;
constexpr int kDouble = 2;
constexpr int kDoubleComma = 3;
constexpr int kFirstDate = 4;  // + 3 × shape + (0 date, 1 timestamp, 2 timestamp with zone)
constexpr int kEnd = kFirstDate + 3 * kDateShapes;
constexpr Candidates Bit(int candidate) { return Candidates{1} << candidate; }
constexpr int Date(DateShape shape, int form) {
  return kFirstDate + 3 * static_cast<int>(shape) + form;
}
constexpr Candidates Shape(DateShape shape) { return Candidates{7} << Date(shape, 0); }
constexpr Candidates kDates = ((Candidates{1} << (3 * kDateShapes)) - 1) << kFirstDate;
constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;

bool Digit(char c) { return c >= '0' && c <= '9'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Digits with an optional minus, without a leading zero; "-0" is not one.
bool IntegerForm(std::string_view text) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    if (text == "0") return false;
  }
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  return std::all_of(text.begin(), text.end(), Digit);
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  if (!IntegerForm(text)) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// [-]digits[.digits][e[±]digits], no leading zero before another digit.
bool DoubleForm(std::string_view text, char decimal) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t begin = at;
  while (at < text.size() && Digit(text[at])) ++at;
  const std::size_t whole = at - begin;
  if (whole > 1 && text[begin] == '0') return false;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == decimal) {
    for (++at; at < text.size() && Digit(text[at]); ++at) ++fraction;
  }
  if (whole + fraction == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent = at;
    while (at < text.size() && Digit(text[at])) ++at;
    if (at == exponent) return false;
  }
  return at == text.size();
}

std::optional<double> ParseDouble(std::string_view text, char decimal) {
  if (!DoubleForm(text, decimal)) return std::nullopt;
  // A whole number that a double cannot hold exactly is an identifier.
  if (text.size() > 15 && text.find_first_of(".,eE") == std::string_view::npos) {
    const auto whole = ParseInteger(text);
    if (!whole || *whole > kExactInDouble || *whole < -kExactInDouble) return std::nullopt;
  }
  std::string buffer;
  if (decimal != '.') {
    buffer = text;
    std::replace(buffer.begin(), buffer.end(), decimal, '.');
    text = buffer;
  }
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

// Reads `min` to `max` digits off the front.
std::optional<int> Digits(std::string_view& text, std::size_t min, std::size_t max) {
  std::size_t count = 0;
  int value = 0;
  while (count < max && count < text.size() && Digit(text[count])) {
    value = value * 10 + (text[count] - '0');
    ++count;
  }
  if (count < min) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool Eat(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

std::optional<int> MonthName(std::string_view& text) {
  constexpr std::array<std::string_view, 12> kNames{
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  std::size_t letters = 0;
  std::string word;
  while (letters < text.size() && letters < 10) {
    const char c = static_cast<char>(text[letters] | 0x20);
    if (c < 'a' || c > 'z') break;
    word += c;
    ++letters;
  }
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (word == kNames[i] || (word.size() == 3 && kNames[i].starts_with(word))) {
      text.remove_prefix(letters);
      return static_cast<int>(i) + 1;
    }
  }
  return std::nullopt;
}

struct Day {
  int year = 0;
  int month = 0;
  int day = 0;
};

std::optional<Day> ParseDay(std::string_view& text, DateShape shape) {
  Day out;
  const auto take = [&text](int& into, std::size_t min, std::size_t max) {
    const auto value = Digits(text, min, max);
    if (value) into = *value;
    return value.has_value();
  };
  const auto ymd = [&](std::string_view separator) {
    return take(out.year, 4, 4) && Eat(text, separator) && take(out.month, 1, 2) &&
           Eat(text, separator) && take(out.day, 1, 2);
  };
  const auto other = [&](int& first, int& second, std::string_view separator) {
    return take(first, 1, 2) && Eat(text, separator) && take(second, 1, 2) &&
           Eat(text, separator) && take(out.year, 4, 4);
  };
  bool ok = false;
  switch (shape) {
    case DateShape::kYmdDash:
      ok = ymd("-");
      break;
    case DateShape::kYmdSlash:
      ok = ymd("/");
      break;
    case DateShape::kYmdDot:
      ok = ymd(".");
      break;
    case DateShape::kYmdChinese:
      ok = take(out.year, 4, 4) && Eat(text, "年") && take(out.month, 1, 2) && Eat(text, "月") &&
           take(out.day, 1, 2) && Eat(text, "日");
      break;
    case DateShape::kMdySlash:
      ok = other(out.month, out.day, "/");
      break;
    case DateShape::kDmySlash:
      ok = other(out.day, out.month, "/");
      break;
    case DateShape::kMdyDash:
      ok = other(out.month, out.day, "-");
      break;
    case DateShape::kDmyDash:
      ok = other(out.day, out.month, "-");
      break;
    case DateShape::kDmyDot:
      ok = other(out.day, out.month, ".");
      break;
    case DateShape::kDmyName: {
      if (!take(out.day, 1, 2)) break;
      const std::string_view separator = text.starts_with('-') ? "-" : " ";
      if (!Eat(text, separator)) break;
      const auto month = MonthName(text);
      if (!month) break;
      out.month = *month;
      ok = Eat(text, separator) && take(out.year, 4, 4);
      break;
    }
  }
  if (!ok || (!text.empty() && Digit(text.front()))) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(out.year),
                                        std::chrono::month(static_cast<unsigned>(out.month)),
                                        std::chrono::day(static_cast<unsigned>(out.day))};
  if (!day.ok() || out.year < 1) return std::nullopt;
  return out;
}

// "T" or spaces, then H:MM[:SS[.f…]] and an AM or PM. Microseconds of the day; digits beyond are
// dropped.
std::optional<std::int64_t> ParseClock(std::string_view& text) {
  if (!Eat(text, "T") && !Eat(text, " ")) return std::nullopt;
  while (Eat(text, " ")) {
  }
  const auto hour = Digits(text, 1, 2);
  if (!hour || !Eat(text, ":")) return std::nullopt;
  const auto minute = Digits(text, 2, 2);
  if (!minute) return std::nullopt;
  std::int64_t second = 0;
  std::int64_t micros = 0;
  if (Eat(text, ":")) {
    const auto value = Digits(text, 2, 2);
    if (!value) return std::nullopt;
    second = *value;
    if (Eat(text, ".")) {
      std::int64_t scale = 100'000;
      std::size_t digits = 0;
      for (; digits < text.size() && Digit(text[digits]); ++digits, scale /= 10) {
        micros += (text[digits] - '0') * scale;
      }
      if (digits == 0 || digits > 9) return std::nullopt;
      text.remove_prefix(digits);
    }
  }
  std::int64_t hours = *hour;
  std::string_view rest = text;
  Eat(rest, " ");
  const bool pm = Eat(rest, "PM") || Eat(rest, "pm");
  if (pm || Eat(rest, "AM") || Eat(rest, "am")) {
    if (hours < 1 || hours > 12) return std::nullopt;
    hours = hours % 12 + (pm ? 12 : 0);
    text = rest;
  }
  if (hours > 23 || *minute > 59 || second > 59) return std::nullopt;
  return ((hours * 60 + *minute) * 60 + second) * 1'000'000 + micros;
}

// "Z", "+08:00", "+0800", "+08", " UTC": minutes east.
std::optional<int> ParseZone(std::string_view& text) {
  if (Eat(text, "Z") || Eat(text, " UTC") || Eat(text, "UTC")) return 0;
  Eat(text, " ");
  const int sign = text.starts_with('-') ? -1 : 1;
  if (!Eat(text, "+") && !Eat(text, "-")) return std::nullopt;
  const auto hours = Digits(text, 2, 2);
  if (!hours || *hours > 15) return std::nullopt;
  int minutes = 0;
  const bool colon = Eat(text, ":");
  if (colon || (!text.empty() && Digit(text.front()))) {
    const auto value = Digits(text, 2, 2);
    if (!value || *value > 59) return std::nullopt;
    minutes = *value;
  }
  return sign * (*hours * 60 + minutes);
}

struct Moment {
  std::int64_t unix_us = 0;
  bool clock = false;
  bool zone = false;
};

std::optional<Moment> ParseMoment(std::string_view text, DateShape shape) {
  const auto day = ParseDay(text, shape);
  if (!day) return std::nullopt;
  const std::chrono::sys_days days = std::chrono::year_month_day{
      std::chrono::year(day->year), std::chrono::month(static_cast<unsigned>(day->month)),
      std::chrono::day(static_cast<unsigned>(day->day))};
  Moment out{.unix_us = std::int64_t{days.time_since_epoch().count()} * 86'400'000'000};
  if (text.empty()) return out;
  const auto clock = ParseClock(text);
  if (!clock) return std::nullopt;
  out.unix_us += *clock;
  out.clock = true;
  if (text.empty()) return out;
  const auto zone = ParseZone(text);
  if (!zone || !text.empty()) return std::nullopt;
  out.zone = true;
  out.unix_us -= std::int64_t{*zone} * 60'000'000;
  return out;
}

// A date passes as date and timestamp; with a time of day as timestamp only; with a zone as that
// only.
bool Fits(const Moment& moment, int form) {
  switch (form) {
    case 0:
      return !moment.clock;
    case 1:
      return !moment.zone;
    default:
      return moment.zone;
  }
}

Type TypeOf(int candidate) {
  switch (candidate) {
    case kBool:
      return {.kind = TypeKind::kBool};
    case kInteger:
      return {.kind = TypeKind::kInt64};
    case kDouble:
    case kDoubleComma:
      return {.kind = TypeKind::kFloat64};
    default:
      break;
  }
  switch ((candidate - kFirstDate) % 3) {
    case 0:
      return {.kind = TypeKind::kDate};
    case 1:
      return {.kind = TypeKind::kTimestamp};
    default:
      return {.kind = TypeKind::kTimestampTz};
  }
}

}  // namespace

bool DefaultNull(std::string_view value) {
  constexpr std::array<std::string_view, 12> kWords{"NA",  "N/A", "n/a",  "NULL", "null", "Null",
                                                    "NaN", "nan", "None", "\\N",  "#N/A", "na"};
  return value.empty() ||
         (value.size() <= 4 && std::find(kWords.begin(), kWords.end(), value) != kWords.end());
}

Candidates AllCandidates(const InferOptions& options) {
  Candidates all = Bit(kBool) | Bit(kInteger) | kDates;
  all |= options.decimal == ',' ? Bit(kDoubleComma) : Bit(kDouble);
  if (options.date_order == "dmy")
    all &= ~(Shape(DateShape::kMdySlash) | Shape(DateShape::kMdyDash));
  if (options.date_order == "mdy") {
    all &= ~(Shape(DateShape::kDmySlash) | Shape(DateShape::kDmyDash) | Shape(DateShape::kDmyDot));
  }
  return all;
}

Candidates CandidatesFor(const Type& type, const InferOptions& options) {
  Candidates found = 0;
  const Candidates all = AllCandidates(options);
  for (int i = 0; i < kEnd; ++i) {
    const bool same = TypeOf(i) == type;
    const bool narrower = (type.kind == TypeKind::kInt8 || type.kind == TypeKind::kInt16 ||
                           type.kind == TypeKind::kInt32) &&
                          i == kInteger;
    const bool float32 = type.kind == TypeKind::kFloat32 && TypeOf(i).kind == TypeKind::kFloat64;
    if ((all & Bit(i)) != 0 && (same || narrower || float32)) found |= Bit(i);
  }
  return found;
}

Candidates Passing(std::string_view value, Candidates among) {
  value = Trim(value);
  Candidates passing = 0;
  if ((among & Bit(kBool)) != 0 && ParseBool(value)) passing |= Bit(kBool);
  if ((among & Bit(kInteger)) != 0 && ParseInteger(value)) passing |= Bit(kInteger);
  if ((among & Bit(kDouble)) != 0 && ParseDouble(value, '.')) passing |= Bit(kDouble);
  if ((among & Bit(kDoubleComma)) != 0 && ParseDouble(value, ',')) passing |= Bit(kDoubleComma);
  if ((among & kDates) != 0 && value.size() >= 8 && Digit(value.front())) {
    for (int shape = 0; shape < kDateShapes; ++shape) {
      if ((among & Shape(static_cast<DateShape>(shape))) == 0) continue;
      const auto moment = ParseMoment(value, static_cast<DateShape>(shape));
      if (!moment) continue;
      for (int form = 0; form < 3; ++form) {
        if (Fits(*moment, form)) passing |= Bit(Date(static_cast<DateShape>(shape), form));
      }
    }
  }
  return passing & among;
}

Conversion Choose(Candidates candidates, std::int64_t real, bool* ambiguous) {
  *ambiguous = false;
  if (candidates == 0 || real == 0) return {};
  const int first = std::countr_zero(candidates);
  const auto both = [candidates](DateShape one, DateShape other) {
    return (candidates & Shape(one)) != 0 && (candidates & Shape(other)) != 0;
  };
  if (first >= kFirstDate && (both(DateShape::kMdySlash, DateShape::kDmySlash) ||
                              both(DateShape::kMdyDash, DateShape::kDmyDash))) {
    *ambiguous = true;
    return {};
  }
  return {.type = TypeOf(first), .candidate = first};
}

Conversion FirstOf(Candidates candidates) {
  if (candidates == 0 || std::countr_zero(candidates) >= kFirstDate) return {};
  return {.type = TypeOf(std::countr_zero(candidates)), .candidate = std::countr_zero(candidates)};
}

Candidates CandidateBit(const Conversion& conversion) {
  return conversion.candidate < 0 ? 0 : Bit(conversion.candidate);
}

Candidates OpenBeside(Candidates possible, const Conversion& conversion) {
  if (conversion.candidate < 0) return possible;
  Candidates open = possible & (Bit(conversion.candidate) - 1);
  if (conversion.candidate >= kFirstDate) {
    const auto shape = static_cast<DateShape>((conversion.candidate - kFirstDate) / 3);
    open |= possible & kDates & ~Shape(shape);
  }
  return open;
}

Converted Convert(std::string_view value, int candidate) {
  value = Trim(value);
  switch (candidate) {
    case kBool:
      if (const auto flag = ParseBool(value)) return {.ok = true, .integer = *flag ? 1 : 0};
      return {};
    case kInteger:
      if (const auto integer = ParseInteger(value)) return {.ok = true, .integer = *integer};
      return {};
    case kDouble:
    case kDoubleComma:
      if (const auto number = ParseDouble(value, candidate == kDouble ? '.' : ',')) {
        return {.ok = true, .number = *number};
      }
      return {};
    default:
      break;
  }
  const auto shape = static_cast<DateShape>((candidate - kFirstDate) / 3);
  const auto moment = ParseMoment(value, shape);
  if (!moment || !Fits(*moment, (candidate - kFirstDate) % 3)) return {};
  return {.ok = true, .integer = moment->unix_us};
}

std::vector<std::string> UniqueNames(const std::vector<std::string>& names,
                                     std::vector<Message>* warnings) {
  std::vector<std::string> out;
  std::set<std::string> used;
  // Names that stand as they are keep themselves: a made-up one must not take the place of a given
  // one.
  std::set<std::string> given;
  for (const std::string& name : names) given.insert(NameKey(name));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool empty = Trim(names[i]).empty();
    const std::string base = empty ? fmt::format("column{}", i + 1) : names[i];
    std::string name = base;
    for (int number = 2;
         used.contains(NameKey(name)) || (name != names[i] && given.contains(NameKey(name)));
         ++number) {
      name = fmt::format("{}_{}", base, number);
    }
    if (empty) {
      warnings->push_back(Msg("column {} has no name; it is called '{}'", i + 1, name));
    } else if (name != base) {
      warnings->push_back(
          Msg("there are several columns '{}'; column {} is called '{}'", base, i + 1, name));
    }
    used.insert(NameKey(name));
    out.push_back(std::move(name));
  }
  return out;
}

}  // namespace aimass
