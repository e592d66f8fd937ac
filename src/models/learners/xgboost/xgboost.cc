// XGBoost: histogram trees, native categories, early stopping on log loss or RMSE.
#include "native/xgboost/xgboost.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/learners/boosting.h"
#include "models/random.h"

namespace aimass::learners::xgboost {
namespace {

constexpr std::array kFields{
    Field{.name = "eta",
          .label = {"Learning rate", "学习率"},
          .kind = FieldKind::kNumber,
          .default_value = "0.1",
          .min = 1e-4,
          .max = 1},
    Field{.name = "max_depth",
          .label = {"Depth of a tree", "树的深度"},
          .kind = FieldKind::kInteger,
          .default_value = "6",
          .min = 1,
          .max = 16},
    Field{.name = "min_child_weight",
          .label = {"Least weight of a leaf", "叶子最小权重"},
          .kind = FieldKind::kNumber,
          .default_value = "1",
          .min = 1e-3,
          .max = 1e4},
    Field{.name = "subsample",
          .label = {"Share of rows per tree", "每棵树的行比例"},
          .kind = FieldKind::kNumber,
          .default_value = "0.9",
          .min = 0.1,
          .max = 1},
    Field{.name = "colsample_bytree",
          .label = {"Share of features per tree", "每棵树的特征比例"},
          .kind = FieldKind::kNumber,
          .default_value = "0.8",
          .min = 0.1,
          .max = 1},
    Field{.name = "lambda",
          .label = {"L2 penalty", "L2 正则"},
          .kind = FieldKind::kNumber,
          .default_value = "1",
          .min = 1e-4,
          .max = 1e3},
    Field{.name = "alpha",
          .label = {"L1 penalty", "L1 正则"},
          .kind = FieldKind::kNumber,
          .default_value = "0.0001",
          .min = 1e-4,
          .max = 1e3},
    Field{.name = "gamma",
          .label = {"Least gain of a split", "分裂最小增益"},
          .kind = FieldKind::kNumber,
          .default_value = "0.0001",
          .min = 1e-4,
          .max = 1e3},
    Field{.name = "max_bin",
          .label = {"Bins per feature", "每个特征的分箱数"},
          .kind = FieldKind::kInteger,
          .default_value = "256",
          .min = 16,
          .max = 1024},
    Field{.name = "max_cat_to_onehot",
          .label = {"Categories split one by one up to", "逐个分裂的类别数上限"},
          .kind = FieldKind::kInteger,
          .default_value = "8",
          .min = 1,
          .max = 128},
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
  if (trial == 0) return settings;
  Random random(seed, 0x786762ULL + static_cast<std::uint64_t>(trial) * 16 +
                          static_cast<std::uint64_t>(task));
  const auto set = [&settings](std::string_view name, double value) {
    settings.insert_or_assign(std::string(name), NumberText(value));
  };
  set("eta", random.LogUniform(0.02, 0.25));
  set("max_depth", std::round(random.LogUniform(3, rows < 2000 ? 8 : 11)));
  set("min_child_weight", random.LogUniform(0.3, rows < 2000 ? 10 : 60));
  set("subsample", random.Uniform(0.55, 1.0));
  set("colsample_bytree", random.Uniform(features < 8 ? 0.6 : 0.3, 1.0));
  set("lambda", random.LogUniform(0.01, 30));
  set("alpha", random.LogUniform(1e-4, 10));
  set("gamma", random.Unit() < 0.5 ? 1e-4 : random.LogUniform(1e-3, 3));
  set("max_cat_to_onehot", std::round(random.LogUniform(2, 64)));
  return settings;
}

std::vector<xgb::Booster::Parameter> Parameters(const Settings& settings,
                                                const LearnerContext& context) {
  std::vector<xgb::Booster::Parameter> parameters{
      {"tree_method", "hist"},
      {"nthread", std::to_string(context.threads)},
      {"seed", std::to_string(context.seed % 2147483647ULL)},
      {"verbosity", "0"},
      {"max_bin", settings.find("max_bin")->second},
      {"validate_parameters", "0"},
  };
  switch (context.task) {
    case TaskKind::kBinary:
      parameters.insert(parameters.end(),
                        {{"objective", "binary:logistic"}, {"eval_metric", "logloss"}});
      break;
    case TaskKind::kMulticlass:
      parameters.insert(parameters.end(), {{"objective", "multi:softprob"},
                                           {"eval_metric", "mlogloss"},
                                           {"num_class", std::to_string(context.classes)}});
      break;
    case TaskKind::kRegression:
      parameters.insert(parameters.end(),
                        {{"objective", "reg:squarederror"}, {"eval_metric", "rmse"}});
      break;
  }
  for (const std::string_view name :
       {"eta", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "lambda", "alpha",
        "gamma", "max_cat_to_onehot"}) {
    parameters.emplace_back(name, settings.find(name)->second);
  }
  return parameters;
}

Result<Fitted> Fit(const LearnerData& data, const Settings& given, const LearnerContext& context) {
  RETURN_IF_ERROR(CheckFit(data, context));
  ASSIGN_OR_RETURN(const Settings settings, CheckSettings("learner 'xgboost'", kFields, given));
  const Matrix& matrix = *data.matrix;
  const std::size_t width = matrix.features.size();
  const std::vector<std::string> names = FeatureNames(matrix);
  const auto categorical = std::make_unique<bool[]>(width);
  for (std::size_t i = 0; i < width; ++i) categorical[i] = matrix.features[i].categories > 0;
  const auto dense = [&](const Rows& rows) {
    return xgb::DenseData{.values = rows.values,
                          .rows = rows.target.size(),
                          .columns = width,
                          .labels = rows.target,
                          .weights = rows.weights,
                          .names = names,
                          .categorical = {categorical.get(), width},
                          .threads = context.threads};
  };
  const auto bins = static_cast<int>(IntegerOf(settings, "max_bin"));

  // The rows are freed as soon as the library has its bins.
  std::optional<xgb::Matrix> train;
  {
    const Rows rows = Gather(matrix, data.train);
    ASSIGN_OR_RETURN(train, xgb::Matrix::Quantile(dense(rows), bins, nullptr));
  }
  RETURN_IF_ERROR(context.cancel.Check());
  std::optional<xgb::Matrix> validation;
  std::vector<const xgb::Matrix*> cached{&*train};
  if (!data.validation.empty()) {
    const Rows rows = Gather(matrix, data.validation);
    if (context.fixed_rounds > 0) {
      ASSIGN_OR_RETURN(validation, xgb::Matrix::Dense(dense(rows)));
    } else {
      ASSIGN_OR_RETURN(validation, xgb::Matrix::Quantile(dense(rows), bins, &*train));
      cached.push_back(&*validation);
    }
  }

  EarlyStopping stopping(context, static_cast<int>(IntegerOf(settings, "max_rounds")),
                         static_cast<int>(IntegerOf(settings, "patience")));
  const std::vector<xgb::Booster::Parameter> parameters = Parameters(settings, context);
  ASSIGN_OR_RETURN(xgb::Booster booster, xgb::Booster::Create(cached, parameters));
  if (stopping.OutOfTime()) return Fail(ErrorCode::kTimeout, "no time was left for a single round");
  int rounds = 0;
  for (bool more = true; more; ++rounds) {
    RETURN_IF_ERROR(context.cancel.Check());
    RETURN_IF_ERROR(booster.Update(rounds, *train));
    double loss = 0.0;
    if (context.fixed_rounds <= 0) {
      ASSIGN_OR_RETURN(loss, booster.Evaluate(rounds, *validation));
    }
    more = stopping.GoOn(rounds, loss);
  }
  const int best = std::clamp(stopping.best_rounds(), 1, rounds);
  if (best < rounds) {
    ASSIGN_OR_RETURN(booster, booster.Slice(best));
  }

  Fitted fitted{.artefact = {},
                .file_ending = "ubj",
                .runtime = "trees",
                .rounds = best,
                .out_of_time = stopping.out_of_time(),
                .validation_margins = {}};
  if (validation) {
    ASSIGN_OR_RETURN(fitted.validation_margins, booster.PredictMargins(*validation, 0));
  }
  ASSIGN_OR_RETURN(fitted.artefact, booster.Save("ubj"));
  return fitted;
}

}  // namespace

void Register(LearnerRegistry& registry) {
  registry.Add({.name = "xgboost",
                .label = {"XGBoost trees", "XGBoost 树"},
                .fields = kFields,
                .sample = Sample,
                .fit = Fit});
}

}  // namespace aimass::learners::xgboost
