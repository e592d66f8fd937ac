#include "models/features/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "models/random.h"

namespace aimass::features {
namespace {

constexpr std::string_view kWideSpace = "\u3000";

// The character at the start of `text`; its length in bytes goes to `length`. A broken sequence
// counts byte by byte.
char32_t Decode(std::string_view text, std::size_t* length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80    ? 1
                           : first >= 0xf0 ? 4
                           : first >= 0xe0 ? 3
                           : first >= 0xc0 ? 2
                                           : 1;
  *length = 1;
  if (size == 1 || size > text.size()) return first;
  char32_t code = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return first;
    code = (code << 6) | (byte(i) & 0x3f);
  }
  *length = size;
  return code;
}

bool IsIdeograph(char32_t c) {
  return (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
         (c >= 0x3040 && c <= 0x30ff) || (c >= 0xac00 && c <= 0xd7a3) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3134f);
}

// Letters and digits, everything beyond ASCII that is no ideograph and no common punctuation.
bool IsWord(char32_t c) {
  if (c < 0x80)
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  if (c >= 0x2000 && c <= 0x206f) return false;
  if (c >= 0x3000 && c <= 0x303f) return false;
  if (c >= 0xff00 && c <= 0xff0f) return false;
  return c > 0xbf && !IsIdeograph(c);
}

// Days since 1970-01-01 of a civil date. Source: Howard Hinnant, "chrono-compatible low-level date
// algorithms".
std::int64_t DaysFromCivil(int year, int month, int day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

int DaysInMonth(int year, int month) {
  constexpr std::array kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

// Reads pieces of a text from left to right.
struct Reader {
  std::string_view rest;

  bool Take(std::string_view word) {
    if (!rest.starts_with(word)) return false;
    rest.remove_prefix(word.size());
    return true;
  }
  bool Digits(std::size_t most, int* value, std::size_t least = 1) {
    std::size_t n = 0;
    int number = 0;
    while (n < most && n < rest.size() && rest[n] >= '0' && rest[n] <= '9')
      number = number * 10 + (rest[n++] - '0');
    if (n < least) return false;
    rest.remove_prefix(n);
    *value = number;
    return true;
  }
};

}  // namespace

std::string_view Trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  for (bool more = true; more;) {
    more = false;
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    while (text.starts_with(kWideSpace)) text.remove_prefix(kWideSpace.size()), more = true;
    while (text.ends_with(kWideSpace)) text.remove_suffix(kWideSpace.size()), more = true;
  }
  return text;
}

std::optional<double> ParseNumber(std::string_view text) {
  text = Trim(text);
  std::array<char, 64> digits{};
  std::size_t size = 0;
  bool negative = false, percent = false, seen_digit = false, currency = false;
  bool bracket = false, closed = false;
  while (!text.empty()) {
    std::size_t length = 1;
    char32_t c = Decode(text, &length);
    text.remove_prefix(length);
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;  // full width
    if (closed && c != ' ') return std::nullopt;
    if (c >= '0' && c <= '9') {
      if (percent) return std::nullopt;
      seen_digit = true;
    } else if (c == ',' || c == '_') {
      if (!seen_digit || percent) return std::nullopt;
      continue;
    } else if (c == ' ') {
      continue;
    } else if (c == '%') {
      if (percent || !seen_digit) return std::nullopt;
      percent = true;
      continue;
    } else if (c == '(') {
      if (bracket || seen_digit) return std::nullopt;
      bracket = true;
      continue;
    } else if (c == ')') {
      if (!bracket || !seen_digit) return std::nullopt;
      closed = true;
      continue;
    } else if ((c == '-' || c == 0x2212) && !seen_digit) {
      if (negative) return std::nullopt;
      negative = true;
      continue;
    } else if (c == '+' && !seen_digit && size == 0) {
      continue;
    } else if (c == '$' || c == 0xa5 || c == 0x20ac || c == 0xa3 || c == 0x5143 || c == 0xffe5) {
      if (currency) return std::nullopt;
      currency = true;
      continue;
    } else if (c != '.' && !(seen_digit && (c == 'e' || c == 'E' || c == '-' || c == '+'))) {
      return std::nullopt;
    }
    if (size == digits.size()) return std::nullopt;
    digits[size++] = static_cast<char>(c);
  }
  if (!seen_digit || (bracket && !closed)) return std::nullopt;
  double value = 0.0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + size, value);
  if (error != std::errc() || end != digits.data() + size || !std::isfinite(value))
    return std::nullopt;
  if (percent) value /= 100.0;
  return negative != bracket ? -value : value;
}

