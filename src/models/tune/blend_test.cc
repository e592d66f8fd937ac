#include "models/tune/blend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/random.h"

namespace aimass {
namespace {

Scorer ScorerOf(std::string_view metric, TaskKind task, std::size_t classes) {
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  return Scorer::Make(metrics, metric, task, classes).value();
}

// Values, and candidates that see them with independent errors of the given sizes.
struct Numbers {
  std::vector<float> actual;
  std::vector<Candidate> candidates;
};
Numbers Seen(std::initializer_list<double> errors, std::size_t rows = 2000) {
  Random random(7);
  Numbers numbers;
  for (std::size_t i = 0; i < rows; ++i)
    numbers.actual.push_back(static_cast<float>(random.Uniform(-3, 3)));
  for (const double error : errors) {
    Candidate candidate{.margins = {}, .loss = error, .fit_ms = 100.0};
    for (const float y : numbers.actual) {
      candidate.margins.push_back(
          y + static_cast<float>(error * (random.Unit() + random.Unit() + random.Unit() - 1.5)));
    }
    numbers.candidates.push_back(std::move(candidate));
  }
  return numbers;
}

double TotalWeight(const Blend& blend) {
  return std::accumulate(blend.parts.begin(), blend.parts.end(), 0.0,
                         [](double sum, const Blend::Part& part) { return sum + part.weight; });
}

TEST(BlendTest, TwoThatErrDifferentlyAreBetterThanTheBest) {
  const Numbers numbers = Seen({1.0, 1.1, 9.0});
  const Scorer scorer = ScorerOf("rmse", TaskKind::kRegression, 0);
  const auto blend = MakeBlend(numbers.candidates, numbers.actual, scorer, {});
  ASSERT_TRUE(blend) << blend.error().ToString();
  ASSERT_EQ(blend->parts.size(), 2U);
  for (const Blend::Part& part : blend->parts) EXPECT_LT(part.candidate, 2U);
  const auto alone = MakeBlend({numbers.candidates.front()}, numbers.actual, scorer, {});
  ASSERT_EQ(alone->parts.size(), 1U);
  // Independent errors of equal size shrink by the root of two.
  EXPECT_LT(blend->score, 0.8 * alone->score);
}

TEST(BlendTest, OneThatAddsNothingStaysOut) {
  Numbers numbers = Seen({1.0});
  numbers.candidates.push_back(numbers.candidates.front());
  for (float& margin : numbers.candidates.back().margins) margin += 2.0F;
  numbers.candidates.back().loss = 2.0;
  const auto blend =
      MakeBlend(numbers.candidates, numbers.actual, ScorerOf("rmse", TaskKind::kRegression, 0), {});
  ASSERT_EQ(blend->parts.size(), 1U);
  EXPECT_EQ(blend->parts.front().candidate, 0U);
}

TEST(BlendTest, KeepsToItsMembersAndItsTime) {
  Numbers numbers = Seen({1.0, 1.0, 1.0, 1.0, 1.0, 1.0});
  const Scorer scorer = ScorerOf("rmse", TaskKind::kRegression, 0);
  EXPECT_EQ(
      MakeBlend(numbers.candidates, numbers.actual, scorer, {.most_members = 3})->parts.size(), 3U);
  EXPECT_EQ(MakeBlend(numbers.candidates, numbers.actual, scorer,
                      {.most_members = 5, .most_fit_ms = 250.0})
                ->parts.size(),
            2U);
  // Where none can be fitted in time it is the one that comes closest.
  numbers.candidates[4].fit_ms = 60.0;
  const auto late = MakeBlend(numbers.candidates, numbers.actual, scorer, {.most_fit_ms = 50.0});
  ASSERT_EQ(late->parts.size(), 1U);
  EXPECT_EQ(late->parts.front().candidate, 4U);
}

TEST(BlendTest, WithoutCandidatesItSaysSo) {
  EXPECT_FALSE(MakeBlend({}, {}, ScorerOf("rmse", TaskKind::kRegression, 0), {}));
}

TEST(BlendTest, CalibratesTheMarginsOfClasses) {
  // Margins three times as sure as they should be, and off by one.
  Random random(3);
  std::vector<float> actual;
  Candidate candidate;
  for (int i = 0; i < 4000; ++i) {
    const double margin = random.Uniform(-3, 3);
    actual.push_back(random.Unit() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F);
    candidate.margins.push_back(static_cast<float>(3.0 * margin + 1.0));
  }
  const auto blend = MakeBlend({candidate}, actual, ScorerOf("auc", TaskKind::kBinary, 2), {});
  EXPECT_EQ(blend->calibration, "platt");
  EXPECT_NEAR(blend->slope, 1.0 / 3.0, 0.03);
  EXPECT_NEAR(blend->bias, -1.0 / 3.0, 0.1);
  EXPECT_NEAR(TotalWeight(*blend), blend->slope, 1e-12);
  // Ranks stay what they were.
  EXPECT_GT(blend->score, 0.85);
}

TEST(BlendTest, WhatIsCalibratedIsLeftAlone) {
  Random random(5);
  std::vector<float> actual;
  Candidate candidate;
  for (int i = 0; i < 4000; ++i) {
    const double margin = random.Uniform(-3, 3);
    actual.push_back(random.Unit() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F);
    candidate.margins.push_back(static_cast<float>(margin));
  }
  const auto blend = MakeBlend({candidate}, actual, ScorerOf("auc", TaskKind::kBinary, 2), {});
  EXPECT_EQ(blend->calibration, "none");
  EXPECT_DOUBLE_EQ(TotalWeight(*blend), 1.0);
  EXPECT_DOUBLE_EQ(blend->bias, 0.0);
}

TEST(BlendTest, MarginsAreTheWeightedSum) {
  const Blend blend{.parts = {{.candidate = 0, .weight = 0.75}, {.candidate = 1, .weight = 0.25}},
                    .bias = 10.0};
  const std::vector<double> margins = BlendMargins(blend, {{4.0F, 8.0F}, {0.0F, -4.0F}});
  ASSERT_EQ(margins.size(), 2U);
  EXPECT_DOUBLE_EQ(margins[0], 13.0);
  EXPECT_DOUBLE_EQ(margins[1], 15.0);
}

}  // namespace
}  // namespace aimass
