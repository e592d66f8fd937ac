// Model folders that someone else made: each is refused with words that say what is wrong.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/file.h"
#include "models/describe.h"
#include "models/folder.h"
#include "models/golden.h"
#include "models/loaded_model.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

/// The files of a small model, before they are written.
struct Files {
  FeaturePipeline pipeline = FeaturePipeline::Identity(std::vector<std::string>{"a"});
  Json features = pipeline.ToJson();
  Json model = {{"format", 1},
                {"task", "regression"},
                {"target", "y"},
                {"link", "identity"},
                {"members", {{{"runtime", "linear"}, {"file", "member-0.json"}}}}};
  Json golden;
  Json trials = {{"trials", {{{"number", 1}}}}};
  Json report = Json::object();

  Files() {
    const Json rows = {{2.0}, {nullptr}};
    const GoldenRows given{.rows = rows, .features = EncodeJsonRows(pipeline, rows), .count = 2};
    golden = GoldenJson(pipeline, given, std::vector{6.0, 3.0});
  }
};

struct Change {
  std::string_view what;
  std::function<void(Files&)> change;
  std::string_view error;  // a part of the message; empty: a good model
};

class HostileFolderTest : public ::testing::TestWithParam<Change> {
 protected:
  aimass::testing::TempFolder folder_;
};

TEST_P(HostileFolderTest, IsRefusedInWords) {
  Files files;
  GetParam().change(files);
  const auto write = [&](const char* name, const Json& json) {
    ASSERT_TRUE(WriteFileAtomic(std::filesystem::path(folder_.path()) / name, json.dump()));
  };
  write("features.json", files.features);
  write("model.json", files.model);
  write("golden.json", files.golden);
  write("trials.json", files.trials);
  write("report.json", files.report);
  write("member-0.json", {{"kind", "linear"},
                          {"format", 1},
                          {"outputs", 1},
                          {"intercept", {0.0}},
                          {"features", {{{"name", "a"}, {"mean", 1.0}, {"weights", {3.0}}}}}});
  ASSERT_TRUE(WriteSums(folder_.path()));
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  const auto loaded = LoadedModel::Load(folder_.path(), "", runtimes);
  const auto described = DescribeFolder(folder_.path());
  if (GetParam().error.empty()) {
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    ASSERT_TRUE(described) << described.error().ToString();
    EXPECT_EQ((*described)["example"], (Json{{"a", 2.0}}));
    EXPECT_EQ((*described)["trials"].size(), 1U);
    return;
  }
  ASSERT_FALSE(loaded && described);
  const Error& error = loaded ? described.error() : loaded.error();
  EXPECT_NE(error.ToString().find(GetParam().error), std::string::npos) << error.ToString();
  EXPECT_TRUE(ChineseText(error.message.format)) << error.message.format;
}

INSTANTIATE_TEST_SUITE_P(
    , HostileFolderTest,
    ::testing::Values(
        Change{"Whole", [](Files&) {}, ""},
        Change{"Tolerance", [](Files& f) { f.golden["tolerance"] = "x"; }, "must be a number"},
        Change{"GoldenColumns", [](Files& f) { f.golden["columns"] = "a"; }, "other columns"},
        Change{"GoldenMargins", [](Files& f) { f.golden["margins"][0] = {"x"}; }, "format 1"},
        Change{"EmptyRows", [](Files& f) { f.golden["rows"][1] = Json::array(); },
               "golden row 1 has 0 cells, expected 1"},
        Change{"ManyRows",
               [](Files& f) {
                 f.golden["rows"] = std::vector(kMaxGoldenRows + 1, std::vector{1.0});
                 f.golden["margins"] = f.golden["rows"];
               },
               "expected at most 1000 rows"},
        Change{"Trials", [](Files& f) { f.trials = {1}; }, "trials.json is damaged"},
        Change{"TrialsInside", [](Files& f) { f.trials["trials"] = 5; }, "trials.json is damaged"},
        Change{"Report", [](Files& f) { f.report = {1}; }, "report.json is damaged"},
        Change{"Features", [](Files& f) { f.features = {1}; }, "JSON object"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass
