#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aimass {

/// [-]digits without a leading zero, of 64 bits; "-0" is none.
[[nodiscard]] std::optional<std::int64_t> ParseInteger(std::string_view text);

/// [-]digits[.digits][e[±]digits] without a leading zero before another digit, `decimal` for the
/// point; a whole number that a double cannot hold exactly is none.
[[nodiscard]] std::optional<double> ParseDouble(std::string_view text, char decimal);

/// As ParseInteger and ParseDouble, with leading zeros and a plus: where the user says that it is
/// a number.
[[nodiscard]] std::optional<std::int64_t> ParseLooseInteger(std::string_view text);
[[nodiscard]] std::optional<double> ParseLooseDouble(std::string_view text, char decimal);

/// A number as people write it: digits in groups of three ("1,234,567.80"; '.' groups where
/// `decimal` is ','), or without groups; in parentheses it is negative.
[[nodiscard]] std::optional<std::int64_t> ParseGroupedInteger(std::string_view text, char decimal);
[[nodiscard]] std::optional<double> ParseGroupedDouble(std::string_view text, char decimal);

enum class Currency : std::uint8_t { kYuan, kDollar, kEuro, kPound };
inline constexpr int kCurrencies = 4;
/// An amount, with or without the sign of this currency before or behind it (￥1,234.50, -$3, 3元).
[[nodiscard]] std::optional<double> ParseMoney(std::string_view text, Currency currency,
                                               char decimal);

/// "12.5%" and "12.5％": 0.125. The sign must be there.
[[nodiscard]] std::optional<double> ParsePercent(std::string_view text, char decimal);

}  // namespace aimass
