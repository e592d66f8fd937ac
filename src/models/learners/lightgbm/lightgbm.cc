// LightGBM: leaf-wise histogram trees, native categories, early stopping on log loss or RMSE.
#include <algorithm>
#include <array>
#include <cmath>

#include "models/learners/leafwise.h"
#include "models/random.h"

namespace aimass::learners::lightgbm {
namespace {

constexpr std::array kFields{
    Field{.name = "learning_rate",
          .label = {"Learning rate", "学习率"},
          .kind = FieldKind::kNumber,
          .default_value = "0.08",
          .min = 1e-4,
          .max = 1},
    Field{.name = "num_leaves",
          .label = {"Leaves of a tree", "树的叶子数"},
          .kind = FieldKind::kInteger,
          .default_value = "31",
          .min = 2,
          .max = 4096},
    Field{.name = "min_data_in_leaf",
          .label = {"Least rows in a leaf", "叶子最少行数"},
          .kind = FieldKind::kInteger,
          .default_value = "20",
          .min = 1,
          .max = 100000},
    Field{.name = "feature_fraction",
          .label = {"Share of features per tree", "每棵树的特征比例"},
          .kind = FieldKind::kNumber,
          .default_value = "0.9",
          .min = 0.1,
          .max = 1},
    Field{.name = "bagging_fraction",
          .label = {"Share of rows per tree", "每棵树的行比例"},
          .kind = FieldKind::kNumber,
          .default_value = "0.9",
          .min = 0.1,
          .max = 1},
    Field{.name = "lambda_l1",
          .label = {"L1 penalty", "L1 正则"},
          .kind = FieldKind::kNumber,
          .default_value = "0.0001",
          .min = 1e-4,
          .max = 1e3},
    Field{.name = "lambda_l2",
          .label = {"L2 penalty", "L2 正则"},
          .kind = FieldKind::kNumber,
          .default_value = "0.1",
          .min = 1e-4,
          .max = 1e3},
    Field{.name = "max_bin",
          .label = {"Bins per feature", "每个特征的分箱数"},
          .kind = FieldKind::kInteger,
          .default_value = "255",
          .min = 15,
          .max = 1023},
    Field{.name = "cat_smooth",
          .label = {"Smoothing of rare categories", "稀有类别平滑"},
          .kind = FieldKind::kNumber,
          .default_value = "10",
          .min = 0.1,
          .max = 1e3},
    Field{.name = "cat_l2",
          .label = {"L2 penalty of category splits", "类别分裂的 L2 正则"},
          .kind = FieldKind::kNumber,
          .default_value = "10",
          .min = 1e-3,
          .max = 1e3},
    Field{.name = "extra_trees",
          .label = {"Random thresholds", "随机阈值"},
          .kind = FieldKind::kBool,
          .default_value = "false"},
    kMaxRounds,
    kPatience,
};

// Chosen by hand: the usual one, small trees with much regularisation, random thresholds, large
// trees of few features, nearly additive trees, and the library's own defaults.
struct Point {
  double learning_rate, num_leaves, min_data, feature_fraction, bagging_fraction, l2;
  bool extra_trees;
};
constexpr std::array kPortfolio{
    Point{0.08, 31, 20, 0.8, 0.9, 0.1, false}, Point{0.06, 8, 40, 0.6, 0.8, 3.0, false},
    Point{0.08, 48, 10, 0.7, 0.9, 1.0, true},  Point{0.05, 96, 10, 0.4, 0.7, 5.0, false},
    Point{0.1, 4, 20, 0.8, 0.9, 0.1, false},   Point{0.1, 31, 20, 1.0, 1.0, 1e-4, false},
};

Settings Sample(int trial, std::uint64_t seed, std::size_t rows, std::size_t features,
                TaskKind task) {
  SettingsMaker settings(kFields);
  const auto n = static_cast<double>(rows);
  const auto patience = [&](double learning_rate) {
    settings.Set("patience", std::round(std::clamp(3.0 / learning_rate, 20.0, 100.0)));
  };
  if (trial < static_cast<int>(kPortfolio.size())) {
    const Point& point = kPortfolio[static_cast<std::size_t>(trial)];
    settings.Set("learning_rate", point.learning_rate);
    // 31 leaves of 20 rows overfit a table of a few hundred.
    settings.Set("num_leaves", std::min(point.num_leaves, std::max(4.0, std::round(n / 40))));
    settings.Set("min_data_in_leaf", std::min(point.min_data, std::max(3.0, std::round(n / 20))));
    settings.Set("feature_fraction", point.feature_fraction);
    settings.Set("bagging_fraction", point.bagging_fraction);
    settings.Set("lambda_l2", point.l2);
    settings.Set("extra_trees", point.extra_trees ? "true" : "false");
    patience(point.learning_rate);
    return settings.Take();
  }
  Random random(seed, 0x6c6762ULL + static_cast<std::uint64_t>(trial) * 16 +
                          static_cast<std::uint64_t>(task));
  const double rate = random.LogUniform(0.02, 0.15);
  settings.Set("learning_rate", rate);
  patience(rate);
  settings.Set("num_leaves", std::round(random.LogUniform(4, std::clamp(n / 20, 16.0, 255.0))));
  settings.Set("min_data_in_leaf",
               std::round(random.LogUniform(2, std::clamp(n / 20, 6.0, 200.0))));
  settings.Set("feature_fraction", random.Uniform(features < 8 ? 0.6 : 0.3, 1.0));
  settings.Set("bagging_fraction", random.Uniform(0.5, 1.0));
  settings.Set("lambda_l1", random.LogUniform(1e-4, 10));
  settings.Set("lambda_l2", random.LogUniform(1e-3, 30));
  settings.Set("cat_smooth", random.LogUniform(1, 100));
  settings.Set("cat_l2", random.LogUniform(0.1, 30));
  settings.Set("extra_trees", random.Unit() < 0.25 ? "true" : "false");
  return settings.Take();
}

Result<Fitted> Fit(const LearnerData& data, const Settings& given, const LearnerContext& context) {
  ASSIGN_OR_RETURN(const Settings settings, CheckSettings("learner 'lightgbm'", kFields, given));
  std::string parameters = " bagging_freq=1 max_cat_to_onehot=4 min_data_per_group=10";
  for (const std::string_view name :
       {"learning_rate", "num_leaves", "min_data_in_leaf", "feature_fraction", "bagging_fraction",
        "lambda_l1", "lambda_l2", "cat_smooth", "cat_l2", "extra_trees"}) {
    parameters += fmt::format(" {}={}", name, settings.find(name)->second);
  }
  return FitLeafWise(data, context,
                     {.parameters = parameters,
                      .max_bin = static_cast<int>(IntegerOf(settings, "max_bin")),
                      .max_rounds = static_cast<int>(IntegerOf(settings, "max_rounds")),
                      .patience = static_cast<int>(IntegerOf(settings, "patience"))});
}

}  // namespace

void Register(LearnerRegistry& registry) {
  registry.Add(
      {.name = "lightgbm",
       .label = {"LightGBM trees", "LightGBM 树"},
       .fields = kFields,
       .sample = Sample,
       .portfolio = static_cast<int>(kPortfolio.size()),
       .rounds =
           [](const Settings& settings) { return RoundsAt(NumberOf(settings, "learning_rate")); },
       .hasten = [](const Settings& settings,
                    double factor) { return Hastened(settings, "learning_rate", factor); },
       .fit = Fit});
}

}  // namespace aimass::learners::lightgbm
