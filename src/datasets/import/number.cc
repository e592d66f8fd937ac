#include "datasets/import/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace aimass {
namespace {

constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;

bool Digit(char c) { return c >= '0' && c <= '9'; }

// Digits with an optional minus, without a leading zero; "-0" is not one.
bool IntegerForm(std::string_view text) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    if (text == "0") return false;
  }
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  return std::all_of(text.begin(), text.end(), Digit);
}

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

bool Eat(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

bool EatBack(std::string_view& text, std::string_view what) {
  if (!text.ends_with(what)) return false;
  text.remove_suffix(what.size());
  return true;
}

void TrimSpaces(std::string_view& text) {
  while (Eat(text, " ")) {
  }
  while (EatBack(text, " ")) {
  }
}

// "1,234,567.8" as "1234567.8", with '.' for the point. nullopt where there are no groups of three.
std::optional<std::string> WithoutGroups(std::string_view text, char decimal) {
  const char group = decimal == ',' ? '.' : ',';
  std::string plain;
  if (Eat(text, "-")) plain = "-";
  std::size_t lead = 0;
  while (lead < text.size() && Digit(text[lead])) ++lead;
  if (lead < 1 || lead > 3 || text.front() == '0' || lead == text.size() || text[lead] != group)
    return std::nullopt;
  plain += text.substr(0, lead);
  text.remove_prefix(lead);
  while (text.starts_with(group)) {
    if (text.size() < 4 || !std::all_of(text.begin() + 1, text.begin() + 4, Digit))
      return std::nullopt;
    plain += text.substr(1, 3);
    text.remove_prefix(4);
  }
  if (text.empty()) return plain;
  if (text.front() != decimal) return std::nullopt;
  text.remove_prefix(1);
  if (!std::all_of(text.begin(), text.end(), Digit)) return std::nullopt;
  plain += '.';
  plain += text;
  return plain;
}

// Takes accountants' parentheses off: whether there were any. None may hold a sign too.
bool Parentheses(std::string_view& text) {
  if (text.size() < 3 || text.front() != '(' || text.back() != ')') return false;
  if (text[1] == '-' || text[1] == '(') return false;
  text = text.substr(1, text.size() - 2);
  return true;
}

std::optional<double> ToDouble(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> ToInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Plain decimals of at most 15 digits, which nearly all are: their digits and the power of ten are
// exact doubles, so one division rounds as it must. nullopt: to be read the long way.
std::optional<double> ShortDecimal(std::string_view text, char decimal) {
  static constexpr std::array<double, 16> kPowers{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  constexpr std::size_t kDigits = 15;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.size() < 2 || text.size() > kDigits + 1) return std::nullopt;
  if (text[0] == '0' && Digit(text[1])) return std::nullopt;
  std::int64_t digits = 0;
  std::size_t count = 0;
  std::size_t whole = text.size();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (Digit(text[at])) {
      digits = digits * 10 + (text[at] - '0');
      ++count;
    } else if (text[at] == decimal && whole == text.size()) {
      whole = at;
    } else {
      return std::nullopt;
    }
  }
  if (count == 0 || count > kDigits) return std::nullopt;
  const double value = static_cast<double>(digits) / kPowers[count - std::min(whole, count)];
  return negative ? -value : value;
}

std::span<const std::string_view> SignsOf(Currency currency) {
  static constexpr std::array<std::string_view, 8> kYuan{"￥",  "¥",   "人民币", "RMB",
                                                         "CNY", "CN¥", "元",     "圆"};
  static constexpr std::array<std::string_view, 4> kDollar{"US$", "USD", "$", "＄"};
  static constexpr std::array<std::string_view, 2> kEuro{"€", "EUR"};
  static constexpr std::array<std::string_view, 2> kPound{"£", "GBP"};
  switch (currency) {
    case Currency::kYuan:
      return kYuan;
    case Currency::kDollar:
      return kDollar;
    case Currency::kEuro:
      return kEuro;
    case Currency::kPound:
      return kPound;
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 18)  // 18 digits always fit
    return IntegerForm(text) ? ToInteger(text) : std::nullopt;
  if (digits.front() == '0' && (negative || digits.size() > 1)) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (!Digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

std::optional<double> ParseDouble(std::string_view text, char decimal) {
  if (const auto value = ShortDecimal(text, decimal)) return value;
  if (!DoubleForm(text, decimal)) return std::nullopt;
  // A whole number that a double cannot hold exactly is an identifier.
  if (text.size() > 15 && text.find_first_of(".,eE") == std::string_view::npos) {
    const auto whole = ParseInteger(text);
    if (!whole || *whole > kExactInDouble || *whole < -kExactInDouble) return std::nullopt;
  }
  if (decimal == '.') return ToDouble(text);
  std::string buffer(text);
  std::replace(buffer.begin(), buffer.end(), decimal, '.');
  return ToDouble(buffer);
}

std::optional<std::int64_t> ParseLooseInteger(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && Digit(text[1])) text.remove_prefix(1);
  return text.empty() ? std::nullopt : ToInteger(text);
}

std::optional<double> ParseLooseDouble(std::string_view text, char decimal) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool minus = Eat(text, "-");
  while (text.size() > 1 && text[0] == '0' && Digit(text[1])) text.remove_prefix(1);
  if (!DoubleForm(text, decimal)) return std::nullopt;
  std::string buffer = (minus ? "-" : "") + std::string(text);
  std::replace(buffer.begin(), buffer.end(), decimal, '.');
  return ToDouble(buffer);
}

std::optional<std::int64_t> ParseGroupedInteger(std::string_view text, char decimal) {
  if (const auto plain = ParseInteger(text)) return plain;
  const bool negative = Parentheses(text);
  const auto joined = WithoutGroups(text, decimal);
  const auto value = joined ? ToInteger(*joined) : negative ? ParseInteger(text) : std::nullopt;
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

std::optional<double> ParseGroupedDouble(std::string_view text, char decimal) {
  if (const auto plain = ParseDouble(text, decimal)) return plain;
  const bool negative = Parentheses(text);
  const auto joined = WithoutGroups(text, decimal);
  const auto value = joined     ? ParseDouble(*joined, '.')
                     : negative ? ParseDouble(text, decimal)
                                : std::nullopt;
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

std::optional<double> ParseMoney(std::string_view text, Currency currency, char decimal) {
  if (const auto plain = ParseDouble(text, decimal)) return plain;
  const bool parentheses = Parentheses(text);
  bool minus = Eat(text, "-");
  TrimSpaces(text);
  for (const std::string_view sign : SignsOf(currency)) {
    if (Eat(text, sign) || EatBack(text, sign)) break;
  }
  TrimSpaces(text);
  if (!minus && !parentheses) minus = Eat(text, "-");
  if (text.empty() || text.front() == '-' || text.front() == '(') return std::nullopt;
  const auto value = ParseGroupedDouble(text, decimal);
  if (!value) return std::nullopt;
  return minus || parentheses ? -*value : *value;
}

std::optional<double> ParsePercent(std::string_view text, char decimal) {
  if (!EatBack(text, "%") && !EatBack(text, "％")) return std::nullopt;
  TrimSpaces(text);
  if (!ParseGroupedDouble(text, decimal)) return std::nullopt;
  // By its digits: 12.3 / 100 is not the number nearest to 0.123.
  std::string_view digits = text;
  const bool negative = Parentheses(digits);
  const auto joined = WithoutGroups(digits, decimal);
  std::string plain = joined.value_or(std::string(digits));
  if (!joined) std::replace(plain.begin(), plain.end(), decimal, '.');
  if (plain.find_first_of("eE") != std::string::npos) return std::nullopt;
  const auto value = ToDouble(plain + "e-2");
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

}  // namespace aimass
