// The flat layout against the libraries themselves, in this process: margins bit by bit,
// contributions, files.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <random>

#include "base/file.h"
#include "native/lightgbm/lightgbm.h"
#include "native/xgboost/xgboost.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

constexpr std::size_t kRows = 500;
constexpr std::size_t kExplainEvery = 9;  // contributions take long without an optimiser
constexpr std::size_t kFeatures = 6;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Numbers with missing values and zeros; column 3 holds codes 0 … 39.
struct Table {
  std::vector<float> values;
  std::vector<float> binary;
  std::vector<float> classes;
  std::vector<float> number;
};

Table MakeTable() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform;
  Table table;
  for (std::size_t i = 0; i < kRows; ++i) {
    float row[kFeatures];
    for (float& value : row) value = uniform(random) < 0.1F ? kMissing : normal(random);
    if (uniform(random) < 0.4F) row[2] = 0.0F;
    row[3] = uniform(random) < 0.05F ? kMissing : std::floor(uniform(random) * 40.0F);
    const auto part = [](float x) { return std::isnan(x) ? 0.3F : x; };
    const float target = part(row[0]) + std::sin(part(row[3]) / 3.0F) +
                         part(row[1]) * part(row[2]) + 0.3F * normal(random);
    table.values.insert(table.values.end(), row, row + kFeatures);
    table.number.push_back(target);
    table.binary.push_back(target > 0.2F ? 1.0F : 0.0F);
    table.classes.push_back(target < -0.5F ? 0.0F : target < 0.7F ? 1.0F : 2.0F);
  }
  return table;
}

// Rows beyond training: far values, unseen codes, nothing but missing, exact integers.
std::vector<float> MakeProbe(const Table& table, bool categorical) {
  std::vector<float> probe = table.values;
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0.0F, 50.0F);
  for (std::size_t i = 0; i < 100; ++i) {
    for (std::size_t f = 0; f < kFeatures; ++f) {
      probe.push_back(categorical && f == 3 ? static_cast<float>(i) : std::floor(normal(random)));
    }
  }
  probe.insert(probe.end(), kFeatures, kMissing);
  probe.insert(probe.end(), kFeatures, 0.0F);
  probe.insert(probe.end(), kFeatures, 1e30F);
  if (categorical) probe[probe.size() - kFeatures + 3] = 7.0F;
  return probe;
}

std::unique_ptr<Predictor> LoadFlat(const std::string& name, const std::string& bytes) {
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  const std::string path = testing::TempDir() + "/forest_test_" + name;
  EXPECT_TRUE(WriteFileAtomic(path, bytes));
  const RuntimeType* type = *runtimes.Find("trees");
  EXPECT_TRUE(type->reads(path, std::string_view(bytes).substr(0, 64)));
  auto loaded = type->load(path);
  std::filesystem::remove(path);
  if (!loaded) {
    ADD_FAILURE() << loaded.error().ToString();
    return nullptr;
  }
  EXPECT_EQ((*loaded)->path(), "flat");
  return std::move(*loaded);
}

struct Answers {
  std::vector<float> batch;
  std::vector<double> contributions;
};

// Batch and single rows must agree bit by bit; contributions must add up.
Answers Ask(const Predictor& model, const std::vector<float>& probe) {
  const std::size_t rows = probe.size() / kFeatures;
  const std::size_t outputs = model.num_outputs();
  const std::size_t width = outputs * (kFeatures + 1);
  Answers answers{std::vector<float>(rows * outputs), std::vector<double>(rows * width)};
  model.PredictBatch(probe, rows, answers.batch);
  std::vector<float> single(outputs);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto row = std::span(probe).subspan(i * kFeatures, kFeatures);
    model.Predict(row, single);
    for (std::size_t o = 0; o < outputs; ++o)
      EXPECT_EQ(single[o], answers.batch[i * outputs + o]) << "row " << i;
    if (i % kExplainEvery != 0 && i + 3 < rows) continue;
    const auto part = std::span(answers.contributions).subspan(i * width, width);
    EXPECT_TRUE(model.Contributions(row, part));
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = 0;
      for (std::size_t f = 0; f <= kFeatures; ++f) sum += part[o * (kFeatures + 1) + f];
      EXPECT_NEAR(sum, single[o], 1e-5 * std::max(1.0, std::fabs(sum))) << "row " << i;
    }
  }
  return answers;
}

