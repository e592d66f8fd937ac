#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

// How the feature pipeline reads text: the same code while it is fitted, in training and in
// serving.
namespace aimass::features {

/// `text` without white space (ASCII and the ideographic space) at both ends.
[[nodiscard]] std::string_view Trim(std::string_view text);

/// A number as people write it: "1,234.5", "￥12", "$ -3", "(5)" for -5, "12%" for 0.12, "１２" in
/// full width. Nothing but the number, one currency sign and one per cent sign may stand in it;
/// infinities are none.
[[nodiscard]] std::optional<double> ParseNumber(std::string_view text);

/// A date or time in microseconds since 1970 UTC: "2024-01-31", "2024/1/31 08:05", "2024年1月31日",
/// "2024-01-31T08:05:06.5+08:00". Without an offset it counts as UTC.
[[nodiscard]] std::optional<std::int64_t> ParseTime(std::string_view text);

struct CivilTime {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0;
  int weekday = 0;  // 0: Monday
  int days_in_month = 31;
};
[[nodiscard]] CivilTime ToCivil(std::int64_t unix_us);

/// Calls `token` with the hash of each n-gram: words in lower case and pairs of neighbouring words;
/// in Chinese, Japanese and Korean script each character and each pair of neighbours. Returns the
/// number of words and such characters.
std::size_t ForEachToken(std::string_view text,
                         const std::function<void(std::uint64_t hash)>& token);

/// The number of UTF-8 characters.
[[nodiscard]] std::size_t CountCharacters(std::string_view text);

}  // namespace aimass::features
