#include "native/lightgbm/lightgbm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace aimass::lgbm {
namespace {

struct Table {
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<float> weights;
  std::vector<std::string> names{"number", "类别"};

  [[nodiscard]] DenseData data() const {
    return {.values = values,
            .rows = labels.size(),
            .columns = 2,
            .labels = labels,
            .weights = weights,
            .names = names};
  }
};

Table MakeTable(std::size_t rows) {
  Table table;
  for (std::size_t i = 0; i < rows; ++i) {
    const float number = static_cast<float>((i * 37) % 100) / 100.0F;
    const auto category = static_cast<float>(i % 3);
    table.values.push_back(i % 7 == 0 ? std::numeric_limits<float>::quiet_NaN() : number);
    table.values.push_back(category);
    table.labels.push_back((number > 0.5F) != (category == 2.0F) ? 1.0F : 0.0F);
    table.weights.push_back(1.0F);
  }
  return table;
}

constexpr auto kParameters =
    "objective=binary metric=binary_logloss num_threads=1 verbosity=-1 deterministic=true "
    "force_row_wise=true "
    "num_leaves=7 min_data_in_leaf=5 categorical_feature=1";

// The functions are declared by hand: every one that is used is called once.
TEST(LightgbmTest, TrainsEvaluatesPredictsSavesAndLoads) {
  const Table table = MakeTable(600);
  auto train = Dataset::Create(table.data(), kParameters, nullptr);
  ASSERT_TRUE(train) << train.error().ToString();
  const Table other = MakeTable(90);
  auto validation = Dataset::Create(other.data(), kParameters, &*train);
  ASSERT_TRUE(validation) << validation.error().ToString();
  auto booster = Booster::Create(*train, kParameters);
  ASSERT_TRUE(booster) << booster.error().ToString();
  ASSERT_TRUE(booster->AddValidation(*validation));
  double first = 0.0;
  double last = 0.0;
  for (int round = 0; round < 20; ++round) {
    const auto finished = booster->Update();
    ASSERT_TRUE(finished) << finished.error().ToString();
    EXPECT_FALSE(*finished);
    const auto loss = booster->Evaluate();
    ASSERT_TRUE(loss) << loss.error().ToString();
    if (round == 0) first = *loss;
    last = *loss;
  }
  EXPECT_LT(last, first * 0.6);
  EXPECT_EQ(booster->Rounds().value(), 20);
  EXPECT_EQ(booster->NumFeatures().value(), 2U);

  const auto of_five = booster->PredictMargins(other.values, 90, 2, 5, 1).value();
  ASSERT_EQ(of_five.size(), 90U);
  EXPECT_NE(of_five, booster->PredictMargins(other.values, 90, 2, 0, 1).value());
  const auto text = booster->Save(5);
  ASSERT_TRUE(text) << text.error().ToString();
  EXPECT_NE(text->find("feature_names=number 类别\n"), std::string::npos);
  auto loaded = Booster::Load(*text);
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  EXPECT_EQ(loaded->PredictMargins(other.values, 90, 2, 0, 1).value(), of_five);
  const auto contributions = loaded->PredictContributions(other.values, 90, 2, 1).value();
  ASSERT_EQ(contributions.size(), 90U * 3U);
  for (std::size_t i = 0; i < 90; ++i) {
    EXPECT_NEAR(contributions[3 * i] + contributions[3 * i + 1] + contributions[3 * i + 2],
                of_five[i], 1e-9);
  }
}

TEST(LightgbmTest, SaysWhatWentWrong) {
  auto loaded = Booster::Load("not a model");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kUnprocessable);
  EXPECT_TRUE(loaded.error().ToString().starts_with("LightGBM could not load the model: "))
      << loaded.error().ToString();
}

}  // namespace
}  // namespace aimass::lgbm
