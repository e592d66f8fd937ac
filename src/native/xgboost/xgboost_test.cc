#include "native/xgboost/xgboost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace aimass::xgb {
namespace {

struct Table {
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<float> weights;
  std::vector<std::string> names{"number", "category"};
  bool categorical[2] = {false, true};

  [[nodiscard]] DenseData data() const {
    return {.values = values,
            .rows = labels.size(),
            .columns = 2,
            .labels = labels,
            .weights = weights,
            .names = names,
            .categorical = categorical,
            .threads = 1};
  }
};

// label = number > 0.5, except in category 2, where it is the other way round; every 7th number is
// missing.
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

std::vector<Booster::Parameter> Parameters() {
  return {{"objective", "binary:logistic"},
          {"tree_method", "hist"},
          {"nthread", "1"},
          {"max_depth", "3"},
          {"eval_metric", "logloss"},
          {"seed", "1"},
          {"eta", "0.3"},
          {"max_bin", "64"}};
}

// The header is of another release than the library: every function that is used is called once.
TEST(XgboostTest, TrainsEvaluatesPredictsSlicesSavesAndLoads) {
  const Table table = MakeTable(600);
  auto train = Matrix::Quantile(table.data(), 64, nullptr);
  ASSERT_TRUE(train) << train.error().ToString();
  const Table other = MakeTable(90);
  auto validation = Matrix::Quantile(other.data(), 64, &*train);
  ASSERT_TRUE(validation) << validation.error().ToString();
  const Matrix* cached[] = {&*train, &*validation};
  auto booster = Booster::Create(cached, Parameters());
  ASSERT_TRUE(booster) << booster.error().ToString();
  double first = 0.0;
  double last = 0.0;
  for (int round = 0; round < 20; ++round) {
    const Status updated = booster->Update(round, *train);
    ASSERT_TRUE(updated) << updated.error().ToString();
    auto loss = booster->Evaluate(round, *validation);
    ASSERT_TRUE(loss) << loss.error().ToString();
    if (round == 0) first = *loss;
    last = *loss;
  }
  EXPECT_LT(last, first * 0.6);
  EXPECT_EQ(booster->Rounds().value(), 20);
  EXPECT_EQ(booster->NumFeatures().value(), 2U);

  const auto margins = booster->PredictMargins(*validation, 0).value();
  ASSERT_EQ(margins.size(), 90U);
  const auto of_five = booster->PredictMargins(*validation, 5).value();
  EXPECT_NE(margins, of_five);
  auto sliced = booster->Slice(5);
  ASSERT_TRUE(sliced) << sliced.error().ToString();
  EXPECT_EQ(sliced->PredictMargins(*validation, 0).value(), of_five);

  for (const std::string_view format : {"ubj", "json"}) {
    auto bytes = sliced->Save(format);
    ASSERT_TRUE(bytes) << bytes.error().ToString();
    auto loaded = Booster::Load(*bytes, 1);
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    const auto dense = Matrix::Dense(other.data());
    ASSERT_TRUE(dense) << dense.error().ToString();
    EXPECT_EQ(loaded->PredictMargins(*dense, 0).value(), of_five) << format;
    const auto contributions = loaded->PredictContributions(*dense).value();
    ASSERT_EQ(contributions.size(), 90U * 3U);
    for (std::size_t i = 0; i < 90; ++i) {
      EXPECT_NEAR(contributions[3 * i] + contributions[3 * i + 1] + contributions[3 * i + 2],
                  of_five[i], 1e-4);
    }
  }
}

TEST(XgboostTest, SaysWhatWentWrong) {
  auto loaded = Booster::Load("not a model", 1);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kUnprocessable);
  EXPECT_TRUE(loaded.error().ToString().starts_with("XGBoost could not load the model: "))
      << loaded.error().ToString();
  EXPECT_EQ(loaded.error().ToString().find("Stack trace"), std::string::npos);
}

}  // namespace
}  // namespace aimass::xgb
