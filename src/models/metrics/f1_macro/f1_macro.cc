// F1, macro: the harmonic mean of precision and recall of each class, averaged over the classes
// that occur among the actual or the predicted ones. A class that was never hit counts 0.
//
// Source   Lewis et al., "Training algorithms for linear text classifiers", SIGIR 1996;
//          scikit-learn f1_score(average="macro", zero_division=0).

#include <vector>

#include "models/metric.h"

namespace aimass::metrics::f1_macro {
namespace {

Result<double> Compute(const MetricInput& input) {
  std::vector<double> hits(input.classes, 0.0);
  std::vector<double> actual(input.classes, 0.0);
  std::vector<double> decided(input.classes, 0.0);
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const std::size_t label = input.label(i);
    const std::size_t choice = input.decided(i);
    actual[label] += input.weight(i);
    decided[choice] += input.weight(i);
    if (label == choice) hits[label] += input.weight(i);
  }
  double sum = 0.0;
  double classes = 0.0;
  for (std::size_t label = 0; label < input.classes; ++label) {
    if (actual[label] + decided[label] <= 0.0) continue;
    sum += 2.0 * hits[label] / (actual[label] + decided[label]);
    classes += 1.0;
  }
  if (classes <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return sum / classes;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "f1_macro",
                .label = {"F1, averaged over the classes", "F1（各类平均）"},
                .binary = true,
                .multiclass = true,
                .compute = Compute});
}

}  // namespace aimass::metrics::f1_macro
