// A random forest by LightGBM ("rf"): large trees of samples of rows and features, averaged. It
// errs differently than boosting does, which is what a blend lives on.
#include <algorithm>
#include <array>
#include <cmath>

#include "models/learners/leafwise.h"
#include "models/random.h"

namespace aimass::learners::forest {
namespace {

constexpr std::array kFields{
    Field{.name = "trees",
          .label = {"Trees", "树的数量"},
          .kind = FieldKind::kInteger,
          .default_value = "120",
          .min = 1,
          .max = 5000},
    Field{.name = "num_leaves",
          .label = {"Leaves of a tree", "树的叶子数"},
          .kind = FieldKind::kInteger,
          .default_value = "255",
          .min = 2,
          .max = 4096},
    Field{.name = "min_data_in_leaf",
          .label = {"Least rows in a leaf", "叶子最少行数"},
          .kind = FieldKind::kInteger,
          .default_value = "3",
          .min = 1,
          .max = 100000},
    Field{.name = "feature_fraction_bynode",
          .label = {"Share of features per split", "每次分裂的特征比例"},
          .kind = FieldKind::kNumber,
          .default_value = "0.4",
          .min = 0.01,
          .max = 1},
    Field{.name = "bagging_fraction",
          .label = {"Share of rows per tree", "每棵树的行比例"},
          .kind = FieldKind::kNumber,
          .default_value = "0.632",
          .min = 0.1,
          .max = 0.99},
    Field{.name = "extra_trees",
          .label = {"Random thresholds", "随机阈值"},
          .kind = FieldKind::kBool,
          .default_value = "false"},
};
constexpr int kPortfolio = 2;

Settings Sample(int trial, std::uint64_t seed, std::size_t rows, std::size_t features,
                TaskKind task) {
  SettingsMaker settings(kFields);
  const double share =
      task == TaskKind::kRegression
          ? 0.4
          : std::sqrt(static_cast<double>(features)) / std::max(static_cast<double>(features), 1.0);
  const double leaves = std::clamp(std::round(static_cast<double>(rows) / 6.0), 16.0, 400.0);
  settings.Set("num_leaves", leaves);
  settings.Set("feature_fraction_bynode", std::clamp(share, 0.05, 1.0));
  if (trial == 0) return settings.Take();
  if (trial == 1) {
    settings.Set("extra_trees", "true");
    settings.Set("min_data_in_leaf", 2);
    settings.Set("bagging_fraction", 0.9);
    settings.Set("feature_fraction_bynode", std::clamp(1.5 * share, 0.05, 1.0));
    return settings.Take();
  }
  Random random(seed, 0x726660ULL + static_cast<std::uint64_t>(trial) * 16 +
                          static_cast<std::uint64_t>(task));
  settings.Set("num_leaves", std::round(random.LogUniform(16, std::max(leaves, 32.0))));
  settings.Set("min_data_in_leaf", std::round(random.LogUniform(1, 20)));
  settings.Set("feature_fraction_bynode",
               std::clamp(share * random.LogUniform(0.6, 2.5), 0.05, 1.0));
  settings.Set("bagging_fraction", random.Uniform(0.5, 0.95));
  settings.Set("extra_trees", random.Unit() < 0.5 ? "true" : "false");
  return settings.Take();
}

Result<Fitted> Fit(const LearnerData& data, const Settings& given, const LearnerContext& context) {
  ASSIGN_OR_RETURN(const Settings settings, CheckSettings("learner 'forest'", kFields, given));
  std::string parameters = " boosting=rf bagging_freq=1 max_cat_to_onehot=4 min_data_per_group=10";
  for (const std::string_view name : {"num_leaves", "min_data_in_leaf", "feature_fraction_bynode",
                                      "bagging_fraction", "extra_trees"}) {
    parameters += fmt::format(" {}={}", name, settings.find(name)->second);
  }
  return FitLeafWise(data, context,
                     {.parameters = parameters,
                      .forest = true,
                      .max_rounds = static_cast<int>(IntegerOf(settings, "trees"))});
}

}  // namespace

void Register(LearnerRegistry& registry) {
  registry.Add({.name = "forest",
                .label = {"Random forest", "随机森林"},
                .fields = kFields,
                .sample = Sample,
                .portfolio = kPortfolio,
                .fit = Fit});
}

}  // namespace aimass::learners::forest
