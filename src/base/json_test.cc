#include "base/json.h"

#include <gtest/gtest.h>

#include "base/settings.h"

namespace aimass {
namespace {

struct ParseCase {
  std::string_view what;
  std::string text;
  bool valid;
};

class ParseJsonTest : public testing::TestWithParam<ParseCase> {};

TEST_P(ParseJsonTest, AcceptsOnlyStrictJson) {
  EXPECT_EQ(ParseJson(GetParam().text).has_value(), GetParam().valid)
      << GetParam().text.substr(0, 80);
}

INSTANTIATE_TEST_SUITE_P(
    , ParseJsonTest,
    testing::Values(ParseCase{"Object", R"({"a":[1,2.5,"中",null]})", true},
                    ParseCase{"Comment", "{} // x", false}, ParseCase{"Nan", "NaN", false},
                    ParseCase{"BrokenUtf8", "\"\xff\"", false},
                    ParseCase{"BracketsInText", "\"" + std::string(100, '[') + "\"", true},
                    ParseCase{"Deep", std::string(1'000'000, '['), false}),
    [](const auto& info) { return std::string(info.param.what); });

struct WrongCase {
  std::string_view what;
  std::string text;
  std::string error;  // behind "not valid JSON in line "
};

class WrongJsonTest : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongJsonTest, SaysWhereWhatWasExpectedAndFound) {
  const auto parsed = ParseJson(GetParam().text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(parsed.error().ToString(), "not valid JSON in line " + GetParam().error);
  const std::string chinese = Render(parsed.error().message, Language::kChinese);
  EXPECT_EQ(chinese.find("expected"), std::string::npos) << chinese;
  EXPECT_NE(chinese.find("应为"), std::string::npos) << chinese;
}

constexpr std::string_view kValue =
    "expected a value: an object, a list, a text in double quotes, a number, true, false or null, ";

INSTANTIATE_TEST_SUITE_P(
    , WrongJsonTest,
    testing::Values(
        WrongCase{"Empty", "", "1, column 1: " + std::string(kValue) + "found the end of the text"},
        WrongCase{"TrailingComma", R"({"a":1,})",
                  "1, column 8: expected a name in double quotes, found }"},
        WrongCase{"SingleQuotes", "{'a':1}",
                  "1, column 2: expected a name in double quotes, found '"},
        WrongCase{"BareName", "{\n  name: 1}",
                  "2, column 3: expected a name in double quotes, found name"},
        WrongCase{"NoColon", R"({"城市" 1})", "1, column 7: expected ':' behind the name, found 1"},
        WrongCase{"NoComma", R"({"a":1 "b":2})", "1, column 8: expected ',' or '}', found \"b\""},
        WrongCase{"NoCommaInList", "[1 2]", "1, column 4: expected ',' or ']', found 2"},
        WrongCase{"CutOff", "{\"a\":[1,2",
                  "1, column 10: expected ',' or ']', found the end of the text"},
        WrongCase{"Behind", "{} x", "1, column 4: expected the end of the text, found x"},
        WrongCase{"Python", R"({"a":None})", "1, column 6: " + std::string(kValue) + "found None"},
        WrongCase{"NotANumber", "[-x]",
                  "1, column 2: expected a number such as -12.5 or 1e6, found -x"},
        WrongCase{"TooLarge", "[1e999]",
                  "1, column 2: expected a number of at most 1.8e308, found 1e999"},
        WrongCase{"OpenText", "[\"abc",
                  "1, column 6: expected a closing double quote, found the end of the text"},
        WrongCase{"LineBreakInText", "[\"a\nb\"]",
                  "1, column 4: expected no line break or control character within a text; write "
                  "it as an escape such as \\n, found 0x0A"},
        WrongCase{"Escape", R"(["\x"])",
                  R"(1, column 3: expected an escape such as \n or \u4e2d, found \x)"},
        WrongCase{"BehindANul", std::string("{}\n\0x", 5),
                  "2, column 1: expected the end of the text, found 0x00"},
        WrongCase{"NulAlone", std::string("\0", 1),
                  "1, column 1: " + std::string(kValue) + "found 0x00"},
        WrongCase{"BrokenUtf8", "[\"中\xff\"]", "1, column 4: expected valid UTF-8, found 0xFF"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(ParseJson, RefusesAKeyThatStandsTwice) {
  const auto parsed = ParseJson(R"({"rows":[{"age":1,"city":"a","age":2}]})");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().ToString(), "the JSON names 'age' twice in one object");
  EXPECT_TRUE(ParseJson(R"([{"age":1},{"age":2}])"));
}

TEST(ParseJson, ReadsWhatTheLibraryReads) {
  const std::string text =
      R"({"a":[1,-2,2.5,1e3,true,false,null,"中\u4e2d\n",{},[]],"b":{"c":{"d":[[],[{}]]}},"e":18446744073709551615})";
  EXPECT_EQ(ParseJson(text).value(), Json::parse(text));
}

TEST(GetMembers, NameWhatWasExpectedAndFound) {
  const Json object = {{"n", "x"}, {"big", 18'446'744'073'709'551'615U}, {"zero", nullptr}};
  EXPECT_EQ(GetInteger(object, "n").error().ToString(), "'n' must be an integer, found a text");
  EXPECT_EQ(GetInteger(object, "big").error().ToString(),
            "'big' must be an integer, found 18446744073709551615");
  EXPECT_EQ(GetString(object, "none").error().ToString(), "'none' is missing");
  EXPECT_EQ(GetInteger(object, "zero", 7).value(), 7);
  EXPECT_EQ(GetInteger({{"whole", 3.0}}, "whole").value(), 3);
  EXPECT_EQ(GetInteger({{"half", 3.5}}, "half").error().ToString(),
            "'half' must be an integer, found 3.5");
  EXPECT_FALSE(GetInteger({{"vast", 1e300}}, "vast"));
  EXPECT_FALSE(GetInteger(object, "n", 7));
  EXPECT_FALSE(GetString(Json::array(), "n"));
}

TEST(Nearest, LooksAtCharactersAndAtParts) {
  struct Case {
    std::string_view word;
    std::vector<std::string_view> known;
    std::string_view nearest;
  };
  for (const Case& c :
       std::vector<Case>{{"流逝", {"订单", "流失"}, "流失"},
                         {"流失", {"编号", "是否流失"}, "是否流失"},
                         {"流失", {"订单", "客户"}, ""},
                         {"churm", {"city", "churn"}, "churn"},
                         {"amount", {"id", "total_amount", "amount_of_the_order"}, "total_amount"},
                         {"xy", {"ab", "taxyz"}, ""},
                         {"", {"a"}, ""}}) {
    EXPECT_EQ(Nearest(c.word, c.known), c.nearest) << c.word;
  }
}

TEST(RejectUnknown, NamesTheNearest) {
  const Status status = RejectUnknown(Json{{"tagret", 1}}, {"name", "target"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnprocessable);
  EXPECT_EQ(Render(status.error().hint, Language::kEnglish), "did you mean 'target'?");
}

TEST(Errors, SurviveTheWayThroughJson) {
  const Error error =
      WithHint(Fail(ErrorCode::kConflict, "'{}' is missing", "x"), Msg("did you mean '{}'?", "y"))
          .error();
  const Error back = ErrorFromJson(ToJson(error));
  EXPECT_EQ(back.code, error.code);
  EXPECT_EQ(Render(back.message, Language::kChinese), Render(error.message, Language::kChinese));
  EXPECT_EQ(Render(back.hint, Language::kChinese), "您是不是想写“y”？");
}

TEST(Errors, AreReadOutOfWhateverAProcessSends) {
  for (const char* const text :
       {"1", "null", "[]", R"("x")", R"({"code":1,"line":"x","column":[]})",
        R"({"message":{"format":2,"arguments":{}},"hint":"x"})"}) {
    const Error error = ErrorFromJson(ParseJson(text).value());
    EXPECT_EQ(error.code, ErrorCode::kInternal) << text;
    EXPECT_EQ(Render(error.message, Language::kEnglish), "") << text;
  }
  const Message message =
      MessageFromJson(ParseJson(R"({"format":"{} of {}","arguments":[1,["a"]]})").value());
  EXPECT_EQ(Render(message, Language::kEnglish), R"(1 of ["a"])");
}

constexpr std::array kFields{
    Field{.name = "folder", .label = {"Folder", "文件夹"}, .required = true},
    Field{.name = "rows",
          .label = {"Rows", "行数"},
          .kind = FieldKind::kInteger,
          .default_value = "1",
          .min = 1,
          .max = 9},
    Field{.name = "mode",
          .label = {"Mode", "方式"},
          .kind = FieldKind::kChoice,
          .default_value = "a",
          .choices = "a b"},
};

struct SettingsCase {
  std::string_view what;
  Settings given;
  std::string error;
};

class CheckSettingsTest : public testing::TestWithParam<SettingsCase> {};

TEST_P(CheckSettingsTest, ChecksAndExplains) {
  const auto checked = CheckSettings("format 'csv'", kFields, GetParam().given);
  EXPECT_EQ(checked ? "" : checked.error().ToString(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    , CheckSettingsTest,
    testing::Values(SettingsCase{"Good", {{"folder", "x"}, {"rows", "9"}, {"mode", "b"}}, ""},
                    SettingsCase{"Missing", {}, "format 'csv' needs setting 'folder'"},
                    SettingsCase{"NotANumber",
                                 {{"folder", "x"}, {"rows", "1x"}},
                                 "format 'csv': setting 'rows' must be an integer, got '1x'"},
                    SettingsCase{"OutOfBounds",
                                 {{"folder", "x"}, {"rows", "10"}},
                                 "format 'csv': setting 'rows' must be between 1 and 9, got '10'"},
                    SettingsCase{"NotAChoice",
                                 {{"folder", "x"}, {"mode", "c"}},
                                 "format 'csv': setting 'mode' must be one of a b, got 'c'"},
                    SettingsCase{"Unknown",
                                 {{"folder", "x"}, {"fodler", "y"}},
                                 "format 'csv' has no setting 'fodler'; it has: folder rows mode"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass
