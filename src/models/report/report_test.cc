#include "models/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "models/random.h"
#include "models/report/charts.h"
#include "models/report/scored.h"

namespace aimass {
namespace {

using testing::HasSubstr;
using testing::Not;

ReportInput Example(TaskKind task) {
  ReportInput input{.task = task, .model = "m", .target = "y", .metric = "auc", .labels = {}};
  if (task == TaskKind::kBinary) input.labels = {"No", "Yes"};
  if (task == TaskKind::kMulticlass) input.labels = {"a", "b", "c"};
  const std::size_t classes = input.labels.size();
  Random random(11);
  for (int part = 0; part < 2; ++part) {
    ScoredRows& rows = part == 0 ? input.holdout : input.out_of_fold;
    for (int i = 0; i < 300; ++i) {
      if (task == TaskKind::kRegression) {
        const double truth = 10.0 * random.Normal();
        rows.actual.push_back(static_cast<float>(truth));
        rows.predicted.push_back(truth + random.Normal());
        continue;
      }
      const std::size_t label = random.Below(classes);
      rows.actual.push_back(static_cast<float>(label));
      std::vector<double> scores(classes);
      double sum = 0.0;
      for (std::size_t k = 0; k < classes; ++k)
        sum += scores[k] = random.Unit() + (k == label ? 0.6 : 0.0);
      for (const double score : scores) rows.predicted.push_back(score / sum);
    }
  }
  input.training_target = input.out_of_fold.actual;
  input.importance = {{"tenure", 0.75}, {"<b>city</b>", 0.25}};
  input.dropped = {{"id\"<script>", Msg("every row has the same value")}};
  input.dataset = {{"id", "d"}, {"name", "customers"}, {"version", 3}, {"rows", 600}};
  input.split = {{"method", "random"}, {"training_rows", 300}, {"holdout_rows", 300}};
  input.search = {{"trials", 4},
                  {"complete", 3},
                  {"folds", 5},
                  {"members", {{{"learner", "xgboost"}, {"weight", 1.0}, {"rounds", 30}}}}};
  input.durations_ms = {{"read", 12.0}, {"search", 61000.0}};
  return input;
}

class EachTaskReportTest : public testing::TestWithParam<TaskKind> {};
INSTANTIATE_TEST_SUITE_P(, EachTaskReportTest,
                         testing::Values(TaskKind::kBinary, TaskKind::kMulticlass,
                                         TaskKind::kRegression),
                         [](const auto& info) { return std::string(TaskName(info.param)); });

TEST_P(EachTaskReportTest, SaysTheSameTwiceAndBeatsItsBaseline) {
  const ReportInput input = Example(GetParam());
  const Json report = BuildReport(input).value();
  EXPECT_EQ(report, BuildReport(input).value());
  EXPECT_EQ(report["task"], TaskName(GetParam()));
  EXPECT_EQ(report["evaluation"]["holdout"]["rows"], 300);
  EXPECT_EQ(report["evaluation"]["cross_validation"]["rows"], 300);
  int with_baseline = 0;
  for (const Json& metric : report["evaluation"]["holdout"]["metrics"]) {
    const std::string name = metric["name"];
    EXPECT_EQ(metric["value"], report["metrics"][name]);
    EXPECT_LE(metric["low"], metric["value"]) << name;
    EXPECT_GE(metric["high"], metric["value"]) << name;
    if (!report["baseline"]["metrics"].contains(name) || name == "ece") continue;
    ++with_baseline;
    const bool above =
        metric["value"].get<double>() > report["baseline"]["metrics"][name].get<double>();
    EXPECT_EQ(above, metric["higher_is_better"].get<bool>()) << name;
  }
  EXPECT_GE(with_baseline, 4);
}

TEST(ReportTest, AChartOfNumbersThatAStepCannotTellApartEnds) {
  EXPECT_THAT(report::LineChart({.x = "x", .y = "y", .x_low = 1e17, .x_high = 1e17 + 16},
                                {{.name = "", .points = {{1e17, 0}, {1e17 + 16, 1}}}}),
              HasSubstr("</svg>"));
}

TEST(ReportTest, ScoredRowsOfAnUnknownClassAreRefused) {
  Json report = BuildReport(Example(TaskKind::kMulticlass)).value();
  ReportInput wrong = Example(TaskKind::kMulticlass);
  wrong.holdout.actual[0] = 3.0F;
  report["scored"] = report::EncodeScored(wrong);
  EXPECT_FALSE(report::DecodeScored(report));
  report = BuildReport(Example(TaskKind::kBinary)).value();
  report["labels"] = {"only"};
  EXPECT_FALSE(report::DecodeScored(report));
}

TEST_P(EachTaskReportTest, ScoredRowsComeBack) {
  const ReportInput input = Example(GetParam());
  const Json report = BuildReport(input).value();
  const auto scored = report::DecodeScored(report).value();
  ASSERT_TRUE(scored);
  EXPECT_EQ(scored->rows.actual, input.holdout.actual);
  ASSERT_EQ(scored->rows.predicted.size(), input.holdout.predicted.size());
  for (std::size_t i = 0; i < scored->rows.predicted.size(); ++i) {
    EXPECT_NEAR(scored->rows.predicted[i], input.holdout.predicted[i],
                1e-6 * (1 + std::abs(input.holdout.predicted[i])));
  }
  ReportInput other = input;
  other.dataset["version"] = 4;
  EXPECT_NE(BuildReport(other).value()["scored"]["fingerprint"], report["scored"]["fingerprint"]);
  Json damaged = report;
  damaged["scored"]["actual"] = "AAA";
  EXPECT_FALSE(report::DecodeScored(damaged));
  EXPECT_FALSE(ReportForReaders(report, Language::kEnglish).contains("scored"));
}

TEST_P(EachTaskReportTest, PageIsWholeInBothLanguagesAndEscapesEverything) {
  const Json report = BuildReport(Example(GetParam())).value();
  for (const Language language : {Language::kEnglish, Language::kChinese}) {
    const std::string page = ReportHtml(report, language);
    EXPECT_THAT(page, HasSubstr("<svg"));
    EXPECT_THAT(page, HasSubstr("&lt;b&gt;city&lt;/b&gt;"));
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("http")));
    EXPECT_THAT(page, HasSubstr("@page{size:A4"));
    EXPECT_THAT(page, HasSubstr(language == Language::kChinese ? "lang=\"zh-CN\"" : "lang=\"en\""));
    EXPECT_THAT(page, HasSubstr(language == Language::kChinese ? "效果" : "How good it is"));
    EXPECT_THAT(page, Not(HasSubstr("nan")));
  }
}

