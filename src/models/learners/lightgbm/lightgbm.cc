// LightGBM: leaf-wise histogram trees, native categories, early stopping on log loss or RMSE.
#include "native/lightgbm/lightgbm.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/learners/boosting.h"
#include "models/random.h"

namespace aimass::learners::lightgbm {
namespace {

constexpr std::array kFields{
    Field{.name = "learning_rate",
          .label = {"Learning rate", "学习率"},
          .kind = FieldKind::kNumber,
          .default_value = "0.06",
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
    Field{.name = "max_rounds",
          .label = {"Most rounds", "最多轮数"},
          .kind = FieldKind::kInteger,
          .default_value = "3000",
          .min = 1,
          .max = 100000},
    Field{.name = "patience",
          .label = {"Rounds without a gain before it stops", "无改进即停止的轮数"},
          .kind = FieldKind::kInteger,
          .default_value = "40",
          .min = 1,
          .max = 10000},
};

Settings Sample(int trial, std::uint64_t seed, std::size_t rows, std::size_t features,
                TaskKind task) {
  Settings settings;
  for (const Field& field : kFields) settings.emplace(field.name, field.default_value);
  const auto set = [&settings](std::string_view name, double value) {
    settings.insert_or_assign(std::string(name), NumberText(value));
  };
  const auto n = static_cast<double>(rows);
  if (trial == 0) {
    // 31 leaves of 20 rows overfit a table of a few hundred.
    if (rows < 1000) set("num_leaves", 15);
    if (rows < 400) set("min_data_in_leaf", std::max(3.0, std::round(n / 20)));
    return settings;
  }
  Random random(seed, 0x6c6762ULL + static_cast<std::uint64_t>(trial) * 16 +
                          static_cast<std::uint64_t>(task));
  set("learning_rate", random.LogUniform(0.015, 0.2));
  set("num_leaves", std::round(random.LogUniform(5, std::clamp(n / 20, 16.0, 255.0))));
  set("min_data_in_leaf", std::round(random.LogUniform(2, std::clamp(n / 20, 6.0, 128.0))));
  set("feature_fraction", random.Uniform(features < 8 ? 0.6 : 0.3, 1.0));
  set("bagging_fraction", random.Uniform(0.5, 1.0));
  set("lambda_l1", random.LogUniform(1e-4, 10));
  set("lambda_l2", random.LogUniform(1e-3, 30));
  set("max_bin", random.Unit() < 0.3 ? 63 : 255);
  set("cat_smooth", random.LogUniform(1, 100));
  set("cat_l2", random.LogUniform(0.1, 30));
  settings.insert_or_assign("extra_trees", random.Unit() < 0.25 ? "true" : "false");
  return settings;
}

std::string Parameters(const Settings& settings, const LearnerContext& context,
                       const Matrix& matrix) {
  std::string text = fmt::format(
      "num_threads={} seed={} verbosity=-1 deterministic=true force_row_wise=true bagging_freq=1 "
      "feature_pre_filter=false max_cat_to_onehot=4 min_data_per_group=10",
      context.threads, context.seed % 2147483647ULL);
  switch (context.task) {
    case TaskKind::kBinary:
      text += " objective=binary metric=binary_logloss";
      break;
    case TaskKind::kMulticlass:
      text +=
          fmt::format(" objective=multiclass metric=multi_logloss num_class={}", context.classes);
      break;
    case TaskKind::kRegression:
      text += " objective=regression metric=rmse";
      break;
  }
  for (const std::string_view name :
       {"learning_rate", "num_leaves", "min_data_in_leaf", "feature_fraction", "bagging_fraction",
        "lambda_l1", "lambda_l2", "max_bin", "cat_smooth", "cat_l2", "extra_trees"}) {
    text += fmt::format(" {}={}", name, settings.find(name)->second);
  }
  std::string categorical;
  for (std::size_t i = 0; i < matrix.features.size(); ++i) {
    if (matrix.features[i].categories > 0) {
      categorical += (categorical.empty() ? " categorical_feature=" : ",") + std::to_string(i);
    }
  }
  return text + categorical;
}

Result<Fitted> Fit(const LearnerData& data, const Settings& given, const LearnerContext& context) {
  RETURN_IF_ERROR(CheckFit(data, context));
  ASSIGN_OR_RETURN(const Settings settings, CheckSettings("learner 'lightgbm'", kFields, given));
  const Matrix& matrix = *data.matrix;
  const std::size_t width = matrix.features.size();
  const std::vector<std::string> names = FeatureNames(matrix);
  const std::string parameters = Parameters(settings, context, matrix);
  const auto dense = [&](const Rows& rows) {
    return lgbm::DenseData{.values = rows.values,
                           .rows = rows.target.size(),
                           .columns = width,
                           .labels = rows.target,
                           .weights = rows.weights,
                           .names = names};
  };

  std::optional<lgbm::Dataset> train;
  {
    const Rows rows = Gather(matrix, data.train);
    ASSIGN_OR_RETURN(train, lgbm::Dataset::Create(dense(rows), parameters, nullptr));
  }
  RETURN_IF_ERROR(context.cancel.Check());
  const Rows validation_rows = Gather(matrix, data.validation);
  const bool stops_early = context.fixed_rounds <= 0;
  std::optional<lgbm::Dataset> validation;
  if (stops_early) {
    ASSIGN_OR_RETURN(validation,
                     lgbm::Dataset::Create(dense(validation_rows), parameters, &*train));
  }
  ASSIGN_OR_RETURN(lgbm::Booster booster, lgbm::Booster::Create(*train, parameters));
  if (stops_early) RETURN_IF_ERROR(booster.AddValidation(*validation));

  EarlyStopping stopping(context, static_cast<int>(IntegerOf(settings, "max_rounds")),
                         static_cast<int>(IntegerOf(settings, "patience")));
  if (stopping.OutOfTime()) return Fail(ErrorCode::kTimeout, "no time was left for a single round");
  int rounds = 0;
  for (bool more = true; more; ++rounds) {
    RETURN_IF_ERROR(context.cancel.Check());
    ASSIGN_OR_RETURN(const bool finished, booster.Update());
    double loss = 0.0;
    if (stops_early) {
      ASSIGN_OR_RETURN(loss, booster.Evaluate());
    }
    more = stopping.GoOn(rounds, loss) && !finished;
  }
  // Where no split was possible, the library drops the empty round again.
  ASSIGN_OR_RETURN(const int kept, booster.Rounds());
  const int best = std::clamp(stopping.best_rounds(), 1, std::max(kept, 1));

  Fitted fitted{.artefact = {},
                .file_ending = "txt",
                .runtime = "trees",
                .rounds = best,
                .out_of_time = stopping.out_of_time(),
                .validation_margins = {}};
  if (!data.validation.empty()) {
    ASSIGN_OR_RETURN(const std::vector<double> margins,
                     booster.PredictMargins(validation_rows.values, data.validation.size(), width,
                                            best, context.threads));
    fitted.validation_margins.assign(margins.begin(), margins.end());
  }
  ASSIGN_OR_RETURN(fitted.artefact, booster.Save(best));
  return fitted;
}

}  // namespace

void Register(LearnerRegistry& registry) {
  registry.Add({.name = "lightgbm",
                .label = {"LightGBM trees", "LightGBM 树"},
                .fields = kFields,
                .sample = Sample,
                .fit = Fit});
}

}  // namespace aimass::learners::lightgbm
