// Balanced accuracy: the recall of each class, averaged over the classes that occur.
//
// Source   Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010,
// 3121-3124;
//          scikit-learn balanced_accuracy_score.

#include <vector>

#include "models/metric.h"

namespace aimass::metrics::balanced_accuracy {
namespace {

Result<double> Compute(const MetricInput& input) {
  std::vector<double> hits(input.classes, 0.0);
  std::vector<double> actual(input.classes, 0.0);
  for (std::size_t i = 0; i < input.rows(); ++i) {
    actual[input.label(i)] += input.weight(i);
    if (input.decided(i) == input.label(i)) hits[input.label(i)] += input.weight(i);
  }
  double sum = 0.0;
  double classes = 0.0;
  for (std::size_t label = 0; label < input.classes; ++label) {
    if (actual[label] <= 0.0) continue;
    sum += hits[label] / actual[label];
    classes += 1.0;
  }
  if (classes <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return sum / classes;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "balanced_accuracy",
                .label = {"Balanced accuracy", "平衡准确率"},
                .binary = true,
                .multiclass = true,
                .compute = Compute});
}

}  // namespace aimass::metrics::balanced_accuracy
