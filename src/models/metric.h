#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/registry.h"
#include "models/learner.h"

namespace aimass {

/// What a metric is computed from. Views: they must outlive the call.
struct MetricInput {
  TaskKind task = TaskKind::kBinary;
  std::size_t classes = 0;             // binary: 2; regression: 0
  std::span<const float> actual = {};  // [rows]: class number, or the value
  std::span<const double> predicted =
      {};  // probabilities [rows × classes]; regression: values [rows]
  std::span<const double> weights = {};  // [rows], none negative; empty: all 1

  [[nodiscard]] std::size_t rows() const { return actual.size(); }
  [[nodiscard]] double weight(std::size_t row) const {
    return weights.empty() ? 1.0 : weights[row];
  }
  [[nodiscard]] std::size_t label(std::size_t row) const {
    return static_cast<std::size_t>(actual[row]);
  }
  /// The probability of class `label`.
  [[nodiscard]] double probability(std::size_t row, std::size_t label) const {
    return predicted[row * classes + label];
  }
  /// The most probable class; the lower number where two are equal.
  [[nodiscard]] std::size_t decided(std::size_t row) const;
};

/// An interval of `coverage` round a metric's value, and how it was found.
struct Interval {
  double low = 0.0;
  double high = 0.0;
  std::string_view method;  // "bootstrap" or "delong"
};

/// One metric: a folder under models/metrics/.
///
/// Errors   compute answers kUnprocessable where the value is not defined for these rows (AUC of
/// one class). Threads  pure functions.
struct MetricType {
  std::string_view name;
  Label label;
  bool binary = false;
  bool multiclass = false;
  bool regression = false;
  bool higher_is_better = true;
  Result<double> (*compute)(const MetricInput& input);
  /// An interval of its own at 95 % coverage; nullptr: the bootstrap of models/interval.h.
  Result<Interval> (*interval)(const MetricInput& input) = nullptr;

  [[nodiscard]] bool Fits(TaskKind task) const {
    return task == TaskKind::kBinary       ? binary
           : task == TaskKind::kMulticlass ? multiclass
                                           : regression;
  }
};
using MetricRegistry = Registry<MetricType>;

void RegisterAllMetrics(MetricRegistry& registry);  // generated

/// What a search optimises where nobody says otherwise: "auc", "log_loss", "rmse".
[[nodiscard]] std::string_view DefaultMetric(TaskKind task);

/// The metric `name` ("auto": the default), if it fits `task`.
/// Errors   kNotFound naming what there is; kUnprocessable naming those that fit.
[[nodiscard]] Result<const MetricType*> FindMetric(const MetricRegistry& metrics,
                                                   std::string_view name, TaskKind task);

/// Checks shapes and values, then computes. Metrics themselves rely on checked input.
/// Errors   kInvalidArgument for lengths that differ, no rows, a class number out of range, a value
/// that is
///          not finite; kUnprocessable as in MetricType.
[[nodiscard]] Result<double> ComputeMetric(const MetricType& metric, const MetricInput& input);

/// Row numbers by `score`, highest first; no sorting where they already are in that order.
[[nodiscard]] std::vector<std::uint32_t> OrderByScore(std::span<const double> score);

/// Area under the ROC curve of `score` for the rows where `positive` is true: the probability that
/// a positive row has the higher score, ties counted half. [rows] each; `weights` may be empty.
/// Errors   kUnprocessable where all rows are positive, or none is.
/// Source   Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006),
/// 861-874.
[[nodiscard]] Result<double> AreaUnderRoc(std::span<const double> score,
                                          const std::vector<bool>& positive,
                                          std::span<const double> weights);

/// How much each row moves that area: the sum of squares is DeLong's variance. Unweighted rows.
/// Source   DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988), 837-845; in the fast form of Sun
/// and Xu,
///          IEEE Signal Processing Letters 21 (2014), 1389-1393.
[[nodiscard]] std::vector<double> AreaInfluence(std::span<const double> score,
                                                const std::vector<bool>& positive);

/// value ± 1.96 standard errors from influences, on the logit scale so that it stays within 0..1.
[[nodiscard]] Interval IntervalOfArea(double area, std::span<const double> influence);

}  // namespace aimass
