// The contract of every file format that this build has.
#include "datasets/format.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace aimass {
namespace {

FormatRegistry All() {
  FormatRegistry formats("format");
  RegisterAllFormats(formats);
  return formats;
}

TEST(EveryFormat, IsDeclaredWhole) {
  const FormatRegistry formats = All();
  EXPECT_EQ(formats.types().size(), 4U);
  std::set<std::string> endings;
  for (const auto& [name, format] : formats.types()) {
    EXPECT_FALSE(format.label.en.empty()) << name;
    EXPECT_FALSE(format.label.zh.empty()) << name;
    EXPECT_FALSE(format.media_type.empty()) << name;
    EXPECT_NE(format.open, nullptr) << name;
    EXPECT_NE(format.recognises, nullptr) << name;
    std::string_view rest = format.endings;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      const std::string ending(rest.substr(0, space));
      EXPECT_TRUE(ending.starts_with('.')) << name;
      EXPECT_TRUE(endings.insert(ending).second) << ending << " is of two formats";
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
    for (const Field& field : format.fields) {
      EXPECT_FALSE(field.label.zh.empty()) << name << "." << field.name;
      EXPECT_FALSE(field.required)
          << name << "." << field.name << ": an import by itself must work";
    }
    EXPECT_TRUE(CheckSettings("format", format.fields, {})) << name;
  }
}

TEST(EveryFormat, KnowsItsOwnBeginningOnly) {
  const FormatRegistry formats = All();
  const std::map<std::string, std::string> beginnings{{"parquet", "PAR1...."},
                                                      {"excel", "PK\x03\x04"},
                                                      {"json", "{\"a\":1}\n"},
                                                      {"csv", "a,b\n1,2\n"}};
  for (const auto& [name, bytes] : beginnings) {
    EXPECT_TRUE(formats.types().find(name)->second.recognises(bytes)) << name;
    for (const auto& [other, format] : formats.types()) {
      if (other == name || other == "csv") continue;
      EXPECT_FALSE(format.recognises(bytes)) << other << " takes " << name;
    }
  }
}

struct DialectCase {
  std::string_view what, delimiter, quote, error;
};
class CsvSettings : public ::testing::TestWithParam<DialectCase> {};

TEST_P(CsvSettings, AreChecked) {
  const FormatRegistry formats = All();
  const auto checked = CheckFormatSettings(
      formats.types().find("csv")->second,
      {{"delimiter", std::string(GetParam().delimiter)}, {"quote", std::string(GetParam().quote)}});
  EXPECT_EQ(checked ? "" : checked.error().ToString(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    , CsvSettings,
    ::testing::Values(DialectCase{"Auto", "auto", "auto", ""},
                      DialectCase{"Tab", "tab", "none", ""}, DialectCase{"Bars", "||", "\"", ""},
                      DialectCase{"Wide", "，", "'", ""},
                      DialectCase{"Letters", "xx", "auto",
                                  "delimiter must be auto, tab, or 1 to 8 bytes without letters, "
                                  "digits and line ends, got 'xx'"},
                      DialectCase{"Empty", "", "auto",
                                  "delimiter must be auto, tab, or 1 to 8 bytes without letters, "
                                  "digits and line ends, got ''"},
                      DialectCase{"LineEnd", ",\n", "auto",
                                  "delimiter must be auto, tab, or 1 to 8 bytes without letters, "
                                  "digits and line ends, got ',\n'"},
                      DialectCase{"Same", "'", "'",
                                  "delimiter and quote must differ, both have the character '''"},
                      DialectCase{"QuoteEmpty", ",", "",
                                  "quote must be auto, none, or one ASCII character that is "
                                  "neither a letter, a digit nor a space, got ''"},
                      DialectCase{"QuoteLong", ",", "\"\"",
                                  "quote must be auto, none, or one ASCII character that is "
                                  "neither a letter, a digit nor a space, got '\"\"'"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass
