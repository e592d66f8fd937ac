#include "table/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace aimass {
namespace {
__extension__ using UInt128 = unsigned __int128;

constexpr int kExactPowers = 22;  // 10^22 is the largest power of ten that a double holds exactly
constexpr std::array<double, kExactPowers + 1> kPowers{
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr Int128 kExactIntegers = Int128{1} << 53;
}  // namespace

std::string DecimalText(Int128 value, int scale) {
  const bool negative = value < 0;
  UInt128 rest = negative ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
  std::string text;
  while (rest != 0 || static_cast<int>(text.size()) <= scale) {
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  if (negative) text += '-';
  std::ranges::reverse(text);
  if (scale > 0) text.insert(text.size() - static_cast<std::size_t>(scale), 1, '.');
  return text;
}

double DecimalToDouble(Int128 value, int scale) {
  // Both exact: one division rounds once, so the result is the nearest double.
  if (value < kExactIntegers && value > -kExactIntegers && scale <= kExactPowers) {
    return static_cast<double>(value) / kPowers[static_cast<std::size_t>(scale)];
  }
  const std::string text = DecimalText(value, scale);
  double number = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace aimass
