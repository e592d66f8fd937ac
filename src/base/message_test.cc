#include "base/message.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/words.h"

namespace aimass {
namespace {

TEST(Message, FillsPlaceholdersInOrder) {
  EXPECT_EQ(Render(Msg("{} of {} rows", 3, 10), Language::kEnglish), "3 of 10 rows");
}

TEST(Message, KeepsBracesInArguments) {
  EXPECT_EQ(Render(Msg("got '{}'", "{}"), Language::kEnglish), "got '{}'");
}

TEST(Message, HasChineseForEveryBaseText) {
  const Message message = Msg("'{}' is missing", "name");
  EXPECT_EQ(Render(message, Language::kChinese), "缺少“name”");
}

struct PluralCase {
  std::string count, expected;
};

class PluralTest : public testing::TestWithParam<PluralCase> {};

TEST_P(PluralTest, OneIsSingular) {
  const Message message{"{} rows, {} classes; {} rowsets", GetParam().count, GetParam().count, 1};
  EXPECT_EQ(Render(message, Language::kEnglish), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(, PluralTest,
                         testing::Values(PluralCase{"1", "1 row, 1 class; 1 rowsets"},
                                         PluralCase{"0", "0 rows, 0 classes; 1 rowsets"},
                                         PluralCase{"21", "21 rows, 21 classes; 1 rowsets"}));

TEST(Message, TranslatesWordsOfOursAndJoinsLists) {
  const Message message = Msg("'{}' must be {}, found {}", "dataset", Word{"a number"},
                              Listing(std::vector<std::string>{"x", "model"}));
  EXPECT_EQ(Render(message, Language::kEnglish), "'dataset' must be a number, found x, model");
  EXPECT_EQ(Render(message, Language::kChinese), "“dataset”必须是数字，实际为 x、model");
  EXPECT_EQ(Render(Msg("{}", Word{"model"}), Language::kChinese), "模型");
  EXPECT_EQ(Render(Msg("{}", "model"), Language::kChinese), "model") << "the user's own word";
}

TEST(Message, FallsBackToEnglish) {
  EXPECT_EQ(Render(Message{"no such text {}", 1}, Language::kChinese), "no such text 1");
}

struct LanguageCase {
  std::string_view header;
  Language expected;
};

class LanguageOfTest : public testing::TestWithParam<LanguageCase> {};

TEST_P(LanguageOfTest, PicksThePreferredOne) {
  EXPECT_EQ(LanguageOf(GetParam().header), GetParam().expected) << GetParam().header;
}

INSTANTIATE_TEST_SUITE_P(, LanguageOfTest,
                         testing::Values(LanguageCase{"", Language::kEnglish},
                                         LanguageCase{"zh-CN,en;q=0.5", Language::kChinese},
                                         LanguageCase{"en-GB, zh;q=0.9", Language::kEnglish},
                                         LanguageCase{"fr, zh;q=0.3, en;q=0.2", Language::kChinese},
                                         LanguageCase{"zh_CN.UTF-8", Language::kChinese},
                                         LanguageCase{"C", Language::kEnglish}));

TEST(Error, CodesHaveNamesThatComeBack) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kCancelled); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(CodeFromName(CodeName(code)), code);
  }
}

Status Outer(bool fail) {
  RETURN_IF_ERROR(fail ? Status(Fail(ErrorCode::kNotFound, "'{}' is missing", "x")) : Status{});
  return {};
}

TEST(Error, ReturnIfErrorPassesItOn) {
  EXPECT_TRUE(Outer(false));
  const Status failed = Outer(true);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(failed.error().ToString(), "'x' is missing");
}

}  // namespace
}  // namespace aimass
