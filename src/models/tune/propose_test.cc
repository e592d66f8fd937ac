#include "models/tune/propose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace aimass {
namespace {

const LearnerRegistry& Learners() {
  static const LearnerRegistry kAll = [] {
    LearnerRegistry learners("learner");
    RegisterAllLearners(learners);
    return learners;
  }();
  return kAll;
}

const Scorer& Rmse() {
  static const Scorer kScorer = [] {
    MetricRegistry metrics("metric");
    RegisterAllMetrics(metrics);
    return Scorer::Make(metrics, "rmse", TaskKind::kRegression, 0).value();
  }();
  return kScorer;
}

Trial Next(std::span<const Trial> trials, std::uint64_t seed = 1) {
  return Propose(
      {.learners = Learners(), .scorer = Rmse(), .rows = 5000, .features = 20, .seed = seed},
      trials);
}

// A search in which each trial of a learner ends with the loss that `loss` says.
std::vector<Trial> Search(int count, const std::map<std::string, double>& loss,
                          std::uint64_t seed = 1) {
  std::vector<Trial> trials;
  while (static_cast<int>(trials.size()) < count) {
    Trial trial = Next(trials, seed);
    EXPECT_EQ(trial.number, static_cast<int>(trials.size()));
    trial.state = "complete";
    trial.score = loss.at(trial.learner);
    trials.push_back(std::move(trial));
  }
  return trials;
}
const std::map<std::string, double> kEqual{
    {"linear", 1.0}, {"lightgbm", 1.0}, {"xgboost", 1.0}, {"forest", 1.0}};

TEST(ProposeTest, EachLearnerOnceTheCheapestFirst) {
  const std::vector<Trial> trials = Search(4, kEqual);
  EXPECT_EQ(trials[0].learner, "linear");
  EXPECT_EQ(trials[1].learner, "lightgbm");
  EXPECT_EQ(trials[2].learner, "xgboost");
  EXPECT_EQ(trials[3].learner, "forest");
}

TEST(ProposeTest, PortfoliosOfAllThatAreInTheRunning) {
  std::size_t points = 0;
  for (const auto& [name, type] : Learners().types())
    points += static_cast<std::size_t>(type.portfolio);
  std::map<std::string, std::set<Settings>> seen;
  for (const Trial& trial : Search(static_cast<int>(points), kEqual))
    seen[trial.learner].insert(trial.settings);
  for (const auto& [name, type] : Learners().types())
    EXPECT_EQ(seen[name].size(), static_cast<std::size_t>(type.portfolio)) << name;
}

TEST(ProposeTest, WhoIsFarBehindDoesNotGetItsPortfolio) {
  auto loss = kEqual;
  loss["forest"] = 1.5;
  loss["linear"] = 1.5;
  std::map<std::string, int> count;
  for (const Trial& trial : Search(12, loss)) ++count[trial.learner];
  EXPECT_EQ(count["forest"], 1);
  EXPECT_EQ(count["linear"], 1);
}

TEST(ProposeTest, AfterThePortfoliosTheBestIsTriedMostAndNoneIsForgotten) {
  auto loss = kEqual;
  loss["lightgbm"] = 0.8;
  std::map<std::string, int> count;
  for (const Trial& trial : Search(250, loss)) ++count[trial.learner];
  EXPECT_GT(count["lightgbm"], 150);
  EXPECT_GT(count["xgboost"], 1);
  EXPECT_GT(count["forest"], 1);
}

TEST(ProposeTest, ProposesOnlyWhatTheLearnerTakes) {
  for (const Trial& trial : Search(120, kEqual, 9)) {
    const LearnerType& type = Learners().types().find(trial.learner)->second;
    const auto checked = CheckSettings("learner", type.fields, trial.settings);
    EXPECT_TRUE(checked) << trial.learner << ": " << checked.error().ToString();
  }
}

TEST(ProposeTest, IsAFunctionOfTheTrialsAndTheSeed) {
  const std::vector<Trial> trials = Search(40, kEqual, 5);
  EXPECT_EQ(Next(trials, 5).settings, Next(trials, 5).settings);
  const std::vector<Trial> again = Search(40, kEqual, 5);
  const std::vector<Trial> other = Search(40, kEqual, 6);
  bool differs = false;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    EXPECT_EQ(trials[i].learner, again[i].learner) << i;
    EXPECT_EQ(trials[i].settings, again[i].settings) << i;
    differs = differs || trials[i].settings != other[i].settings;
  }
  EXPECT_TRUE(differs);
}

TEST(BestOfTest, CountsWhatWasMeasuredWhole) {
  std::vector<Trial> trials(4);
  trials[0].state = "complete", trials[0].score = 3.0;
  trials[1].state = "pruned", trials[1].score = 1.0;
  trials[2].state = "cut_off", trials[2].score = 2.0;
  trials[3].state = "timeout", trials[3].score = 0.5;
  EXPECT_EQ(BestOf(Rmse(), trials), &trials[2]);
  EXPECT_EQ(BestOf(Rmse(), std::span(trials).last(1)), nullptr);
}

}  // namespace
}  // namespace aimass
