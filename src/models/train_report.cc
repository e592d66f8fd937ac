#include "models/train_report.h"

#include <algorithm>
#include <cmath>

#include "models/features/encoder.h"
#include "models/train_folder.h"

namespace aimass {
namespace {

ScoredRows Scored(const TargetColumn& target, std::vector<float> actual,
                  std::span<const double> margins) {
  return {.actual = std::move(actual),
          .predicted = ToPredictions(target.task, target.labels.size(), margins)};
}

// Higher means more of labels[1]: a column that goes the other way in the training rows is turned
// round.
std::vector<double> BaselineScores(const RowTable& table, const TargetColumn& target,
                                   const Split& split, const std::string& name) {
  const auto column = table.schema().Find(name);
  if (!column) return {};
  const auto value = [&](std::uint32_t row) {
    const Cell cell = table.At(row, *column);
    if (const auto time = features::TimeOfCell(cell); time && cell.kind == CellKind::kTime)
      return static_cast<double>(*time);
    return static_cast<double>(features::NumberOfCell(cell));
  };
  double sum = 0.0, mean_y = 0.0, covariance = 0.0, count = 0.0;
  for (const std::uint32_t row : split.training) {
    const double x = value(row);
    if (std::isnan(x)) continue;
    sum += x, mean_y += target.values[row], count += 1.0;
  }
  if (count == 0.0) return {};
  const double mean = sum / count;
  mean_y /= count;
  for (const std::uint32_t row : split.training) {
    const double x = value(row);
    if (!std::isnan(x)) covariance += (x - mean) * (target.values[row] - mean_y);
  }
  const bool turned = target.task == TaskKind::kBinary && covariance < 0.0;
  std::vector<double> scores;
  for (const std::uint32_t row : split.holdout) {
    const double x = value(row);
    scores.push_back(std::isnan(x) ? (turned ? -mean : mean) : (turned ? -x : x));
  }
  return scores;
}

Json SplitJson(const Training& training) {
  const Split& split = training.split;
  Json json = {{"method", split.method},
               {"training_rows", split.training.size()},
               {"holdout_rows", split.holdout.size()},
               {"duplicates", training.groups.duplicates},
               {"group_by", training.groups.by},
               {"final_rows", training.recipe.rows}};
  if (!training.groups.column.empty()) json["group_column"] = training.groups.column;
  if (split.method == "time") json["column"] = split.time_column;
  if (training.parameters.test_after) json["after"] = *training.parameters.test_after;
  return json;
}

Json SearchJson(const Training& training) {
  Json members = Json::array();
  for (const RecipeMember& member : training.recipe.members) {
    members.push_back(
        {{"learner", member.learner}, {"weight", member.weight}, {"rounds", member.rounds}});
  }
  const std::vector<Trial>& trials = training.searched.trials;
  return {{"trials", trials.size()},
          {"complete", std::ranges::count(trials, "complete", &Trial::state)},
          {"folds", training.searched.scored_folds},
          {"members", std::move(members)}};
}

}  // namespace

Result<ReportInput> DescribeTraining(const Training& training) {
  const TrainParameters& parameters = training.parameters;
  const TargetColumn& target = training.target;
  const Split& split = training.split;
  ReportInput report{.task = target.task,
                     .model = parameters.name,
                     .target = parameters.target,
                     .metric = std::string(training.searched.scorer.metric()),
                     .labels = target.labels};
  std::vector<float> actual;
  for (const std::uint32_t row : split.holdout) actual.push_back(target.values[row]);
  report.holdout = Scored(target, std::move(actual), training.holdout_margins);
  actual.clear();
  for (const std::uint32_t i : training.searched.scored)
    actual.push_back(training.measured.matrix.target[i]);
  report.out_of_fold = Scored(target, std::move(actual), training.searched.out_of_fold);
  report.training_target = training.measured.matrix.target;
  if (!parameters.baseline_column.empty() && target.task != TaskKind::kMulticlass) {
    report.baseline_scores =
        BaselineScores(training.table, target, split, parameters.baseline_column);
    if (!report.baseline_scores.empty()) report.baseline_column = parameters.baseline_column;
  }
  const FittedFeatures& shipped = training.shipped;
  std::vector<float> sample(split.holdout.size() * shipped.pipeline.features().size());
  FeatureFitter::EncodeRows(shipped.pipeline, training.table, split.holdout, parameters.threads,
                            sample);
  ASSIGN_OR_RETURN(report.importance,
                   ImportanceOf(training.folder, sample, split.holdout.size(),
                                shipped.pipeline.features(), training.parameters.threads));
  for (const LeftOutColumn& column : shipped.left_out)
    report.dropped.push_back({column.column, column.reason});
  report.dataset = {{"id", parameters.dataset.id},
                    {"name", parameters.dataset.name},
                    {"version", parameters.dataset.version},
                    {"rows", training.table.rows()},
                    {"rows_without_target", target.missing}};
  report.split = SplitJson(training);
  report.search = SearchJson(training);
  report.seed = parameters.seed;
  report.threads = parameters.threads;
  report.time_s = parameters.time_s;
  return report;
}

}  // namespace aimass
