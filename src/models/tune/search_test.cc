// The search by a clock that only the fits move.
#include "models/tune/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "models/learners/boosting.h"
#include "models/random.h"

namespace aimass {
namespace {

constexpr int kFolds = 6;
constexpr std::size_t kRows = 600;

// What the learner below reads: functions cannot hold state.
struct World {
  std::atomic<std::int64_t> now_ms{0};
  std::int64_t round_ms = 1;
  int rounds = 100;     // until it stops by itself
  bool uneven = false;  // every other fold takes ten times as long
  std::atomic<int> fits{0};
};
World& TheWorld() {
  static World world;
  return world;
}
void Reset(std::int64_t round_ms, int rounds, bool uneven = false) {
  World& world = TheWorld();
  world.now_ms = 0, world.fits = 0;
  world.round_ms = round_ms, world.rounds = rounds, world.uneven = uneven;
}

constexpr std::array kFields{learners::kMaxRounds};

// Boosting that comes closer to the target with each round.
Result<Fitted> Fit(const LearnerData& data, const Settings&, const LearnerContext& context) {
  World& world = TheWorld();
  const int fit = world.fits++;
  const bool slow = world.uneven && fit >= kFolds && fit % 2 == 1;
  const std::int64_t round_ms = world.round_ms * (slow ? 10 : 1);
  const auto in_time = static_cast<int>((context.deadline_ms - world.now_ms) / round_ms);
  if (in_time < 1) return Fail(ErrorCode::kTimeout, "no time was left for a single round");
  const int rounds = std::min(in_time, world.rounds);
  world.now_ms += rounds * round_ms;
  Fitted fitted{.runtime = "trees",
                .rounds = rounds,
                .rounds_run = rounds,
                .round_ms = static_cast<double>(round_ms),
                .out_of_time = rounds < world.rounds};
  for (const std::uint32_t row : data.validation)
    fitted.validation_margins.push_back(data.matrix->target[row] * (1.0F - 0.9F / rounds));
  return fitted;
}

Settings Sample(int trial, std::uint64_t, std::size_t, std::size_t, TaskKind) {
  return {{"max_rounds", std::to_string(100 + trial)}};
}

struct Found {
  SearchOutput output;
  std::size_t scored = 0;
};

Found SearchFor(double time_s, bool by_clock = true, std::vector<Trial> done = {}) {
  LearnerRegistry learners("learner");
  learners.Add({.name = "boosting",
                .label = {"Boosting", "提升"},
                .fields = kFields,
                .sample = Sample,
                .rounds = [](const Settings&) { return 100.0; },
                .fit = Fit});
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  const Scorer scorer = Scorer::Make(metrics, "rmse", TaskKind::kRegression, 0).value();
  Matrix matrix{.features = {{"x", "x", 0}}};
  Random random(1);
  Folds folds{.of = {}, .count = kFolds, .times = {}};
  for (std::size_t i = 0; i < kRows; ++i) {
    matrix.values.push_back(static_cast<float>(random.Unit()));
    matrix.target.push_back(matrix.values.back());
    folds.of.push_back(static_cast<std::uint8_t>(i % kFolds));
  }
  const std::vector<FoldRows> rows = RowsOfFolds(folds, kFolds, 0.0);
  const features::CrossFit none(TaskKind::kRegression, matrix.target, folds.of);
  const TimeBudget budget(0, time_s, 0, [] { return TheWorld().now_ms.load(); });
  auto output = Search({.learners = learners,
                        .scorer = scorer,
                        .matrix = matrix,
                        .cross_fit = none,
                        .folds = folds.of,
                        .rows = rows,
                        .threads = 1,
                        .budget = budget,
                        .fits_after = 2,
                        .by_clock = by_clock},
                       std::move(done));
  EXPECT_TRUE(output) << output.error().ToString();
  Found found{.output = output ? std::move(*output) : SearchOutput{}};
  found.scored = ScoredRowNumbers(folds.of, found.output.folds).size();
  return found;
}

TEST(SearchTest, CheapTrialsAreMeasuredOnEveryFold) {
  Reset(1, 100);  // a trial: 0.6 of 20 s
  const Found found = SearchFor(20);
  EXPECT_EQ(found.output.folds, kFolds);
  EXPECT_GE(found.output.trials.size(), 20U);
  for (const Trial& trial : found.output.trials) {
    if (trial.whole()) {
      EXPECT_EQ(trial.margins.size(), kRows);
    }
  }
  EXPECT_LE(TheWorld().now_ms, 20'000);
}

TEST(SearchTest, WhereATrialTakesMuchOfTheTimeFewerFoldsCount) {
  Reset(10, 100);  // a fit: 1 of 20 s, a trial on all folds: 6
  const Found found = SearchFor(20);
  EXPECT_EQ(found.output.folds, 1);
  EXPECT_EQ(found.scored, kRows / kFolds);
  EXPECT_GE(found.output.trials.size(), 5U);
  for (const Trial& trial : found.output.trials) {
    if (trial.whole()) {
      EXPECT_EQ(trial.margins.size(), kRows / kFolds);
    }
  }
  // Two fits of what it found go on.
  EXPECT_LE(TheWorld().now_ms, 18'000);
}

TEST(SearchTest, WithoutAClockTheFoldsStay) {
  Reset(10, 100);
  EXPECT_EQ(SearchFor(60, false).output.folds, kFolds);
}

TEST(SearchTest, ARunThatWasCutOffEquallyFarOnEveryFoldCounts) {
  Reset(10, 100'000);  // never comes to its end
  const Found found = SearchFor(20);
  ASSERT_FALSE(found.output.trials.empty());
  EXPECT_EQ(found.output.trials.front().state, "cut_off");
  EXPECT_FALSE(found.output.trials.front().margins.empty());
  // What it found can still be fitted twice: a round takes as long then.
  const int rounds = found.output.trials.front().Rounds();
  EXPECT_GE(20'000 - TheWorld().now_ms, 2 * rounds * 10);
}

TEST(SearchTest, ARunThatWasCutOffUnevenlyDoesNot) {
  Reset(10, 300, true);
  const Found found = SearchFor(120, false);
  ASSERT_GE(found.output.trials.size(), 2U);
  EXPECT_EQ(found.output.trials[0].state, "complete");
  EXPECT_EQ(found.output.trials[1].state, "timeout");
  EXPECT_FALSE(found.output.trials[1].whole());
}

}  // namespace
}  // namespace aimass
