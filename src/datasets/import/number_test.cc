#include "datasets/import/number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <random>
#include <string>

namespace aimass {
namespace {

TEST(Number, ShortAndLongDecimalsAreTheNearestDouble) {
  std::mt19937_64 random(1);
  const auto digits = [&random](std::size_t count) {
    std::string text;
    while (text.size() < count) text += static_cast<char>('0' + random() % 10);
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string whole = digits(1 + random() % 10);
    while (whole.size() > 1 && whole.front() == '0') whole.erase(0, 1);
    const std::string text =
        (i % 3 == 0 ? "-" : "") + whole + "." + digits(static_cast<std::size_t>(i % 13));
    const auto value = ParseDouble(text, '.');
    ASSERT_TRUE(value) << text;
    // To the bit: -0.0 is not 0.0.
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*value),
              std::bit_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr)))
        << text;
  }
}

TEST(Number, WhatIsNoDecimal) {
  for (const char* text : {"", "-", ".", "-.", "01.5", "00", "1.2.3", "1,5", "+1", " 1", "1e",
                           "1e+", "0x1", "nan", "inf", "1-", "--1", "9007199254740993"}) {
    EXPECT_FALSE(ParseDouble(text, '.')) << text;
  }
  EXPECT_EQ(ParseDouble("1,5", ','), 1.5);
  EXPECT_EQ(ParseDouble(".5", '.'), 0.5);
  EXPECT_EQ(ParseDouble("5.", '.'), 5.0);
  EXPECT_EQ(ParseDouble("-2e3", '.'), -2000.0);
}

TEST(Number, Integers) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("-12"), -12);
  EXPECT_EQ(ParseInteger("999999999999999999"), 999'999'999'999'999'999);
  EXPECT_EQ(ParseInteger("9223372036854775807"), 9'223'372'036'854'775'807);
  EXPECT_EQ(ParseInteger("-9223372036854775807"), -9'223'372'036'854'775'807);
  for (const char* text : {"", "-", "-0", "007", "-07", "1.0", "+1", "1 ", "9223372036854775808",
                           "99999999999999999999"}) {
    EXPECT_FALSE(ParseInteger(text)) << text;
  }
}

}  // namespace
}  // namespace aimass
