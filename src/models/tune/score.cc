#include "models/tune/score.h"

#include <algorithm>
#include <cmath>

namespace aimass {

std::vector<double> ToPredictions(TaskKind task, std::size_t classes,
                                  std::span<const double> margins) {
  if (task == TaskKind::kRegression) return {margins.begin(), margins.end()};
  std::vector<double> out;
  if (task == TaskKind::kBinary) {
    out.reserve(margins.size() * 2);
    for (const double margin : margins) {
      const double p = 1.0 / (1.0 + std::exp(-margin));
      out.push_back(1.0 - p);
      out.push_back(p);
    }
    return out;
  }
  out.reserve(margins.size());
  for (std::size_t i = 0; i + classes <= margins.size(); i += classes) {
    const std::span<const double> row = margins.subspan(i, classes);
    const double top = *std::ranges::max_element(row);
    double sum = 0.0;
    for (const double margin : row) sum += std::exp(margin - top);
    for (const double margin : row) out.push_back(std::exp(margin - top) / sum);
  }
  return out;
}

Result<Scorer> Scorer::Make(const MetricRegistry& metrics, std::string_view metric, TaskKind task,
                            std::size_t classes) {
  Scorer scorer;
  ASSIGN_OR_RETURN(const MetricType* type,
                   FindMetric(metrics, metric.empty() ? "auto" : metric, task));
  scorer.metric_ = *type;
  scorer.task_ = task;
  scorer.classes_ = classes;
  return scorer;
}

Result<double> Scorer::Score(std::span<const float> actual, std::span<const double> margins) const {
  const std::vector<double> predicted = ToPredictions(task_, classes_, margins);
  return ComputeMetric(
      metric_, {.task = task_, .classes = classes_, .actual = actual, .predicted = predicted});
}

double SmoothLoss(TaskKind task, std::size_t classes, std::span<const float> actual,
                  std::span<const double> margins) {
  double sum = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (task == TaskKind::kRegression) {
      const double error = margins[i] - actual[i];
      sum += error * error;
    } else if (task == TaskKind::kBinary) {
      const double m = margins[i];
      sum += (m > 0.0 ? m + std::log1p(std::exp(-m)) : std::log1p(std::exp(m))) - actual[i] * m;
    } else {
      const std::span<const double> row = margins.subspan(i * classes, classes);
      const double top = *std::ranges::max_element(row);
      double total = 0.0;
      for (const double margin : row) total += std::exp(margin - top);
      sum += std::log(total) + top - row[static_cast<std::size_t>(actual[i])];
    }
  }
  return sum / static_cast<double>(actual.size());
}

}  // namespace aimass
