#include "models/report/report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/interval.h"
#include "models/metric.h"
#include "models/report/curves.h"
#include "models/report/scored.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxCurves = 12;

std::size_t Width(const ReportInput& input) {
  return input.task == TaskKind::kRegression ? 1 : input.labels.size();
}

MetricInput InputOf(const ReportInput& input, std::span<const float> actual,
                    std::span<const double> predicted) {
  return {.task = input.task,
          .classes = input.task == TaskKind::kRegression ? 0 : input.labels.size(),
          .actual = actual,
          .predicted = predicted};
}

Status CheckShapes(const ReportInput& input) {
  const bool classes = input.task != TaskKind::kRegression;
  if (classes && input.labels.size() < 2) {
    return Fail(ErrorCode::kInvalidArgument, "a report on classes needs at least 2 labels, got {}",
                input.labels.size());
  }
  if (input.holdout.actual.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a report needs hold-out rows, got none");
  }
  for (const ScoredRows* rows : {&input.holdout, &input.out_of_fold}) {
    if (rows->predicted.size() != rows->actual.size() * Width(input)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a report got {} predictions for {} rows of {} outputs", rows->predicted.size(),
                  rows->actual.size(), Width(input));
    }
  }
  if (!input.baseline_scores.empty() &&
      input.baseline_scores.size() != input.holdout.actual.size()) {
    return Fail(ErrorCode::kInvalidArgument, "a report got {} baseline scores for {} hold-out rows",
                input.baseline_scores.size(), input.holdout.actual.size());
  }
  return {};
}

/// Every metric that fits, with its interval; those that are not defined for these rows are left
/// out.
Result<Json> Evaluate(const MetricRegistry& metrics, const MetricInput& rows, std::uint64_t seed) {
  Json found = Json::array();
  for (const auto& [name, metric] : metrics.types()) {
    if (!metric.Fits(rows.task)) continue;
    const Result<double> value = ComputeMetric(metric, rows);
    if (!value) {
      if (value.error().code == ErrorCode::kUnprocessable) continue;
      return std::unexpected(value.error());
    }
    Json entry = {{"name", name},
                  {"label", {{"en", metric.label.en}, {"zh", metric.label.zh}}},
                  {"value", *value},
                  {"low", nullptr},
                  {"high", nullptr},
                  {"method", nullptr},
                  {"higher_is_better", metric.higher_is_better}};
    if (const Result<Interval> interval = FindInterval(metric, rows, seed)) {
      entry["low"] = interval->low;
      entry["high"] = interval->high;
      entry["method"] = interval->method;
    }
    found.push_back(std::move(entry));
  }
  return Json{{"rows", rows.rows()}, {"metrics", std::move(found)}};
}

Json FlatMetrics(const MetricRegistry& metrics, const MetricInput& rows,
                 bool ranking_only = false) {
  Json flat = Json::object();
  for (const auto& [name, metric] : metrics.types()) {
    if (!metric.Fits(rows.task)) continue;
    if (ranking_only && name != "auc" && name != "average_precision") continue;
    if (const Result<double> value = ComputeMetric(metric, rows)) flat[name] = *value;
  }
  return flat;
}

/// What always answering the class shares, or the mean, of the training rows would have reached.
std::vector<double> ConstantPrediction(const ReportInput& input) {
  std::vector<double> answer(Width(input), 0.0);
  const std::span<const float> seen = input.training_target.empty()
                                          ? std::span(input.holdout.actual)
                                          : std::span(input.training_target);
  for (const float value : seen) {
    if (input.task == TaskKind::kRegression) {
      answer[0] += static_cast<double>(value);
    } else if (value >= 0 && static_cast<std::size_t>(value) < answer.size()) {
      answer[static_cast<std::size_t>(value)] += 1.0;
    }
  }
  for (double& value : answer) value /= static_cast<double>(seen.size());
  std::vector<double> all;
  all.reserve(answer.size() * input.holdout.actual.size());
  for (std::size_t i = 0; i < input.holdout.actual.size(); ++i) {
    all.insert(all.end(), answer.begin(), answer.end());
  }
  return all;
}

Json Baseline(const MetricRegistry& metrics, const ReportInput& input) {
  const std::vector<double> constant = ConstantPrediction(input);
  Json baseline = {
      {"kind", input.task == TaskKind::kRegression ? "mean" : "class_shares"},
      {"metrics", FlatMetrics(metrics, InputOf(input, input.holdout.actual, constant))},
      {"column", nullptr}};
  if (input.baseline_scores.empty() || input.task == TaskKind::kMulticlass) return baseline;
  std::vector<double> predicted;
  for (const double score : input.baseline_scores) {
    // A rank needs no probability, only the order: -score keeps the pair's shape.
    if (input.task == TaskKind::kBinary) predicted.push_back(-score);
    predicted.push_back(score);
  }
  baseline["column"] = {
      {"name", input.baseline_column},
      {"metrics", FlatMetrics(metrics, InputOf(input, input.holdout.actual, predicted),
                              input.task == TaskKind::kBinary)}};
  return baseline;
}

