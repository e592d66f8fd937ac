#include <gtest/gtest.h>

#include <random>

#include "datasets/import/rejects.h"
#include "datasets/testing/import.h"

namespace aimass {
namespace {

using testing::FakeContext;
using testing::Imported;
using testing::ImportSpec;
using testing::RunImport;
using testing::TestFolder;

struct TypeCase {
  std::string_view what, text, types, rows;
};
class ImportTypes : public ::testing::TestWithParam<TypeCase> {};

TEST_P(ImportTypes, Finds) {
  const TestFolder folder;
  const auto imported = RunImport(folder, folder.Write("data.csv", GetParam().text));
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->Types(), GetParam().types);
  EXPECT_EQ(imported->Rows(), GetParam().rows);
}

INSTANTIATE_TEST_SUITE_P(
    , ImportTypes,
    ::testing::Values(
        TypeCase{"Numbers", "a,b\n1,1.5\n-2,2\n", "a bigint, b double", "[1,1.5],[-2,2]"},
        TypeCase{"CodesStayText",
                 "code,phone,card\n00123,+8613,12345678901234567890\n00007,+8614,1\n",
                 "code text, phone text, card text",
                 R"(["00123","+8613","12345678901234567890"],["00007","+8614","1"])"},
        TypeCase{"Nulls", "a,b,c\n1,NA,NA\n,,x\n", "a bigint, b text, c text",
                 R"([1,"NA","NA"],[null,null,"x"])"},
        TypeCase{"NullWordsInNumbers", "a\n1\nNA\n", "a bigint", "[1],[null]"},
        TypeCase{"Bools", "a\ntrue\nFALSE\n", "a boolean", "[true],[false]"},
        TypeCase{
            "Dates",
            "a,b,c\n2024-01-02,13/01/2024,2024年1月5日\n2024-02-03,01/02/2024,2024年12月31日\n",
            "a date, b date, c date",
            R"(["2024-01-02","2024-01-13","2024-01-05"],["2024-02-03","2024-02-01","2024-12-31"])"},
        TypeCase{"AmbiguousDatesStayText", "a\n01/02/2024\n03/04/2024\n", "a text",
                 R"(["01/02/2024"],["03/04/2024"])"},
        TypeCase{
            "Timestamps",
            "a,b\n2024-01-02 03:04:05,2024-01-02T03:04:05+08:00\n2024-01-02,2024-01-02T00:00:00Z\n",
            "a timestamp, b timestamp with time zone",
            R"(["2024-01-02T03:04:05","2024-01-01T19:04:05Z"],["2024-01-02T00:00:00","2024-01-02T00:00:00Z"])"},
        TypeCase{"HalfDays", "t\n12/1/2009 7:45\n12/31/2009 12:05 PM\n", "t timestamp",
                 R"(["2009-12-01T07:45:00"],["2009-12-31T12:05:00"])"},
        TypeCase{"Quotes", "a,b\n\"x, \"\"y\"\"\",\"line\nbreak\"\n5\" pipe,z\n", "a text, b text",
                 R"(["x, \"y\"","line\nbreak"],["5\" pipe","z"])"},
        TypeCase{"Semicolons", "名称;价格\n苹果;1.5\n梨;2\n", "名称 text, 价格 double",
                 R"(["苹果",1.5],["梨",2])"},
        TypeCase{"Tabs", "a\tb\n1\tx,y\n2\tz\n", "a bigint, b text", R"([1,"x,y"],[2,"z"])"},
        TypeCase{"NoHeader", "1,2.5\n3,4.5\n", "column1 bigint, column2 double", "[1,2.5],[3,4.5]"},
        TypeCase{"NamesMadeUnique", "a,,A,a\n1,2,3,4\n",
                 "a bigint, column2 bigint, A_2 bigint, a_3 bigint", "[1,2,3,4]"},
        TypeCase{"Groups", "a,b\n\"1,234\",\"1,234.50\"\n999,(7)\n", "a bigint, b double",
                 "[1234,1234.5],[999,-7]"},
        TypeCase{"GroupsAreNotDecimals", "a;b\n1,234;x\n2,345;y\n", "a text, b text",
                 R"(["1,234","x"],["2,345","y"])"},
        TypeCase{"Money", "a,b\n\"￥1,234.50\",$3\n-¥2,-$4.5\n3元,$0\n", "a double, b double",
                 "[1234.5,3],[-2,-4.5],[3,0]"},
        TypeCase{"TwoCurrenciesStayText", "a\n￥1\n$2\n", "a text", R"(["￥1"],["$2"])"},
        TypeCase{"Percentages", "a\n12.3%\n-5％\n\"1,000%\"\n", "a double", "[0.123],[-0.05],[10]"},
        TypeCase{"PercentAndNumberStayText", "a,b\n12%,x\n0.5,y\n", "a text, b text",
                 R"(["12%","x"],["0.5","y"])"},
        TypeCase{"YearFirstInFiveWays",
                 "d\n2024-01-02\n2024/1/3\n2024.1.4\n2024年1月5日\n20240106\n", "d date",
                 R"(["2024-01-02"],["2024-01-03"],["2024-01-04"],["2024-01-05"],["2024-01-06"])"},
        TypeCase{"DaysAndHoursThatAreNone",
                 "a,b\n2023-02-29,2024-02-29\n2023-01-01,2024-01-01 24:00:00\n", "a text, b text",
                 R"(["2023-02-29","2024-02-29"],["2023-01-01","2024-01-01 24:00:00"])"},
        TypeCase{"OneColumn", "a\n1\n\n3\n", "a bigint", "[1],[null],[3]"},
        TypeCase{"HeaderOnly", "a,b\n", "a text, b text", ""},
        TypeCase{"OldMacLineEnds", "a,b\r1,2\r3,4\r", "a bigint, b bigint", "[1,2],[3,4]"},
        TypeCase{"NoLastLineEnd", "a,b\r\n1,2", "a bigint, b bigint", "[1,2]"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(Import, RefusesAnEmptyFile) {
  const TestFolder folder;
  const auto imported = RunImport(folder, folder.Write("data.csv", ""));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::kUnprocessable);
  EXPECT_EQ(imported.error().ToString(),
            "'data.csv' is empty; expected a line with column names, then rows");
}

TEST(Import, KeepsWhatIsBrokenWithLineAndReason) {
  const TestFolder folder;
  const std::string text = "a,b\n1,2\n3\n4,5,6\n\"x\"y,1\n7,8\n\"open,9\n10,11\nbad\xff,1\n12,13\n";
  const auto imported = RunImport(folder, folder.Write("data.csv", text));
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->Rows(), "[1,2],[7,8],[10,11],[12,13]");
  EXPECT_EQ(imported->output["rejected_rows"], 5);
  const auto rejects = ReadRejects(
      imported->folder + "/" + imported->output["rejected_file"].get<std::string>(), 0, 10);
  ASSERT_TRUE(rejects);
  std::string found;
  for (const Json& entry : *rejects) {
    found += fmt::format("{}: {} <{}>\n", entry["line"].get<int>(),
                         Render(MessageFromJson(entry["reason"]), Language::kEnglish),
                         entry["text"].get<std::string>());
  }
  EXPECT_EQ(found,
            "3: found 1 field where 2 were expected <3>\n"
            "4: found 3 fields where 2 were expected <4,5,6>\n"
            "5: there is text behind the closing quote of field 1 <\"x\"y,1>\n"
            "7: the quote of field 1 is never closed <\"open,9>\n"
            "9: the text is not valid in its encoding <bad\xef\xbf\xbd,1>\n");
}

TEST(Import, NothingButRejectsIsAnError) {
  const TestFolder folder;
  const auto imported = RunImport(folder, folder.Write("data.csv", "a,b\n1\n2\n"),
                                  R"({"options": {"header": "true"}})");
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().ToString(), "none of the 2 rows could be read");
}

