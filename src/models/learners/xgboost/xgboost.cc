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
    kMaxRounds,
    kPatience,
};

// Chosen by hand: the usual one, small trees with much regularisation, large trees of few features,
// nearly additive trees.
struct Point {
  double eta, max_depth, min_child_weight, subsample, colsample, lambda;
};
constexpr std::array kPortfolio{
    Point{0.1, 6, 1, 0.9, 0.8, 1},
    Point{0.06, 4, 5, 0.8, 0.5, 3},
    Point{0.05, 9, 3, 0.7, 0.4, 5},
    Point{0.12, 2, 1, 0.9, 0.8, 1},
};

Settings Sample(int trial, std::uint64_t seed, std::size_t rows, std::size_t features,
                TaskKind task) {
  SettingsMaker settings(kFields);
  const auto patience = [&](double eta) {
    settings.Set("patience", std::round(std::clamp(3.0 / eta, 20.0, 100.0)));
  };
  if (trial < static_cast<int>(kPortfolio.size())) {
    const Point& point = kPortfolio[static_cast<std::size_t>(trial)];
    settings.Set("eta", point.eta);
    settings.Set("max_depth", point.max_depth);
    settings.Set("min_child_weight", point.min_child_weight);
    settings.Set("subsample", point.subsample);
    settings.Set("colsample_bytree", point.colsample);
    settings.Set("lambda", point.lambda);
    patience(point.eta);
    return settings.Take();
  }
  Random random(seed, 0x786762ULL + static_cast<std::uint64_t>(trial) * 16 +
                          static_cast<std::uint64_t>(task));
  const double eta = random.LogUniform(0.025, 0.2);
  settings.Set("eta", eta);
  patience(eta);
  settings.Set("max_depth", std::round(random.LogUniform(2, rows < 2000 ? 8 : 11)));
  settings.Set("min_child_weight", random.LogUniform(0.3, rows < 2000 ? 10 : 100));
  settings.Set("subsample", random.Uniform(0.55, 1.0));
  settings.Set("colsample_bytree", random.Uniform(features < 8 ? 0.6 : 0.3, 1.0));
  settings.Set("lambda", random.LogUniform(0.01, 30));
  settings.Set("alpha", random.LogUniform(1e-4, 10));
  settings.Set("gamma", random.Unit() < 0.5 ? 1e-4 : random.LogUniform(1e-3, 3));
  settings.Set("max_cat_to_onehot", std::round(random.LogUniform(2, 64)));
  return settings.Take();
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
  const auto dense = [&](const learners::Rows& rows) {
    return xgb::DenseData{.values = rows.values(),
                          .rows = rows.target().size(),
                          .columns = width,
                          .labels = rows.target(),
                          .weights = rows.weights(),
                          .names = names,
                          .categorical = {categorical.get(), width},
                          .threads = context.threads};
  };
  const auto bins = static_cast<int>(IntegerOf(settings, "max_bin"));

  const auto quantile = [&](const char* side, std::span<const std::uint32_t> of,
                            const xgb::Matrix* reference) {
    const auto make = [&]() -> Result<xgb::Matrix> {
      // The rows are freed as soon as the library has its bins.
      const learners::Rows rows(matrix, of);
      return xgb::Matrix::Quantile(dense(rows), bins, reference);
    };
    return SharedOrMade<xgb::Matrix>(data, fmt::format("xgboost {} {}", side, bins), make);
  };
  const auto plain =
      [&](std::span<const std::uint32_t> of) -> Result<std::shared_ptr<const xgb::Matrix>> {
    const learners::Rows rows(matrix, of);
    ASSIGN_OR_RETURN(xgb::Matrix values, xgb::Matrix::Dense(dense(rows)));
    return std::make_shared<const xgb::Matrix>(std::move(values));
  };
  // Values become the same bins either way. Those that fits share are made in several passes over
  // the rows and are small; for one fit the library copies the values and needs one pass.
  const bool fits_once = context.fixed_rounds > 0;
  ASSIGN_OR_RETURN(const auto train,
                   fits_once ? plain(data.train) : quantile("train", data.train, nullptr));
  RETURN_IF_ERROR(context.cancel.Check());
  std::shared_ptr<const xgb::Matrix> validation;
  std::vector<const xgb::Matrix*> cached{train.get()};
  if (!data.validation.empty()) {
    if (fits_once) {
      ASSIGN_OR_RETURN(validation, plain(data.validation));
    } else {
      ASSIGN_OR_RETURN(validation, quantile("validation", data.validation, train.get()));
      cached.push_back(validation.get());
    }
  }

  const std::vector<xgb::Booster::Parameter> parameters = Parameters(settings, context);
  ASSIGN_OR_RETURN(xgb::Booster booster, xgb::Booster::Create(cached, parameters));
  ASSIGN_OR_RETURN(
      const learners::Rounds rounds,
      RunRounds(context, static_cast<int>(IntegerOf(settings, "max_rounds")),
                static_cast<int>(IntegerOf(settings, "patience")),
                {.train = [&](int round) -> Result<bool> {
                   RETURN_IF_ERROR(booster.Update(round, *train));
                   return false;
                 },
                 .evaluate = [&](int round) { return booster.Evaluate(round, *validation); }}));
  const int best = std::min(rounds.best, rounds.run);
  if (best < rounds.run) {
    ASSIGN_OR_RETURN(booster, booster.Slice(best));
  }

  Fitted fitted{.artefact = {},
                .file_ending = "ubj",
                .runtime = "trees",
                .rounds = best,
                .rounds_run = rounds.run,
                .round_ms = rounds.round_ms,
                .out_of_time = rounds.out_of_time,
                .validation_margins = {}};
  if (validation) {
    ASSIGN_OR_RETURN(fitted.validation_margins, booster.PredictMargins(*validation, 0));
  }
  if (!context.margins_only) {
    ASSIGN_OR_RETURN(fitted.artefact, booster.Save("ubj"));
  }
  return fitted;
}

}  // namespace

void Register(LearnerRegistry& registry) {
  registry.Add(
      {.name = "xgboost",
       .label = {"XGBoost trees", "XGBoost 树"},
       .fields = kFields,
       .sample = Sample,
       .portfolio = static_cast<int>(kPortfolio.size()),
       .rounds = [](const Settings& settings) { return RoundsAt(NumberOf(settings, "eta")); },
       .hasten = [](const Settings& settings,
                    double factor) { return Hastened(settings, "eta", factor); },
       .fit = Fit});
}

}  // namespace aimass::learners::xgboost