/// Binary: the second label; more: the most frequent ones of the hold-out.
std::vector<std::size_t> CurveLabels(const ReportInput& input) {
  if (input.task == TaskKind::kBinary) return {1};
  std::vector<std::size_t> counts(input.labels.size(), 0);
  for (const float value : input.holdout.actual) ++counts[static_cast<std::size_t>(value)];
  std::vector<std::size_t> labels(input.labels.size());
  std::iota(labels.begin(), labels.end(), std::size_t{0});
  std::stable_sort(labels.begin(), labels.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  if (labels.size() > kMaxCurves) labels.resize(kMaxCurves);
  std::sort(labels.begin(), labels.end());
  return labels;
}

void AddClassParts(const MetricRegistry& metrics, const ReportInput& input, const MetricInput& rows,
                   Json& report) {
  report["confusion"] = {{"labels", input.labels}, {"counts", report::ConfusionCounts(rows)}};
  report["roc"] = Json::array();
  report["pr"] = Json::array();
  const Result<const MetricType*> precision = metrics.Find("average_precision");
  for (const std::size_t label : CurveLabels(input)) {
    const report::OneClass one = report::AgainstRest(rows, label);
    const Result<double> area = AreaUnderRoc(one.score, one.positive, {});
    if (!area) continue;  // a class that the hold-out lacks has no curve
    report["roc"].push_back(
        {{"label", input.labels[label]}, {"area", *area}, {"points", report::RocPoints(one)}});
    std::vector<float> actual;
    std::vector<double> stated;
    for (std::size_t i = 0; i < one.score.size(); ++i) {
      actual.push_back(one.positive[i] ? 1.0f : 0.0f);
      stated.insert(stated.end(), {1.0 - one.score[i], one.score[i]});
    }
    Json curve = {{"label", input.labels[label]},
                  {"average_precision", nullptr},
                  {"points", report::PrPoints(one)}};
    if (precision) {
      const MetricInput two{.classes = 2, .actual = actual, .predicted = stated};
      if (const Result<double> value = ComputeMetric(**precision, two)) {
        curve["average_precision"] = *value;
      }
    }
    report["pr"].push_back(std::move(curve));
    if (input.task == TaskKind::kBinary) report["lift"] = report::LiftSteps(one);
  }
  const bool binary = input.task == TaskKind::kBinary;
  report["calibration"] = {{"label", binary ? Json(input.labels[1]) : Json()},
                           {"bins", report::CalibrationBins(rows)}};
}

}  // namespace

Result<Json> BuildReport(const ReportInput& input) {
  RETURN_IF_ERROR(CheckShapes(input));
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  const MetricInput holdout = InputOf(input, input.holdout.actual, input.holdout.predicted);

  Json report = {{"format", 1},
                 {"model", input.model},
                 {"task", TaskName(input.task)},
                 {"target", input.target},
                 {"labels", input.labels},
                 {"metric", input.metric},
                 {"metrics", FlatMetrics(metrics, holdout)},
                 {"baseline", Baseline(metrics, input)},
                 {"confusion", nullptr},
                 {"roc", nullptr},
                 {"pr", nullptr},
                 {"calibration", nullptr},
                 {"lift", nullptr},
                 {"residuals", nullptr},
                 {"predicted_actual", nullptr},
                 {"dataset", input.dataset},
                 {"split", input.split},
                 {"search", input.search},
                 {"durations_ms", input.durations_ms},
                 {"seed", input.seed},
                 {"threads", input.threads},
                 {"time_s", input.time_s}};
  ASSIGN_OR_RETURN(Json on_holdout, Evaluate(metrics, holdout, input.seed));
  report["evaluation"] = {{"holdout", std::move(on_holdout)}, {"cross_validation", nullptr}};
  if (!input.out_of_fold.actual.empty()) {
    ASSIGN_OR_RETURN(
        report["evaluation"]["cross_validation"],
        Evaluate(metrics, InputOf(input, input.out_of_fold.actual, input.out_of_fold.predicted),
                 input.seed));
  }
  if (input.task == TaskKind::kRegression) {
    report["residuals"] = report::ResidualHistogram(holdout);
    report["predicted_actual"] = report::PredictedActual(holdout);
  } else {
    AddClassParts(metrics, input, holdout, report);
  }
  report["importance"] = Json::array();
  for (const ColumnImportance& entry : input.importance) {
    report["importance"].push_back({{"column", entry.column}, {"share", entry.share}});
  }
  report["dropped"] = Json::array();
  for (const DroppedColumn& entry : input.dropped) {
    report["dropped"].push_back({{"column", entry.column}, {"reason", ToJson(entry.reason)}});
  }
  report["scored"] = report::EncodeScored(input);
  return report;
}

Json ReportForReaders(const Json& report, Language language) {
  Json answer = report;
  answer.erase("scored");
  if (const auto dropped = answer.find("dropped"); dropped != answer.end() && dropped->is_array()) {
    for (Json& entry : *dropped) {
      if (entry.is_object() && entry.contains("reason") && entry["reason"].is_object()) {
        entry["reason"] = Render(MessageFromJson(entry["reason"]), language);
      }
    }
  }
  return answer;
}

}  // namespace aimass