// Whatever a sample proposes: the result is that of all rows.
TEST(Import, EqualsFullInferenceWhereverTheSurpriseIs) {
  const std::vector<std::string> usual{
      "1", "2.5", "true", "2024-01-02", "2024-01-02 10:00", "31/12/2024", "05/06/2024",
      "",  "NA",  "abc",  "007",        "12/31/2024"};
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const TestFolder folder;
    std::string text = "id,x,y,z\n";
    const std::string base_x = usual[random() % usual.size()];
    const std::string base_y = usual[random() % usual.size()];
    const std::string late_x = usual[random() % usual.size()];
    const std::string late_y = usual[random() % usual.size()];
    const int rows = 40;
    for (int i = 0; i < rows; ++i) {
      const bool late = i == rows - 1;
      text += fmt::format("{},{},{},t{}\n", i, late ? late_x : base_x, late ? late_y : base_y, i);
    }
    const std::string path = folder.Write("data.csv", text);
    const std::string full = R"({"options": {"sample_rows": "0", "header": "true"}})";
    const std::string sampled =
        R"({"options": {"sample_rows": "10", "header": "true"}, "rows_per_file": 16})";
    const auto expected = RunImport(folder, path, full);
    const auto found = RunImport(folder, path, sampled);
    ASSERT_TRUE(expected) << expected.error().ToString();
    ASSERT_TRUE(found) << found.error().ToString() << "\n" << text;
    EXPECT_EQ(found->Types(), expected->Types()) << text;
    EXPECT_EQ(found->Rows(), expected->Rows()) << text;
  }
}