template <typename T>
void ExpectContributions(const std::vector<double>& ours, const std::vector<T>& theirs,
                         std::size_t outputs, double divide) {
  ASSERT_EQ(ours.size(), theirs.size());
  const std::size_t width = outputs * (kFeatures + 1);
  const std::size_t rows = ours.size() / width;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (i / width % kExplainEvery != 0 && i / width + 3 < rows) continue;
    const double want = static_cast<double>(theirs[i]) / divide;
    ASSERT_NEAR(ours[i], want, 1e-5 * std::max(1.0, std::fabs(want))) << i;
  }
}

struct XgbCase {
  std::string_view what;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<float> Table::* target;
  int rounds = 25;
  bool categorical = false;
};

class XgboostTest : public testing::TestWithParam<XgbCase> {};

TEST_P(XgboostTest, GivesTheLibrarysBits) {
  const XgbCase& given = GetParam();
  const Table table = MakeTable();
  const bool flags[kFeatures] = {false, false, false, true, false, false};
  xgb::DenseData data{
      .values = table.values, .rows = kRows, .columns = kFeatures, .labels = table.*given.target};
  if (given.categorical) data.categorical = flags;
  const auto train = xgb::Matrix::Dense(data);
  ASSERT_TRUE(train) << train.error().ToString();
  auto parameters = given.parameters;
  parameters.emplace_back("nthread", "1");
  const xgb::Matrix* cached[] = {&*train};
  auto booster = xgb::Booster::Create(cached, parameters);
  ASSERT_TRUE(booster) << booster.error().ToString();
  for (int i = 0; i < given.rounds; ++i) ASSERT_TRUE(booster->Update(i, *train));

  const std::vector<float> probe = MakeProbe(table, given.categorical);
  xgb::DenseData asked{.values = probe, .rows = probe.size() / kFeatures, .columns = kFeatures};
  if (given.categorical) asked.categorical = flags;
  const auto matrix = xgb::Matrix::Dense(asked);
  ASSERT_TRUE(matrix);
  const auto margins = booster->PredictMargins(*matrix, 0);
  const auto contributions = booster->PredictContributions(*matrix);
  ASSERT_TRUE(margins && contributions);
  for (const std::string format : {"ubj", "json"}) {
    const auto bytes = booster->Save(format);
    ASSERT_TRUE(bytes);
    const auto model = LoadFlat(std::string(given.what) + "." + format, *bytes);
    ASSERT_NE(model, nullptr);
    const Answers answers = Ask(*model, probe);
    ASSERT_EQ(answers.batch.size(), margins->size());
    for (std::size_t i = 0; i < margins->size(); ++i)
      ASSERT_EQ(answers.batch[i], (*margins)[i]) << i;
    ExpectContributions(answers.contributions, *contributions, model->num_outputs(), 1.0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , XgboostTest,
    testing::Values(
        XgbCase{"Binary", {{"objective", "binary:logistic"}}, &Table::binary},
        XgbCase{"OneTree", {{"objective", "binary:logistic"}}, &Table::binary, 1},
        XgbCase{
            "BaseScore", {{"objective", "binary:logistic"}, {"base_score", "0.2"}}, &Table::binary},
        XgbCase{"Stump", {{"objective", "reg:squarederror"}, {"gamma", "1e9"}}, &Table::number, 2},
        XgbCase{"Deep",
                {{"objective", "reg:squarederror"}, {"max_depth", "20"}, {"min_child_weight", "0"}},
                &Table::number},
        XgbCase{"Leafwise",
                {{"max_depth", "0"}, {"grow_policy", "lossguide"}, {"max_leaves", "60"}},
                &Table::number},
        XgbCase{"Multiclass",
                {{"objective", "multi:softprob"}, {"num_class", "3"}},
                &Table::classes,
                12},
        XgbCase{"Poisson", {{"objective", "count:poisson"}}, &Table::binary},
        XgbCase{"Monotone", {{"monotone_constraints", "(1,0,0,0,0,0)"}}, &Table::number},
        XgbCase{"Dart",
                {{"objective", "binary:logistic"},
                 {"booster", "dart"},
                 {"rate_drop", "0.3"},
                 {"one_drop", "1"}},
                &Table::binary},
        XgbCase{"Forest",
                {{"num_parallel_tree", "15"}, {"subsample", "0.7"}, {"eta", "1"}},
                &Table::number,
                1},
        XgbCase{"Categories",
                {{"objective", "binary:logistic"}, {"max_cat_to_onehot", "4"}},
                &Table::binary,
                25,
                true},
        XgbCase{"OneHot",
                {{"objective", "binary:logistic"}, {"max_cat_to_onehot", "100"}},
                &Table::binary,
                25,
                true}),
    [](const auto& info) { return std::string(info.param.what); });

struct LgbmCase {
  std::string_view what;
  std::string parameters;
  std::vector<float> Table::* target;
  int rounds = 25;
  bool categorical = false;
};

class LightgbmTest : public testing::TestWithParam<LgbmCase> {};

TEST_P(LightgbmTest, GivesTheLibrarysMarginsRoundedOnce) {
  const LgbmCase& given = GetParam();
  const Table table = MakeTable();
  const std::string parameters = given.parameters + " num_threads=1 verbosity=-1" +
                                 (given.categorical ? " categorical_feature=3" : "");
  const auto train = lgbm::Dataset::Create(
      {.values = table.values, .rows = kRows, .columns = kFeatures, .labels = table.*given.target},
      parameters, nullptr);
  ASSERT_TRUE(train) << train.error().ToString();
  auto booster = lgbm::Booster::Create(*train, parameters);
  ASSERT_TRUE(booster) << booster.error().ToString();
  for (int i = 0; i < given.rounds; ++i) {
    const auto finished = booster->Update();
    ASSERT_TRUE(finished);
    if (*finished) break;
  }
  const std::vector<float> probe = MakeProbe(table, given.categorical);
  auto margins = booster->PredictMargins(probe, probe.size() / kFeatures, kFeatures, 0, 1);
  const auto contributions =
      booster->PredictContributions(probe, probe.size() / kFeatures, kFeatures, 1);
  const auto text = booster->Save(0);
  ASSERT_TRUE(margins && contributions && text);
  // A random forest answers the average, its raw scores are the sum.
  const double divide =
      given.parameters.find("boosting=rf") == std::string::npos ? 1.0 : given.rounds;
  const auto model = LoadFlat(std::string(given.what) + ".txt", *text);
  ASSERT_NE(model, nullptr);
  const Answers answers = Ask(*model, probe);
  ASSERT_EQ(answers.batch.size(), margins->size());
  for (std::size_t i = 0; i < margins->size(); ++i) {
    ASSERT_EQ(answers.batch[i], static_cast<float>((*margins)[i] / divide)) << i;
  }
  ExpectContributions(answers.contributions, *contributions, model->num_outputs(), divide);
}

INSTANTIATE_TEST_SUITE_P(
    , LightgbmTest,
    testing::Values(
        LgbmCase{"Binary", "objective=binary", &Table::binary},
        LgbmCase{"OneTree", "objective=binary", &Table::binary, 1},
        LgbmCase{"Leaves", "objective=regression num_leaves=255 min_data_in_leaf=2", &Table::number,
                 20},
        LgbmCase{"Multiclass", "objective=multiclass num_class=3", &Table::classes, 12},
        LgbmCase{"Poisson", "objective=poisson", &Table::binary},
        LgbmCase{"Categories", "objective=binary min_data_per_group=5", &Table::binary, 25, true},
        LgbmCase{"ZeroIsMissing", "objective=binary zero_as_missing=true", &Table::binary},
        LgbmCase{"NoMissing", "objective=binary use_missing=false", &Table::binary},
        LgbmCase{"Dart", "objective=binary boosting=dart", &Table::binary},
        LgbmCase{"Forest", "objective=binary boosting=rf bagging_freq=1 bagging_fraction=0.6",
                 &Table::binary},
        LgbmCase{"FewBins", "objective=regression max_bin=15", &Table::number}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass
