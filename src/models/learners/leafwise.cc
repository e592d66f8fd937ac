#include "models/learners/leafwise.h"

#include <algorithm>

#include "native/lightgbm/lightgbm.h"

namespace aimass::learners {
namespace {

// What the binned data depend on.
std::string BinParameters(const LeafWise& trees, const LearnerContext& context,
                          const Matrix& matrix) {
  std::string text = fmt::format(
      "num_threads={} seed={} verbosity=-1 deterministic=true force_row_wise=true max_bin={} "
      "feature_pre_filter=false",
      context.threads, context.seed % 2147483647ULL, trees.max_bin);
  std::string categorical;
  for (std::size_t i = 0; i < matrix.features.size(); ++i) {
    if (matrix.features[i].categories > 0) {
      categorical += (categorical.empty() ? " categorical_feature=" : ",") + std::to_string(i);
    }
  }
  return text + categorical;
}

std::string Objective(const LearnerContext& context) {
  switch (context.task) {
    case TaskKind::kBinary:
      return " objective=binary metric=binary_logloss";
    case TaskKind::kMulticlass:
      return fmt::format(" objective=multiclass metric=multi_logloss num_class={}",
                         context.classes);
    case TaskKind::kRegression:
      return " objective=regression metric=rmse";
  }
  return "";
}

}  // namespace

Result<Fitted> FitLeafWise(const LearnerData& data, const LearnerContext& given,
                           const LeafWise& trees) {
  RETURN_IF_ERROR(CheckFit(data, given));
  LearnerContext context = given;
  if (trees.forest && context.fixed_rounds <= 0) context.fixed_rounds = trees.max_rounds;
  const Matrix& matrix = *data.matrix;
  const std::size_t width = matrix.features.size();
  const std::vector<std::string> names = FeatureNames(matrix);
  const std::string bins = BinParameters(trees, context, matrix);
  const auto dense = [&](const learners::Rows& rows) {
    return lgbm::DenseData{.values = rows.values(),
                           .rows = rows.target().size(),
                           .columns = width,
                           .labels = rows.target(),
                           .weights = rows.weights(),
                           .names = names};
  };
  const auto make_train = [&]() -> Result<lgbm::Dataset> {
    return lgbm::Dataset::Create(dense(learners::Rows(matrix, data.train)), bins, nullptr);
  };
  ASSIGN_OR_RETURN(const auto train,
                   SharedOrMade<lgbm::Dataset>(data, "lightgbm train " + bins, make_train));
  RETURN_IF_ERROR(context.cancel.Check());
  const bool stops_early = context.fixed_rounds <= 0;
  std::shared_ptr<const lgbm::Dataset> validation;
  if (stops_early) {
    const auto make_validation = [&]() -> Result<lgbm::Dataset> {
      return lgbm::Dataset::Create(dense(learners::Rows(matrix, data.validation)), bins,
                                   train.get());
    };
    ASSIGN_OR_RETURN(validation, SharedOrMade<lgbm::Dataset>(data, "lightgbm validation " + bins,
                                                             make_validation));
  }
  ASSIGN_OR_RETURN(lgbm::Booster booster,
                   lgbm::Booster::Create(*train, bins + Objective(context) + trees.parameters));
  if (stops_early) RETURN_IF_ERROR(booster.AddValidation(*validation));
  ASSIGN_OR_RETURN(const learners::Rounds rounds,
                   RunRounds(context, trees.max_rounds, trees.patience,
                             {.train = [&](int) { return booster.Update(); },
                              .evaluate = [&](int) { return booster.Evaluate(); }}));
  // Where no split was possible, the library drops the empty round again; a forest that the clock
  // ended has the trees that it has.
  ASSIGN_OR_RETURN(const int kept, booster.Rounds());
  const int best = std::clamp(rounds.best, 1, std::max(kept, 1));

  Fitted fitted{.artefact = {},
                .file_ending = "txt",
                .runtime = "trees",
                .rounds = best,
                .rounds_run = rounds.run,
                .round_ms = rounds.round_ms,
                .out_of_time = rounds.out_of_time,
                .validation_margins = {}};
  if (!data.validation.empty()) {
    const learners::Rows rows(matrix, data.validation);
    ASSIGN_OR_RETURN(const std::vector<double> margins,
                     booster.PredictMargins(rows.values(), data.validation.size(), width, best,
                                            context.threads));
    // The library's raw scores of a forest are the sum of its trees.
    const double divide_by = trees.forest ? std::max(best, 1) : 1.0;
    for (const double margin : margins)
      fitted.validation_margins.push_back(static_cast<float>(margin / divide_by));
  }
  if (!context.margins_only) {
    ASSIGN_OR_RETURN(fitted.artefact, booster.Save(best));
  }
  return fitted;
}

}  // namespace aimass::learners
