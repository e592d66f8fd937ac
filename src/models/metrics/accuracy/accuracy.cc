// Accuracy: the share of rows whose most probable class is the actual one.
//
// Source   scikit-learn accuracy_score over the class of the highest probability.

#include "models/metric.h"

namespace aimass::metrics::accuracy {
namespace {

Result<double> Compute(const MetricInput& input) {
  double right = 0.0;
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    weights += input.weight(i);
    if (input.decided(i) == input.label(i)) right += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return right / weights;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "accuracy",
                .label = {"Accuracy", "准确率"},
                .binary = true,
                .multiclass = true,
                .compute = Compute});
}

}  // namespace aimass::metrics::accuracy
