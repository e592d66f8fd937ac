#include "models/tune/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aimass {
namespace {

using testing::ElementsAre;

// Rows of folds 0, 2, 1, 0, 3, 1; measured were the first three folds, two outputs a row.
const std::vector<std::uint8_t> kFolds{0, 2, 1, 0, 3, 1};

Trial Measured() {
  return {.fold_rounds = {10, 20, 60},
          .fold_scores = {0.5, 0.7, 0.9},
          .score = 0.7,
          .state = "complete",
          .margins = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5}};
}

TEST(KeepFoldsTest, LeavesWhatTheFirstFoldsSay) {
  Trial trial = Measured();
  KeepFolds(kFolds, 3, 2, 2, &trial);
  EXPECT_THAT(trial.margins, ElementsAre(1, -1, 3, -3, 4, -4, 5, -5));
  EXPECT_THAT(trial.fold_scores, ElementsAre(0.5, 0.7));
  EXPECT_DOUBLE_EQ(trial.score, 0.6);
  EXPECT_EQ(trial.Rounds(), 15);
}

TEST(KeepFoldsTest, ATrialThatStoppedBeforeThemStaysAsItIs) {
  Trial trial = Measured();
  trial.margins.clear();
  trial.fold_scores.resize(1), trial.fold_rounds.resize(1), trial.score = 0.5;
  KeepFolds(kFolds, 3, 2, 2, &trial);
  EXPECT_THAT(trial.fold_scores, ElementsAre(0.5));
  EXPECT_DOUBLE_EQ(trial.score, 0.5);
}

TEST(TrialTest, ReadsAsItWasWritten) {
  Trial trial = Measured();
  trial.number = 4, trial.learner = "linear", trial.settings = {{"l2", "1"}}, trial.fit_ms = 3.5;
  const auto read = TrialFromJson(ToJson(trial));
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(ToJson(*read), ToJson(trial));
  EXPECT_TRUE(read->whole());
  EXPECT_FALSE(TrialFromJson(Json{{"number", 1}}));
}

}  // namespace
}  // namespace aimass