TEST(ReportTest, CurvesOfBinary) {
  ReportInput input = Example(TaskKind::kBinary);
  input.holdout.actual = {0, 0, 1, 1};
  input.holdout.predicted = {.9, .1, .6, .4, .65, .35, .2, .8};
  input.baseline_column = "recency";
  input.baseline_scores = {1, 4, 3, 2};
  const Json report = BuildReport(input).value();
  EXPECT_EQ(report["roc"][0]["label"], "Yes");
  EXPECT_EQ(report["roc"][0]["area"], 0.75);
  const std::vector<std::vector<double>> expected = {{0, 0.5}, {0.5, 0.5}, {0.5, 1}, {1, 1}};
  ASSERT_EQ(report["roc"][0]["points"].size(), 5u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(report["roc"][0]["points"][i + 1][0], expected[i][0]);
    EXPECT_EQ(report["roc"][0]["points"][i + 1][1], expected[i][1]);
  }
  EXPECT_EQ(report["confusion"]["counts"], (Json{{2, 0}, {1, 1}}));
  EXPECT_EQ(report["lift"].back()["gain"], 1.0);
  EXPECT_EQ(report["lift"][4]["gain"], 0.5);  // half of the rows hold one of the two positives
  EXPECT_EQ(report["baseline"]["column"]["name"], "recency");
  EXPECT_EQ(report["baseline"]["column"]["metrics"]["auc"], 0.5);
  EXPECT_FALSE(report["baseline"]["column"]["metrics"].contains("accuracy"));
}

TEST(ReportTest, RefusesShapesThatDoNotFit) {
  ReportInput input = Example(TaskKind::kBinary);
  input.holdout.predicted.pop_back();
  EXPECT_EQ(BuildReport(input).error().code, ErrorCode::kInvalidArgument);
  input = Example(TaskKind::kBinary);
  input.holdout.actual[3] = 5;
  EXPECT_EQ(BuildReport(input).error().code, ErrorCode::kInvalidArgument);
  input = Example(TaskKind::kBinary);
  input.baseline_scores = {1};
  EXPECT_EQ(BuildReport(input).error().code, ErrorCode::kInvalidArgument);
}

TEST(ChartsTest, Texts) {
  EXPECT_EQ(report::Escape("a<b>&\"'\x01"), "a&lt;b&gt;&amp;&quot;&#39; ");
  EXPECT_EQ(report::Short(1067371), "1,067,371");
  EXPECT_EQ(report::Short(-1234), "−1,234");
  EXPECT_EQ(report::Short(0.12345), "0.123");
  EXPECT_EQ(report::Cut("客户流失预测", 6), "客户流…");
  EXPECT_EQ(report::Cut("short", 6), "short");
}

}  // namespace
}  // namespace aimass
