#include "models/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "models/interval.h"
#include "models/random.h"

namespace aimass {
namespace {

const MetricRegistry& Metrics() {
  static const MetricRegistry kMetrics = [] {
    MetricRegistry metrics("metric");
    RegisterAllMetrics(metrics);
    return metrics;
  }();
  return kMetrics;
}

// Twelve rows with ties, eight rows of three classes, six numbers. The expected values are
// scikit-learn 1.9.1's.
const std::vector<float> kBinary = {0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0};
const std::vector<double> kScores = {.1, .8, .4, .35, .9, .4, .6, .65, .05, .3, .2, .75};
const std::vector<double> kBinaryWeights = {1, 2, 1, 1, 3, 1, 2, 1, 1, 0.5, 1, 1};
const std::vector<float> kMulti = {0, 1, 2, 2, 1, 0, 2, 1};
const std::vector<double> kMultiScores = {.7,  .2, .1,  .3, .5,  .2,  .2,  .2,  .6, .1, .6, .3,
                                          .25, .5, .25, .4, .35, .25, .05, .15, .8, .5, .3, .2};
const std::vector<double> kMultiWeights = {1, 2, 1, 1, 1, 0.5, 1, 3};
const std::vector<float> kNumbers = {3, -0.5, 2, 7, 4.25, 10};
const std::vector<double> kForecast = {2.5, 0.0, 2, 8, 4, 12.5};
const std::vector<double> kNumberWeights = {1, 2, 1, 1, 3, 0.5};

std::vector<double> Pairs() {
  std::vector<double> pairs;
  for (const double p : kScores) pairs.insert(pairs.end(), {1.0 - p, p});
  return pairs;
}

struct ValueCase {
  std::string metric;
  TaskKind task;
  double plain;
  double weighted;
};
void PrintTo(const ValueCase& value, std::ostream* out) { *out << value.metric; }

class MetricValueTest : public testing::TestWithParam<ValueCase> {};

TEST_P(MetricValueTest, IsScikitLearns) {
  const auto& [name, task, plain, weighted] = GetParam();
  const auto metric = FindMetric(Metrics(), name, task);
  ASSERT_TRUE(metric) << metric.error().ToString();
  const std::vector<double> pairs = Pairs();
  MetricInput input{.task = task};
  std::vector<double> weights;
  switch (task) {
    case TaskKind::kBinary:
      input.classes = 2, input.actual = kBinary, input.predicted = pairs, weights = kBinaryWeights;
      break;
    case TaskKind::kMulticlass:
      input.classes = 3, input.actual = kMulti, input.predicted = kMultiScores,
      weights = kMultiWeights;
      break;
    case TaskKind::kRegression:
      input.actual = kNumbers, input.predicted = kForecast, weights = kNumberWeights;
  }
  EXPECT_NEAR(ComputeMetric(**metric, input).value(), plain, 1e-12);
  const std::vector<double> ones(input.rows(), 1.0);
  input.weights = ones;
  EXPECT_NEAR(ComputeMetric(**metric, input).value(), plain, 1e-12)
      << "weights of 1 change nothing";
  input.weights = weights;
  EXPECT_NEAR(ComputeMetric(**metric, input).value(), weighted, 1e-12);
}

constexpr auto B = TaskKind::kBinary;
constexpr auto M = TaskKind::kMulticlass;
constexpr auto R = TaskKind::kRegression;
INSTANTIATE_TEST_SUITE_P(
    , MetricValueTest,
    testing::Values(ValueCase{"auc", B, 0.7857142857142858, 0.8833333333333334},
                    ValueCase{"average_precision", B, 0.7753968253968253, 0.9058008658008657},
                    ValueCase{"log_loss", B, 0.5419617927897216, 0.4678522855366263},
                    ValueCase{"accuracy", B, 0.6666666666666666, 0.7096774193548387},
                    ValueCase{"f1_macro", B, 0.6571428571428571, 0.7084639498432602},
                    ValueCase{"balanced_accuracy", B, 0.6571428571428571, 0.7125},
                    ValueCase{"brier", B, 0.19, 0.15838709677419355},
                    ValueCase{"auc_ovr", M, 0.8833333333333333, 0.8703703703703703},
                    ValueCase{"log_loss", M, 0.7251468525831064, 0.8042021184704372},
                    ValueCase{"accuracy", M, 0.75, 0.6190476190476191},
                    ValueCase{"f1_macro", M, 0.7555555555555555, 0.6333333333333334},
                    ValueCase{"balanced_accuracy", M, 0.7777777777777777, 0.7222222222222222},
                    ValueCase{"brier", M, 0.423125, 0.4811904761904762},
                    ValueCase{"rmse", R, 1.141088661469096, 0.7717436331412898},
                    ValueCase{"mae", R, 0.7916666666666666, 0.5294117647058824},
                    ValueCase{"r2", R, 0.8880764065064916, 0.927100428821007},
                    ValueCase{"mape", R, 0.26972455648926236, 0.307175811501071},
                    ValueCase{"wape", R, 0.17757009345794392, 0.14634146341463414},
                    ValueCase{"median_ae", R, 0.5, 0.5}));

TEST(MetricTest, CalibrationErrorByHand) {
  const std::vector<double> pairs = Pairs();
  const MetricInput input{.task = B, .classes = 2, .actual = kBinary, .predicted = pairs};
  EXPECT_NEAR(ComputeMetric(**Metrics().Find("ece"), input).value(), 0.24166666666666667, 1e-12);
}

TEST(MetricTest, IntervalOfAucIsDeLongs) {
  // The same twelve rows, by the definition of 1988 over all pairs, on the logit scale.
  const std::vector<double> pairs = Pairs();
  const MetricInput input{.task = B, .classes = 2, .actual = kBinary, .predicted = pairs};
  const Interval interval = FindInterval(**Metrics().Find("auc"), input, 1).value();
  EXPECT_EQ(interval.method, "delong");
  EXPECT_NEAR(interval.low, 0.41343087294571174, 1e-9);
  EXPECT_NEAR(interval.high, 0.9501862121531608, 1e-9);
}

TEST(MetricTest, WhatIsNotDefinedIsSaid) {
  struct Case {
    std::string metric;
    TaskKind task;
    std::vector<float> actual;
    std::vector<double> predicted;
    ErrorCode code;
  };
  for (const Case& given :
       {Case{"auc", B, {1, 1}, {.5, .5, .4, .6}, ErrorCode::kUnprocessable},
        Case{"average_precision", B, {0, 0}, {.5, .5, .4, .6}, ErrorCode::kUnprocessable},
        Case{"r2", R, {2, 2}, {1, 2}, ErrorCode::kUnprocessable},
        Case{"mape", R, {0, 2}, {1, 2}, ErrorCode::kUnprocessable},
        Case{"wape", R, {0, 0}, {1, 2}, ErrorCode::kUnprocessable},
        Case{"rmse", R, {}, {}, ErrorCode::kInvalidArgument},
        Case{"rmse", R, {1, 2}, {1}, ErrorCode::kInvalidArgument},
        Case{"rmse", R, {1}, {NAN}, ErrorCode::kInvalidArgument},
        Case{"accuracy", B, {2}, {.5, .5}, ErrorCode::kInvalidArgument},
        Case{"accuracy", B, {0.5}, {.5, .5}, ErrorCode::kInvalidArgument}}) {
    const MetricInput input{.task = given.task,
                            .classes = given.task == R ? 0u : 2u,
                            .actual = given.actual,
                            .predicted = given.predicted};
    const auto value = ComputeMetric(**Metrics().Find(given.metric), input);
    ASSERT_FALSE(value) << given.metric << " gave " << *value;
    EXPECT_EQ(value.error().code, given.code) << given.metric;
  }
}

TEST(MetricTest, FindSaysWhatFits) {
  EXPECT_EQ((*FindMetric(Metrics(), "auto", R))->name, "rmse");
  EXPECT_EQ((*FindMetric(Metrics(), "", B))->name, "auc");
  EXPECT_EQ(FindMetric(Metrics(), "rmse", B).error().ToString(),
            "metric 'rmse' does not fit a binary model; these do: accuracy auc average_precision "
            "balanced_accuracy "
            "brier ece f1_macro log_loss");
  EXPECT_EQ(FindMetric(Metrics(), "acu", B).error().code, ErrorCode::kNotFound);
}

// The contract of every metric of this build.
TEST(EveryMetric, KeepsTheContract) {
  const std::vector<double> pairs = Pairs();
  for (const auto& [name, metric] : Metrics().types()) {
    EXPECT_FALSE(metric.label.en.empty()) << name;
    EXPECT_FALSE(metric.label.zh.empty()) << name;
    EXPECT_TRUE(metric.binary || metric.multiclass || metric.regression) << name;
    for (const TaskKind task : {B, M, R}) {
      if (!metric.Fits(task)) continue;
      const MetricInput input =
          task == B ? MetricInput{.task = B, .classes = 2, .actual = kBinary, .predicted = pairs}
          : task == M
              ? MetricInput{.task = M, .classes = 3, .actual = kMulti, .predicted = kMultiScores}
              : MetricInput{.task = R, .actual = kNumbers, .predicted = kForecast};
      const double value = ComputeMetric(metric, input).value();
      const Interval interval = FindInterval(metric, input, 7).value();
      EXPECT_LE(interval.low, interval.high) << name;
      EXPECT_LE(interval.low, value + 1e-9) << name;
      EXPECT_GE(interval.high, value - 1e-9) << name;
      const Interval again = FindInterval(metric, input, 7).value();
      EXPECT_EQ(interval.low, again.low)
          << name << " must give the same interval for the same seed";
      // A perfect prediction is at least as good.
      std::vector<double> perfect(input.predicted.size(), 0.0);
      for (std::size_t i = 0; i < input.rows(); ++i) {
        if (task == R) {
          perfect[i] = static_cast<double>(input.actual[i]);
        } else {
          perfect[i * input.classes + input.label(i)] = 1.0;
        }
      }
      MetricInput best = input;
      best.predicted = perfect;
      const double ideal = ComputeMetric(metric, best).value();
      if (metric.higher_is_better) {
        EXPECT_GE(ideal, value) << name;
      } else {
        EXPECT_LE(ideal, value) << name;
      }
    }
  }
}

TEST(IntervalTest, BootstrapCoversTheTruth) {
  // Accuracy of a coin that lands right 70 % of the time: the interval holds 0.7 in about 95 of 100
  // samples.
  const MetricType& accuracy = **Metrics().Find("accuracy");
  int covered = 0;
  for (std::uint64_t sample = 0; sample < 60; ++sample) {
    Random random(sample, 3);
    std::vector<float> actual;
    std::vector<double> predicted;
    for (int i = 0; i < 200; ++i) {
      actual.push_back(1.0f);
      const double p = random.Unit() < 0.7 ? 0.9 : 0.1;
      predicted.insert(predicted.end(), {1.0 - p, p});
    }
    const MetricInput input{.task = B, .classes = 2, .actual = actual, .predicted = predicted};
    const Interval interval = FindInterval(accuracy, input, sample).value();
    covered += interval.low <= 0.7 && 0.7 <= interval.high ? 1 : 0;
    EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * std::sqrt(0.7 * 0.3 / 200), 0.04);
  }
  EXPECT_GE(covered, 53);
}

TEST(IntervalTest, HoldsTheValueOfAMetricThatResamplingAddsTo) {
  // Perfectly calibrated by construction: the error is 0, that of every resample is more.
  std::vector<float> actual;
  std::vector<double> predicted;
  for (int i = 0; i < 100; ++i) {
    actual.push_back(i % 2 == 0 ? 1.0f : 0.0f);
    predicted.insert(predicted.end(), {0.5, 0.5});
  }
  const MetricInput input{.task = B, .classes = 2, .actual = actual, .predicted = predicted};
  const Interval interval = FindInterval(**Metrics().Find("ece"), input, 1).value();
  EXPECT_EQ(interval.low, 0.0);
  EXPECT_GT(interval.high, 0.02);
}

TEST(IntervalTest, PairedDifferenceSeesWhatIsRealAndNothingElse) {
  Random random(5);
  std::vector<float> actual;
  std::vector<double> good, poor, same;
  for (int i = 0; i < 400; ++i) {
    const double truth = random.Normal();
    actual.push_back(static_cast<float>(truth));
    good.push_back(truth + 0.5 * random.Normal());
    poor.push_back(truth + 0.8 * random.Normal());
    same.push_back(truth + 0.5 * random.Normal());
  }
  const MetricType& rmse = **Metrics().Find("rmse");
  const MetricInput a{.task = R, .actual = actual, .predicted = poor};
  const MetricInput b{.task = R, .actual = actual, .predicted = good};
  const MetricInput c{.task = R, .actual = actual, .predicted = same};
  const Difference real = PairedDifference(rmse, a, b, 1).value();
  EXPECT_LT(real.high, 0.0) << "b has less error than a";
  EXPECT_LT(real.p_value, 0.02);
  const Difference none = PairedDifference(rmse, b, b, 1).value();
  EXPECT_EQ(none.value, 0.0);
  EXPECT_EQ(none.p_value, 1.0);
  const Difference chance = PairedDifference(rmse, b, c, 1).value();
  EXPECT_LT(chance.low, 0.0);
  EXPECT_GT(chance.high, 0.0);
  const std::vector<float> other(400, 0.0f);
  const MetricInput elsewhere{.task = R, .actual = other, .predicted = good};
  EXPECT_FALSE(PairedDifference(rmse, a, elsewhere, 1));
}

}  // namespace
}  // namespace aimass
