#include "models/features/text.h"

#include <gtest/gtest.h>

#include <set>

namespace aimass::features {
namespace {

struct NumberCase {
  std::string_view what, text;
  std::optional<double> number;
};
class ParseNumberTest : public ::testing::TestWithParam<NumberCase> {};
TEST_P(ParseNumberTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(ParseNumber(GetParam().text), GetParam().number);
}
INSTANTIATE_TEST_SUITE_P(
    , ParseNumberTest,
    ::testing::Values(
        NumberCase{"Plain", "12.5", 12.5}, NumberCase{"Thousands", " 1,234,567.8 ", 1234567.8},
        NumberCase{"Yuan", "￥12", 12.0}, NumberCase{"YuanAfter", "12.50元", 12.5},
        NumberCase{"Dollar", "-$3", -3.0}, NumberCase{"Percent", "12%", 0.12},
        NumberCase{"Brackets", "(5)", -5.0}, NumberCase{"FullWidth", "１２．５", 12.5},
        NumberCase{"Exponent", "1e-3", 0.001}, NumberCase{"Plus", "+7", 7.0},
        NumberCase{"WideSpace", "　8　", 8.0}, NumberCase{"Empty", "", std::nullopt},
        NumberCase{"Word", "abc", std::nullopt}, NumberCase{"Date", "2024-01-31", std::nullopt},
        NumberCase{"Address", "192.168.1.1", std::nullopt},
        NumberCase{"Infinity", "1e999", std::nullopt}, NumberCase{"Unit", "5 kg", std::nullopt},
        NumberCase{"OpenBracket", "(5", std::nullopt},
        NumberCase{"TwoPercent", "5%%", std::nullopt}, NumberCase{"Dash", "-", std::nullopt}),
    [](const auto& info) { return std::string(info.param.what); });

struct TimeCase {
  std::string_view what, text;
  std::optional<std::int64_t> seconds;
};
class ParseTimeTest : public ::testing::TestWithParam<TimeCase> {};
TEST_P(ParseTimeTest, ReadsWhatPeopleWrite) {
  const auto time = ParseTime(GetParam().text);
  ASSERT_EQ(time.has_value(), GetParam().seconds.has_value());
  if (time) {
    EXPECT_EQ(*time / 1'000'000, *GetParam().seconds);
  }
}
INSTANTIATE_TEST_SUITE_P(, ParseTimeTest,
                         ::testing::Values(TimeCase{"Iso", "2024-01-31", 1706659200},
                                           TimeCase{"Slashes", "2024/1/31 08:05", 1706688300},
                                           TimeCase{"Chinese", "2024年1月31日", 1706659200},
                                           TimeCase{"Offset", "2024-01-31T08:00:00+08:00",
                                                    1706659200},
                                           TimeCase{"Zulu", "2024-01-31T08:00:00.250Z", 1706688000},
                                           TimeCase{"Before1970", "1969-12-31", -86400},
                                           TimeCase{"LeapDay", "2024-02-29", 1709164800},
                                           TimeCase{"NoLeapDay", "2023-02-29", std::nullopt},
                                           TimeCase{"Month13", "2024-13-01", std::nullopt},
                                           TimeCase{"Hour25", "2024-01-01 25:00", std::nullopt},
                                           TimeCase{"Number", "20240131", std::nullopt},
                                           TimeCase{"Tail", "2024-01-31 x", std::nullopt}),
                         [](const auto& info) { return std::string(info.param.what); });

TEST(ToCivilTest, KnowsWeekdayAndMonthEnd) {
  const CivilTime civil = ToCivil(*ParseTime("2024-02-29 13:45"));
  EXPECT_EQ(civil.year, 2024);
  EXPECT_EQ(civil.month, 2);
  EXPECT_EQ(civil.day, 29);
  EXPECT_EQ(civil.days_in_month, 29);
  EXPECT_EQ(civil.hour, 13);
  EXPECT_EQ(civil.minute, 45);
  EXPECT_EQ(civil.weekday, 3);  // a Thursday
  EXPECT_EQ(ToCivil(-1).year, 1969);
}

std::set<std::uint64_t> Tokens(std::string_view text) {
  std::set<std::uint64_t> tokens;
  ForEachToken(text, [&](std::uint64_t hash) { tokens.insert(hash); });
  return tokens;
}

TEST(ForEachTokenTest, WordsPairsAndIdeographs) {
  EXPECT_EQ(ForEachToken("Good bye, friend", [](std::uint64_t) {}), 3U);
  EXPECT_EQ(Tokens("good bye").size(), 3U);  // two words and their pair
  EXPECT_EQ(Tokens("GOOD Bye"), Tokens("good bye"));
  EXPECT_EQ(Tokens("good. bye").size(), 2U);  // no pair across a sentence
  EXPECT_NE(Tokens("good bye"), Tokens("bye good"));
  EXPECT_EQ(ForEachToken("退订服务", [](std::uint64_t) {}), 4U);
  EXPECT_EQ(Tokens("退订服务").size(), 7U);  // four characters, three pairs
  EXPECT_TRUE(Tokens("我要退订").contains(*Tokens("退").begin()));
  EXPECT_EQ(Tokens("!!! ，。").size(), 0U);
  Tokens("\xff\xfe broken \xe4\xb8");  // must not read beyond the end
}

}  // namespace
}  // namespace aimass::features