std::optional<std::int64_t> ParseTime(std::string_view text) {
  Reader in{Trim(text)};
  int year = 0, month = 0, day = 0;
  if (!in.Digits(4, &year, 4)) return std::nullopt;
  if (in.Take("年")) {
    if (!in.Digits(2, &month) || !in.Take("月") || !in.Digits(2, &day) || !in.Take("日"))
      return std::nullopt;
  } else {
    const std::string_view separator = in.rest.substr(0, 1);
    if (separator != "-" && separator != "/" && separator != ".") return std::nullopt;
    if (!in.Take(separator) || !in.Digits(2, &month) || !in.Take(separator) || !in.Digits(2, &day))
      return std::nullopt;
  }
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) return std::nullopt;
  std::int64_t us = DaysFromCivil(year, month, day) * 86'400'000'000;
  if (in.rest.empty()) return us;
  if (!in.Take("T") && !in.Take(" ")) return std::nullopt;
  in.rest = Trim(in.rest);
  int hour = 0, minute = 0, second = 0;
  if (!in.Digits(2, &hour) || !in.Take(":") || !in.Digits(2, &minute, 2)) return std::nullopt;
  if (in.Take(":") && !in.Digits(2, &second, 2)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  us += ((hour * 60LL + minute) * 60LL + second) * 1'000'000;
  if (in.Take(".")) {
    std::int64_t unit = 100'000;
    std::size_t n = 0;
    for (; n < in.rest.size() && in.rest[n] >= '0' && in.rest[n] <= '9'; ++n, unit /= 10)
      us += (in.rest[n] - '0') * unit;
    if (n == 0) return std::nullopt;
    in.rest.remove_prefix(n);
  }
  in.rest = Trim(in.rest);
  if (in.rest.empty() || in.rest == "Z" || in.rest == "UTC") return us;
  const bool west = in.rest.starts_with("-");
  if (!in.Take("+") && !in.Take("-")) return std::nullopt;
  int offset_hours = 0, offset_minutes = 0;
  if (!in.Digits(2, &offset_hours, 2)) return std::nullopt;
  in.Take(":");
  if (!in.rest.empty() && !in.Digits(2, &offset_minutes, 2)) return std::nullopt;
  if (!in.rest.empty() || offset_hours > 15 || offset_minutes > 59) return std::nullopt;
  const std::int64_t offset = (offset_hours * 60LL + offset_minutes) * 60'000'000;
  return west ? us + offset : us - offset;
}

CivilTime ToCivil(std::int64_t unix_us) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  std::int64_t days = unix_us / kDayUs;
  std::int64_t rest = unix_us % kDayUs;
  if (rest < 0) rest += kDayUs, --days;
  CivilTime civil;
  civil.weekday = static_cast<int>(((days + 3) % 7 + 7) % 7);
  civil.hour = static_cast<int>(rest / 3'600'000'000);
  civil.minute = static_cast<int>(rest / 60'000'000 % 60);
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  civil.day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  civil.month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  civil.year = static_cast<int>(yoe + era * 400 + (civil.month <= 2 ? 1 : 0));
  civil.days_in_month = DaysInMonth(civil.year, civil.month);
  return civil;
}

std::size_t ForEachToken(std::string_view text, const std::function<void(std::uint64_t)>& token) {
  constexpr std::uint64_t kStart = 0xcbf29ce484222325ULL;
  std::size_t count = 0;
  std::uint64_t word = kStart;
  bool in_word = false;
  std::uint64_t last_word = 0;  // 0: none before on this side of a sentence
  std::string_view last_character;
  const auto end_word = [&] {
    if (!in_word) return;
    token(word);
    if (last_word != 0) token(Fnv1a(" ", last_word) ^ (word * 0x9e3779b97f4a7c15ULL));
    last_word = word;
    ++count;
    in_word = false;
    word = kStart;
  };
  while (!text.empty()) {
    std::size_t length = 1;
    const char32_t c = Decode(text, &length);
    const std::string_view bytes = text.substr(0, length);
    text.remove_prefix(length);
    if (IsIdeograph(c)) {
      end_word();
      last_word = 0;
      const std::uint64_t single = Fnv1a(bytes);
      token(single);
      if (!last_character.empty()) token(Fnv1a(bytes, Fnv1a(last_character)));
      last_character = bytes;
      ++count;
      continue;
    }
    last_character = {};
    if (IsWord(c)) {
      in_word = true;
      if (c >= 'A' && c <= 'Z') {
        const char lower = static_cast<char>(c - 'A' + 'a');
        word = Fnv1a(std::string_view(&lower, 1), word);
      } else {
        word = Fnv1a(bytes, word);
      }
    } else {
      end_word();
      if (c == '.' || c == '!' || c == '?' || c == '\n') last_word = 0;
    }
  }
  end_word();
  return count;
}

std::size_t CountCharacters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace aimass::features
