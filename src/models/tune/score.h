#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/metric.h"

namespace aimass {

/// Margins to predictions: probabilities [rows × classes] (binary: two per row), or the values.
/// margins: [rows × outputs], as learners give them.
[[nodiscard]] std::vector<double> ToPredictions(TaskKind task, std::size_t classes,
                                                std::span<const double> margins);

/// How good margins are by one metric. Lower losses are better, whichever way the metric goes.
class Scorer {
 public:
  /// Errors   as FindMetric.
  [[nodiscard]] static Result<Scorer> Make(const MetricRegistry& metrics, std::string_view metric,
                                           TaskKind task, std::size_t classes);
  [[nodiscard]] std::string_view metric() const { return metric_.name; }
  /// The metric's own value.
  [[nodiscard]] Result<double> Score(std::span<const float> actual,
                                     std::span<const double> margins) const;
  [[nodiscard]] double LossOf(double score) const {
    return metric_.higher_is_better ? -score : score;
  }
  [[nodiscard]] TaskKind task() const { return task_; }
  [[nodiscard]] std::size_t classes() const { return classes_; }
  [[nodiscard]] std::size_t outputs() const {
    return task_ == TaskKind::kMulticlass ? classes_ : 1;
  }

 private:
  MetricType metric_;  // a copy: the registry need not outlive it
  TaskKind task_ = TaskKind::kBinary;
  std::size_t classes_ = 0;
};

/// Mean log loss (classes) or mean squared error: smooth, whatever the metric is.
[[nodiscard]] double SmoothLoss(TaskKind task, std::size_t classes, std::span<const float> actual,
                                std::span<const double> margins);

}  // namespace aimass
