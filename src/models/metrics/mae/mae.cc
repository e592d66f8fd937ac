// Mean absolute error, in the unit of the target.
//
// Source   scikit-learn mean_absolute_error.

#include <cmath>

#include "models/metric.h"

namespace aimass::metrics::mae {
namespace {

Result<double> Compute(const MetricInput& input) {
  double sum = 0.0;
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    sum += input.weight(i) * std::abs(input.predicted[i] - static_cast<double>(input.actual[i]));
    weights += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return sum / weights;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "mae",
                .label = {"Mean absolute error", "平均绝对误差"},
                .regression = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::mae
