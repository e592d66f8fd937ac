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
                    ParseCase{"Empty", "", false}, ParseCase{"Comment", "{} // x", false},
                    ParseCase{"Nan", "NaN", false}, ParseCase{"BrokenUtf8", "\"\xff\"", false},
                    ParseCase{"BracketsInText", "\"" + std::string(100, '[') + "\"", true},
                    ParseCase{"Deep", std::string(1'000'000, '['), false}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(GetMembers, NameWhatWasExpectedAndFound) {
  const Json object = {{"n", "x"}, {"big", 18'446'744'073'709'551'615U}, {"zero", nullptr}};
  EXPECT_EQ(GetInteger(object, "n").error().ToString(), "'n' must be an integer, found string");
  EXPECT_EQ(GetInteger(object, "big").error().ToString(),
            "'big' must be an integer, found 18446744073709551615");
  EXPECT_EQ(GetString(object, "none").error().ToString(), "'none' is missing");
  EXPECT_EQ(GetInteger(object, "zero", 7).value(), 7);
  EXPECT_FALSE(GetInteger(object, "n", 7));
  EXPECT_FALSE(GetString(Json::array(), "n"));
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
