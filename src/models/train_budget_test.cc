// Training by a clock of the test's own, which only the fits move: what takes how long is exact,
// and how fast the machine is does not matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "base/file.h"
#include "models/testing/tables.h"
#include "models/train.h"

namespace aimass {
namespace {

using testing::Customers;
using testing::FakeJob;

const LearnerType& Linear() {
  static const LearnerRegistry all = [] {
    LearnerRegistry learners("learner");
    RegisterAllLearners(learners);
    return learners;
  }();
  return all.types().find("linear")->second;
}

// What the learners below share: functions cannot hold state.
struct World {
  std::atomic<std::int64_t> now_ms{0};
  std::atomic<double> us_per_row{0.0};
  std::atomic<double> slower_after_search{1.0};
  std::atomic<int> fixed_fits{0};
  std::atomic<int> cut_off_fits{0};
};
World& TheWorld() {
  static World world;
  return world;
}
void Reset(double us_per_row) {
  World& world = TheWorld();
  world.now_ms = 0;
  world.us_per_row = us_per_row;
  world.slower_after_search = 1.0;
  world.fixed_fits = 0;
  world.cut_off_fits = 0;
}

// A linear model that takes its time.
Result<Fitted> SlowFit(const LearnerData& data, const Settings& settings,
                       const LearnerContext& context) {
  World& world = TheWorld();
  const bool shipped = context.fixed_rounds > 0;
  const auto ms =
      static_cast<std::int64_t>(static_cast<double>(data.train.size()) * world.us_per_row / 1000.0 *
                                (shipped ? world.slower_after_search.load() : 1.0));
  world.fixed_fits += shipped ? 1 : 0;
  if (context.deadline_ms > 0 && world.now_ms + ms > context.deadline_ms) {
    world.now_ms = std::max<std::int64_t>(world.now_ms, context.deadline_ms);
    return Fail(ErrorCode::kTimeout, "no time was left for a single round");
  }
  world.now_ms += ms;
  LearnerContext unhurried = context;
  unhurried.deadline_ms = 0;
  return Linear().fit(data, settings, unhurried);
}

// Looks far better than it is and never comes to its end: what the clock cuts off, after ten times
// as many rounds on every other fold.
Result<Fitted> CutOffFit(const LearnerData& data, const Settings& settings,
                         const LearnerContext& context) {
  Result<Fitted> fitted = SlowFit(data, settings, context);
  if (!fitted || context.fixed_rounds > 0) return fitted;
  fitted->out_of_time = true;
  fitted->rounds = TheWorld().cut_off_fits++ % 2 == 0 ? 10 : 100;
  for (std::size_t i = 0; i < data.validation.size(); ++i)
    fitted->validation_margins[i] = data.matrix->target[data.validation[i]] > 0.5F ? 9.0F : -9.0F;
  return fitted;
}

LearnerType Called(std::string_view name, decltype(LearnerType::fit) fit) {
  LearnerType type = Linear();
  type.name = name;
  type.fit = fit;
  return type;
}

TrainParameters Parameters(double time_s) {
  TrainParameters parameters;
  parameters.name = "model";
  parameters.target = "left";
  parameters.time_s = time_s;
  parameters.threads = 1;
  parameters.dataset.name = "data";
  return parameters;
}

Result<Json> Train(FakeJob& job, const LearnerRegistry& learners, double time_s,
                   const RowTable& table) {
  return TrainOnRows(job, Parameters(time_s), table, 0, 0,
                     {.learners = &learners, .clock = [] { return TheWorld().now_ms.load(); }});
}

Json Recipe(const Json& output) {
  const std::string folder = output["staged_folder"];
  return ParseJson(ReadFile(folder + "/trials.json").value()).value();
}

TEST(TrainBudgetTest, SearchAndFinalFitsEndInTime) {
  Reset(1000.0);  // a fold's fit: about half a second
  LearnerRegistry learners("learner");
  learners.Add(Called("slow", SlowFit));
  FakeJob job;
  const auto output = Train(job, learners, 60, Customers(800, 11));
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_LE(TheWorld().now_ms, 60'000);
  EXPECT_GT(TheWorld().now_ms, 45'000) << "the time given is there to be used";
  const Json trials = Recipe(*output);
  EXPECT_GE(trials["trials"].size(), 10U);
  EXPECT_EQ(trials["recipe"]["rows"], "all");
  EXPECT_EQ(TheWorld().fixed_fits, 2 * static_cast<int>(trials["recipe"]["members"].size()));
}

// A machine that is busy with something else by then: the measured model is shipped.
TEST(TrainBudgetTest, WithoutTimeForASecondFitTheMeasuredModelIsShipped) {
  Reset(4000.0);
  TheWorld().slower_after_search = 6.0;
  LearnerRegistry learners("learner");
  learners.Add(Called("slow", SlowFit));
  FakeJob job;
  const auto output = Train(job, learners, 60, Customers(800, 11));
  ASSERT_TRUE(output) << output.error().ToString();
  const Json trials = Recipe(*output);
  EXPECT_EQ(trials["recipe"]["rows"], "training") << TheWorld().now_ms;
  EXPECT_EQ(TheWorld().fixed_fits, static_cast<int>(trials["recipe"]["members"].size()));
  EXPECT_LE(TheWorld().now_ms, 60'000);
}

TEST(TrainBudgetTest, ARunThatTheClockCutOffUnevenlyIsNotShipped) {
  Reset(500.0);
  LearnerRegistry learners("learner");
  learners.Add(Called("cut_off", CutOffFit));
  learners.Add(Called("linear", SlowFit));
  FakeJob job;
  const auto output = Train(job, learners, 60, Customers(800, 11));
  ASSERT_TRUE(output) << output.error().ToString();
  const Json trials = Recipe(*output);
  for (const Json& member : trials["recipe"]["members"]) EXPECT_EQ(member["learner"], "linear");
  bool seen = false;
  for (const Json& trial : trials["trials"]) {
    if (trial["learner"] != "cut_off") continue;
    seen = true;
    EXPECT_EQ(trial["state"], "timeout");
  }
  EXPECT_TRUE(seen);
}

TEST(TrainBudgetTest, WithoutTimeForOneFitItSaysSo) {
  Reset(1e6);  // ten minutes a fit
  LearnerRegistry learners("learner");
  learners.Add(Called("slow", SlowFit));
  FakeJob job;
  const auto output = Train(job, learners, 10, Customers(800, 11));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace aimass
