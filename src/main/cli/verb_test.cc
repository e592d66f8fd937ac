#include "main/cli/verb.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace aimass::cli {
namespace {

// A small command line with everything that the real one uses.
struct Fixture {
  explicit Fixture(Language language = Language::kEnglish) : line(language) {
    Verb root = line.Root();
    root.Flag("--json", json,
              Msg("machine output: one JSON document on standard output, nothing else"))
        .Option("--data", "DIR", data, Msg("into a new folder"));
    Verb noun = root.Add("datasets", Msg("Bring data in, look at it, keep its versions"));
    noun.Add("import", Msg("Make a dataset from a file, a folder, standard input or an address"))
        .Required("NAME", name, Msg("name of the dataset"))
        .Required("PLACE", place, Msg("where to"))
        .Option("--format", "FORMAT", format, Msg("the query"))
        .Choices({"csv", "json"})
        .Option("-n,--limit", "N", limit, Msg("at most that many"))
        .Option("--keep", "COLUMN", keep, Msg("a part"))
        .Flag("--append", append, Msg("do not ask"))
        .Example("aimass datasets import sales sales.csv", Msg("a file; everything is found out"))
        .Run([this](Context&) -> Status {
          ran = true;
          return {};
        });
    root.Add("train", Msg("Train a model that predicts one column from the others"))
        .Option("--target", "COLUMN", target, Msg("the column to predict"))
        .Must()
        .Run([](Context&) -> Status { return {}; });
    root.Add("secret", Msg("the query")).Hidden().Run([](Context&) -> Status { return {}; });
  }

  CommandLine line;
  bool json = false, append = false, ran = false;
  std::string data, name, place;
  std::optional<std::string> format, target;
  std::optional<std::int64_t> limit;
  std::vector<std::string> keep;
};

using Words = std::vector<std::string>;

TEST(CommandLine, ReadsOptionsAnywhere) {
  Fixture f;
  const auto parsed =
      f.line.Parse({"--data", "d", "datasets", "import", "sales", "--format=csv", "-", "--keep",
                    "a", "--keep", "[b,c]", "-n", "5", "--append", "--json"});
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_TRUE(parsed->run);
  EXPECT_EQ(f.data, "d");
  EXPECT_EQ(f.name, "sales");
  EXPECT_EQ(f.place, "-");
  EXPECT_EQ(f.format, "csv");
  EXPECT_EQ(f.limit, 5);
  EXPECT_EQ(f.keep, (Words{"a", "[b,c]"}));
  EXPECT_TRUE(f.append);
  EXPECT_TRUE(f.json);
}

TEST(CommandLine, NamesOfVerbsAreNamesOfThingsToo) {
  Fixture f;
  const auto parsed = f.line.Parse({"datasets", "import", "train", "import"});
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(f.name, "train");
  EXPECT_EQ(f.place, "import");
}

struct WrongCase {
  std::string_view what;
  Words words;
  std::string_view message, hint;
};
class WrongUsage : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongUsage, SaysWhatAndWhatElse) {
  Fixture f;
  const auto parsed = f.line.Parse(GetParam().words);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(parsed.error().ToString(), GetParam().message);
  EXPECT_EQ(Render(parsed.error().hint, Language::kEnglish), GetParam().hint);
}

INSTANTIATE_TEST_SUITE_P(
    , WrongUsage,
    testing::Values(
        WrongCase{"Verb",
                  {"datasets", "improt"},
                  "'improt' is no verb of aimass datasets; there are: import",
                  "did you mean 'import'?"},
        WrongCase{"Noun",
                  {"dataset"},
                  "'dataset' is no verb of aimass; there are: datasets, train",
                  "did you mean 'datasets'?"},
        WrongCase{"Option",
                  {"datasets", "import", "a", "b", "--fromat", "csv"},
                  "aimass datasets import has no option '--fromat'",
                  "did you mean '--format'?"},
        WrongCase{"NoValue",
                  {"datasets", "import", "a", "b", "--format"},
                  "option '--format' needs a value",
                  "see: aimass datasets import --help"},
        WrongCase{"Choice",
                  {"datasets", "import", "a", "b", "--format", "cvs"},
                  "--format must be one of csv, json; found 'cvs'",
                  "did you mean 'csv'?"},
        WrongCase{"Number",
                  {"datasets", "import", "a", "b", "-n", "5x"},
                  "--limit expects a whole number, found '5x'",
                  ""},
        WrongCase{"Positional",
                  {"datasets", "import", "a"},
                  "aimass datasets import needs PLACE",
                  "see: aimass datasets import --help"},
        WrongCase{"Needed", {"train"}, "aimass train needs --target", "see: aimass train --help"},
        WrongCase{"TooMany",
                  {"datasets", "import", "a", "b", "c"},
                  "aimass datasets import does not expect 'c'",
                  "see: aimass datasets import --help"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(CommandLine, HelpTeaches) {
  Fixture f;
  for (const Words& words :
       {Words{"datasets", "import", "--help"}, Words{"help", "datasets", "import"},
        Words{"datasets", "import", "a", "b", "-h"}}) {
    const auto parsed = f.line.Parse(words);
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->run);
    EXPECT_FALSE(parsed->incomplete);
    EXPECT_NE(parsed->help.find("Usage: aimass datasets import NAME PLACE [options]"),
              std::string::npos)
        << parsed->help;
    EXPECT_NE(parsed->help.find("aimass datasets import sales sales.csv"), std::string::npos);
  }
}

TEST(CommandLine, HelpIsChinese) {
  Fixture f(Language::kChinese);
  const auto parsed = f.line.Parse({"datasets", "import", "--help"});
  ASSERT_TRUE(parsed);
  EXPECT_NE(parsed->help.find("用法：aimass datasets import NAME PLACE"), std::string::npos)
      << parsed->help;
  EXPECT_NE(parsed->help.find("数据集的名称"), std::string::npos);
}

TEST(CommandLine, ANounAloneIsIncomplete) {
  Fixture f;
  const auto noun = f.line.Parse({"datasets"});
  ASSERT_TRUE(noun);
  ASSERT_TRUE(noun->incomplete);
  EXPECT_TRUE(noun->incomplete->ToString().starts_with("aimass datasets needs a verb: import"));
  EXPECT_NE(noun->help.find("import"), std::string::npos);
  const auto nothing = f.line.Parse({});
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(nothing->incomplete);
  EXPECT_EQ(nothing->help.find("secret"), std::string::npos);
}

TEST(CommandLine, CompletionKnowsEveryVerbAndOption) {
  Fixture f;
  for (const std::string_view shell : {"bash", "zsh"}) {
    const std::string script = f.line.Completion(shell);
    EXPECT_NE(script.find("\"datasets/import\""), std::string::npos) << script;
    EXPECT_NE(script.find("--append"), std::string::npos);
    EXPECT_NE(script.find("csv json"), std::string::npos);
    EXPECT_EQ(script.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace aimass::cli
