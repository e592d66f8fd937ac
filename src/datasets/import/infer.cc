#include "datasets/import/infer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <set>

#include "base/id.h"
#include "datasets/import/number.h"

namespace aimass {
namespace {

constexpr int kBool = 0;
constexpr int kInteger = 1;
constexpr int kGroupedInteger = 2;  // as of here twice: the next one has ',' for its point
constexpr int kDouble = 4;
constexpr int kGroupedDouble = 6;
constexpr int kMoney = 8;  // + 2 × currency
constexpr int kPercent = kMoney + 2 * kCurrencies;
constexpr int kLooseInteger = kPercent + 2;  // never by itself: for types that the user gave
constexpr int kLooseDouble = kLooseInteger + 1;
constexpr int kFirstDate = kLooseDouble + 2;  // + 3 × shape + (0 date, 1 timestamp, 2 with zone)
constexpr int kEnd = kFirstDate + 3 * kDateShapes;
static_assert(kEnd <= 64);
constexpr Candidates Bit(int candidate) { return Candidates{1} << candidate; }
constexpr int Date(DateShape shape, int form) {
  return kFirstDate + 3 * static_cast<int>(shape) + form;
}
constexpr Candidates Shape(DateShape shape) { return Candidates{7} << Date(shape, 0); }
constexpr Candidates kDates = ((Candidates{1} << (3 * kDateShapes)) - 1) << kFirstDate;
// All numbers with '.' for their point; those with ',' are one further.
constexpr Candidates kNumbers = [] {
  Candidates all = Bit(kGroupedInteger) | Bit(kDouble) | Bit(kGroupedDouble) | Bit(kPercent);
  for (int i = 0; i < kCurrencies; ++i) all |= Bit(kMoney + 2 * i);
  return all;
}();
constexpr Candidates kAmounts =
    kNumbers & ~Bit(kGroupedInteger) & ~Bit(kDouble) & ~Bit(kGroupedDouble) & ~Bit(kPercent);
// What every plain number passes too.
constexpr Candidates kAroundPlain = kNumbers & ~Bit(kGroupedInteger) & ~Bit(kPercent);

bool Digit(char c) { return c >= '0' && c <= '9'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
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
    case DateShape::kYmdAny:
      if (text.size() >= 8 && std::all_of(text.begin(), text.begin() + 8, Digit)) {
        ok = take(out.year, 4, 4) && take(out.month, 2, 2) && take(out.day, 2, 2);
      } else if (text.size() > 4 && (text[4] == '-' || text[4] == '/' || text[4] == '.')) {
        ok = ymd(std::string(1, text[4]));
      } else {
        return ParseDay(text, DateShape::kYmdChinese);
      }
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

// "2024-01-02", "2024-01-02 03:04:05", as most systems write them; nullopt: to be read the long
// way.
std::optional<Moment> ParseCommonMoment(std::string_view text) {
  if ((text.size() != 10 && text.size() != 19) || text[4] != '-' || text[7] != '-')
    return std::nullopt;
  bool digits = true;
  const auto two = [&](std::size_t at) {
    digits = digits && Digit(text[at]) && Digit(text[at + 1]);
    return (text[at] - '0') * 10 + (text[at + 1] - '0');
  };
  const int century = two(0);
  const std::chrono::year_month_day day{std::chrono::year(century * 100 + two(2)),
                                        std::chrono::month(static_cast<unsigned>(two(5))),
                                        std::chrono::day(static_cast<unsigned>(two(8)))};
  Moment out;
  std::int64_t seconds = 0;
  if (text.size() == 19) {
    if ((text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':')
      return std::nullopt;
    const int hour = two(11);
    const int minute = two(14);
    const int second = two(17);
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    seconds = (hour * 60 + minute) * 60 + second;
    out.clock = true;
  }
  if (!digits || !day.ok() || int{day.year()} < 1) return std::nullopt;
  out.unix_us =
      (std::int64_t{std::chrono::sys_days(day).time_since_epoch().count()} * 86'400 + seconds) *
      1'000'000;
  return out;
}

std::optional<Moment> ParseMoment(std::string_view text, DateShape shape) {
  if (shape == DateShape::kYmdDash) {
    if (auto common = ParseCommonMoment(text)) return common;
  }
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
  if (candidate == kBool) return {.kind = TypeKind::kBool};
  if (candidate == kInteger || candidate == kLooseInteger ||
      (candidate >= kGroupedInteger && candidate < kDouble)) {
    return {.kind = TypeKind::kInt64};
  }
  if (candidate < kFirstDate) return {.kind = TypeKind::kFloat64};
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
  if (value.empty()) return true;
  const char first = value.front();  // asked of every cell: nearly all stop here
  if (first != 'N' && first != 'n' && first != '\\' && first != '#') return false;
  return value.size() <= 4 && std::find(kWords.begin(), kWords.end(), value) != kWords.end();
}

Candidates AllCandidates(const InferOptions& options) {
  Candidates all = Bit(kBool) | Bit(kInteger) | kDates | kNumbers;
  // Amounts may be grouped too, so they go with the groups.
  if (!options.groups) all &= ~(Bit(kGroupedInteger) | Bit(kGroupedDouble) | kAmounts);
  if (options.decimal == ',') all = (all & ~kNumbers) | (all & kNumbers) << 1;
  if (options.date_order == "dmy")
    all &= ~(Shape(DateShape::kMdySlash) | Shape(DateShape::kMdyDash));
  if (options.date_order == "mdy") {
    all &= ~(Shape(DateShape::kDmySlash) | Shape(DateShape::kDmyDash) | Shape(DateShape::kDmyDot));
  }
  return all;
}

Candidates CandidatesFor(const Type& type, const InferOptions& options, bool loose) {
  Candidates found = 0;
  Candidates all = AllCandidates(options);
  if (loose) all |= Bit(kLooseInteger) | Bit(kLooseDouble + (options.decimal == ',' ? 1 : 0));
  for (int i = 0; i < kEnd; ++i) {
    const bool same = TypeOf(i) == type;
    const bool narrower = (type.kind == TypeKind::kInt8 || type.kind == TypeKind::kInt16 ||
                           type.kind == TypeKind::kInt32) &&
                          TypeOf(i).kind == TypeKind::kInt64;
    const bool float32 = type.kind == TypeKind::kFloat32 && TypeOf(i).kind == TypeKind::kFloat64;
    if ((all & Bit(i)) != 0 && (same || narrower || float32)) found |= Bit(i);
  }
  return found;
}

Candidates Passing(std::string_view value, Candidates among) {
  value = Trim(value);
  Candidates passing = 0;
  if ((among & Bit(kBool)) != 0 && ParseBool(value)) passing |= Bit(kBool);
  constexpr Candidates kIntegers =
      Bit(kInteger) | Bit(kGroupedInteger) | Bit(kGroupedInteger + 1) | Bit(kLooseInteger);
  if ((among & kIntegers) != 0 && ParseInteger(value)) passing |= kIntegers;
  for (int comma = 0; comma < 2; ++comma) {
    const Candidates around = kAroundPlain << comma;
    if ((among & around) != 0 && ParseDouble(value, comma == 0 ? '.' : ',')) passing |= around;
  }
  // The rest of the numbers, one by one: only what is not decided yet.
  constexpr Candidates kTried =
      (Bit(kFirstDate) - 1) & ~Bit(kBool) & ~Bit(kInteger) & ~Bit(kDouble) & ~Bit(kDouble + 1);
  for (Candidates left = among & kTried & ~passing; left != 0; left &= left - 1) {
    const int candidate = std::countr_zero(left);
    if (Convert(value, candidate).ok) passing |= Bit(candidate);
  }
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
  if (candidates == 0) return {};
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
    open |= possible & kDates & ~Shape(shape) & ~Shape(DateShape::kYmdAny);
  }
  return open;
}

Converted Convert(std::string_view value, int candidate) {
  value = Trim(value);
  const auto flag = [](std::optional<bool> b) {
    return b ? Converted{.ok = true, .integer = *b ? 1 : 0} : Converted{};
  };
  const auto integer = [](std::optional<std::int64_t> i) {
    return i ? Converted{.ok = true, .integer = *i} : Converted{};
  };
  const auto number = [](std::optional<double> d) {
    return d ? Converted{.ok = true, .number = *d} : Converted{};
  };
  switch (candidate) {
    case kBool:
      return flag(ParseBool(value));
    case kInteger:
      return integer(ParseInteger(value));
    case kDouble:
      return number(ParseDouble(value, '.'));
    case kDouble + 1:
      return number(ParseDouble(value, ','));
    case kLooseInteger:
      return integer(ParseLooseInteger(value));
    case kLooseDouble:
      return number(ParseLooseDouble(value, '.'));
    case kLooseDouble + 1:
      return number(ParseLooseDouble(value, ','));
    default:
      break;
  }
  if (candidate < kFirstDate) {
    const char decimal = (candidate & 1) == 0 ? '.' : ',';
    if (candidate < kDouble) return integer(ParseGroupedInteger(value, decimal));
    if (candidate < kMoney) return number(ParseGroupedDouble(value, decimal));
    if (candidate >= kPercent) return number(ParsePercent(value, decimal));
    return number(ParseMoney(value, static_cast<Currency>((candidate - kMoney) / 2), decimal));
  }
  const auto shape = static_cast<DateShape>((candidate - kFirstDate) / 3);
  const auto moment = ParseMoment(value, shape);
  if (!moment || !Fits(*moment, (candidate - kFirstDate) % 3)) return {};
  return {.ok = true, .integer = moment->unix_us};
}

std::optional<Message> HowStored(const Conversion& conversion, std::string_view column) {
  const int candidate = conversion.candidate;
  if (candidate < 0 || candidate >= kLooseInteger || candidate == kDouble ||
      candidate == kDouble + 1 || candidate < kGroupedInteger) {
    return std::nullopt;
  }
  if (candidate >= kPercent) {
    return Msg("column '{}' holds percentages; they are stored as numbers: 12.5% as 0.125", column);
  }
  if (candidate >= kMoney) {
    return Msg("column '{}' holds amounts of money; they are stored as numbers without the sign",
               column);
  }
  return (candidate & 1) == 0
             ? Msg("column '{}' holds numbers in groups of three digits: 1,234 is 1234; if the "
                   "comma is its decimal sign, set decimal to ,",
                   column)
             : Msg("column '{}' holds numbers in groups of three digits: 1.234 is 1234", column);
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