TEST(Import, ReadsOnlyTheSurprisingColumnAgain) {
  const TestFolder folder;
  std::string text = "a,b\n";
  for (int i = 0; i < 5000; ++i) text += fmt::format("{},{}\n", i, i);
  text += "late,1\n";
  FakeContext context(
      ImportSpec(folder, folder.Write("data.csv", text), R"({"options": {"sample_rows": "100"}})"));
  const auto imported = RunImport(context);
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->Types(), "a text, b bigint");
  EXPECT_EQ(imported->output["rows"], 5001);
  EXPECT_EQ(std::count(context.log.begin(), context.log.end(), "1 column are read again"), 1);
  EXPECT_EQ(imported->Warnings(),
            std::vector<std::string>{
                "column 'a' is text, because 1 of its 5001 values are not bigint (line: value: "
                "5002: 'late'); to keep the type, import it again with --type 'a=bigint' "
                "--on-error reject (sets such rows aside) or --on-error null (leaves the values "
                "empty)"});
}

// 401 rows with three bad values, and what the user wants of them.
struct MisfitCase {
  std::string_view what, parameters, types, rejected, warning, error;
};
class ImportMisfits : public ::testing::TestWithParam<MisfitCase> {};

TEST_P(ImportMisfits, AreTreatedAsAsked) {
  const MisfitCase& want = GetParam();
  const TestFolder folder;
  std::string text = "id,amount,day\n";
  for (int i = 0; i < 400; ++i) {
    text +=
        fmt::format("{},{},2024-01-{:02}\n", i, i == 7 || i == 300 ? "unknown" : "1.5", i % 28 + 1);
  }
  text += "400,2.5,soon\n";
  const auto imported =
      RunImport(folder, folder.Write("data.csv", text), std::string(want.parameters));
  if (!want.error.empty()) {
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code, ErrorCode::kUnprocessable);
    EXPECT_EQ(imported.error().ToString(), want.error);
    return;
  }
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->Types(), want.types);
  std::string rejected;
  if (imported->output["rejected_rows"].get<int>() > 0) {
    const auto rejects = ReadRejects(
        imported->folder + "/" + imported->output["rejected_file"].get<std::string>(), 0, 10);
    ASSERT_TRUE(rejects);
    for (const Json& entry : *rejects) {
      rejected += fmt::format("{}: {}\n", entry["line"].get<int>(),
                              Render(MessageFromJson(entry["reason"]), Language::kEnglish));
    }
  }
  EXPECT_EQ(rejected, want.rejected);
  std::string warnings;
  for (const std::string& warning : imported->Warnings()) warnings += warning + "\n";
  EXPECT_EQ(warnings, want.warning);
  // Every row is there but the rejected, and the log says what the warnings say.
  EXPECT_EQ(imported->output["rows"].get<int>() + imported->output["rejected_rows"].get<int>(),
            401);
  for (const std::string& warning : imported->Warnings()) {
    EXPECT_EQ(std::count(imported->log.begin(), imported->log.end(), warning), 1) << warning;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ImportMisfits,
    ::testing::Values(
        MisfitCase{
            "Widen", "{}", "id bigint, amount text, day text", "",
            "column 'amount' is text, because 2 of its 401 values are not double (line: value: 9: "
            "'unknown', 302: 'unknown'); to keep the type, import it again with --type "
            "'amount=double' --on-error reject (sets such rows aside) or --on-error null (leaves "
            "the values empty)\n"
            "column 'day' is text, because 1 of its 401 values are not date (line: value: 402: "
            "'soon'); to keep the type, import it again with --type 'day=date' --on-error reject "
            "(sets such rows aside) or --on-error null (leaves the values empty)\n",
            ""},
        MisfitCase{"SmallSampleWiden",
                   R"({"options": {"sample_rows": "50"}, "types": {"day": "text"}})",
                   "id bigint, amount text, day text", "",
                   "column 'amount' is text, because 2 of its 401 values are not double (line: "
                   "value: 9: 'unknown', 302: 'unknown'); to keep the type, import it again with "
                   "--type 'amount=double' --on-error reject (sets such rows aside) or --on-error "
                   "null (leaves the values empty)\n",
                   ""},
        MisfitCase{
            "Reject", R"({"on_error": "reject"})", "id bigint, amount double, day date",
            "9: 'unknown' in column 'amount' is not double\n"
            "302: 'unknown' in column 'amount' is not double\n"
            "402: 'soon' in column 'day' is not date\n",
            "column 'amount' is double; rows with other values that were set aside: 2 (line: "
            "value: 9: 'unknown', 302: 'unknown')\n"
            "column 'day' is date; rows with other values that were set aside: 1 (line: value: "
            "402: 'soon')\n",
            ""},
        MisfitCase{
            "Null", R"({"on_error": "null"})", "id bigint, amount double, day date", "",
            "column 'amount' is double; other values that were left empty: 2 (line: value: 9: "
            "'unknown', 302: 'unknown')\n"
            "column 'day' is date; other values that were left empty: 1 (line: value: 402: "
            "'soon')\n",
            ""},
        MisfitCase{
            "GivenTypeRejects",
            R"({"on_error": "reject", "types": {"AMOUNT": "number", "day": "text"}})",
            "id bigint, amount double, day text",
            "9: 'unknown' in column 'amount' is not double\n"
            "302: 'unknown' in column 'amount' is not double\n",
            "column 'amount' is double; rows with other values that were set aside: 2 (line: "
            "value: 9: 'unknown', 302: 'unknown')\n",
            ""},
        MisfitCase{"GivenTypeFails", R"({"types": {"amount": "double"}})", "", "", "",
                   "2 of 401 values in column 'amount' are not double (line: value: 9: 'unknown', "
                   "302: 'unknown')"},
        MisfitCase{"GivenTypeOfNoColumn", R"({"types": {"amuont": "double"}})", "", "", "",
                   "a type is given for column 'amuont', but 'data.csv' has no such column"},
        MisfitCase{"GivenTypeOfNoType", R"({"types": {"amount": "money"}})", "", "", "",
                   "the type of column 'amount' must be one of boolean, bigint (integer), double "
                   "(number), text, date, timestamp, timestamp with time zone; got 'money'"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(Import, AGivenTypeTakesWhatLooksLikeACode) {
  const TestFolder folder;
  const auto imported = RunImport(folder, folder.Write("data.csv", "a,b,c\n007,+1.50,\n010,2,\n"),
                                  R"({"types": {"a": "integer", "b": "double", "c": "date"}})");
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(imported->Types(), "a bigint, b double, c date");
  EXPECT_EQ(imported->Rows(), "[7,1.5,null],[10,2,null]");
}

TEST(Import, AGivenTypeStaysHoweverManyValuesAreAgainstIt) {
  std::string text = "age\n";
  for (int i = 0; i < 5'000; ++i) text += "33\n";
  for (int i = 0; i < 1'001; ++i) text += "unknown\n";
  for (const auto& [on_error, rows, rejected] :
       {std::tuple("reject", 5'000, 1'001), std::tuple("null", 6'001, 0)}) {
    const TestFolder folder;
    const auto imported =
        RunImport(folder, folder.Write("data.csv", text),
                  fmt::format(R"({{"types": {{"age": "bigint"}}, "on_error": "{}"}})", on_error));
    ASSERT_TRUE(imported) << imported.error().ToString();
    EXPECT_EQ(imported->Types(), "age bigint") << on_error;
    EXPECT_EQ(imported->output["rows"], rows) << on_error;
    EXPECT_EQ(imported->output["rejected_rows"], rejected) << on_error;
  }
}

TEST(Import, SaysWhyAColumnIsTextWhereOneInTenIsAgainstIt) {
  std::string text = "age,name\n";
  for (int i = 0; i < 1'000; ++i)
    text += fmt::format("{},x{}\n", i % 20 == 7 ? "unknown" : "33", i);
  for (const std::string_view options : {"{}", R"({"options": {"sample_rows": "0"}})"}) {
    const TestFolder folder;
    const auto imported = RunImport(folder, folder.Write("data.csv", text), std::string(options));
    ASSERT_TRUE(imported) << imported.error().ToString();
    EXPECT_EQ(imported->Types(), "age text, name text");
    ASSERT_EQ(imported->Warnings().size(), 1U) << options;
    EXPECT_TRUE(imported->Warnings().front().starts_with(
        "column 'age' is text, because 50 of its 1000 values are not bigint (line: value: 9: "
        "'unknown'"))
        << imported->Warnings().front();
  }
}

TEST(Import, GroupsBetweenSemicolonsNeedSomebodyWhoNamesTheDecimalSign) {
  const std::string text = "name;amount\na;1,234.50\nb;￥1,000.00\n";
  const std::string plain = "name;amount\na;1,234\nb;5,600\n";
  struct Case {
    std::string text, options, types, rows;
  };
  for (const Case& c :
       {Case{plain, "{}", "name text, amount text", R"(["a","1,234"],["b","5,600"])"},
        Case{plain, R"({"options": {"decimal": "."}})", "name text, amount bigint",
             R"(["a",1234],["b",5600])"},
        Case{plain, R"({"options": {"decimal": ","}})", "name text, amount double",
             R"(["a",1.234],["b",5.6])"},
        Case{text, R"({"options": {"decimal": "."}})", "name text, amount double",
             R"(["a",1234.5],["b",1000])"}}) {
    const TestFolder folder;
    const auto imported = RunImport(folder, folder.Write("data.csv", c.text), c.options);
    ASSERT_TRUE(imported) << imported.error().ToString();
    EXPECT_EQ(imported->Types(), c.types) << c.options;
    EXPECT_EQ(imported->Rows(), c.rows) << c.options;
  }
}

// A crash behind any checkpoint: what was written stays, and the result is the same.
TEST(Import, GoesOnBehindTheLastFinishedFile) {
  const TestFolder folder;
  std::string text = "a,b\n";
  for (int i = 0; i < 100'000; ++i)
    text += i % 1000 == 5 ? "broken\n" : fmt::format("{},x{}\n", i, i);
  text += "surprise,1\n";
  const std::string path = folder.Write("data.csv", text);
  const auto whole = RunImport(folder, path);
  ASSERT_TRUE(whole) << whole.error().ToString();
  for (int die_after = 0; die_after < 4; ++die_after) {
    const JobSpec spec = ImportSpec(folder, path, R"({"rows_per_file": 30000})");
    FakeContext first(spec, die_after);
    ASSERT_FALSE(RunImport(first));
    FakeContext second(spec);
    const auto imported = RunImport(second);
    ASSERT_TRUE(imported) << imported.error().ToString();
    EXPECT_EQ(imported->output["rejected_rows"], 100) << die_after;
    EXPECT_EQ(imported->output["rows"], 99'901);
    EXPECT_EQ(imported->Rows(), whole->Rows());
    // At most the files that were being written are written again.
    const int went_on =
        static_cast<int>(std::count_if(second.log.begin(), second.log.end(), [](const auto& line) {
          return line.starts_with("going on");
        }));
    EXPECT_EQ(went_on, die_after > 1 ? 1 : 0) << die_after;
  }
}

}  // namespace
}  // namespace aimass
