// Root mean squared error, in the unit of the target.
//
// Source   scikit-learn root_mean_squared_error.

#include <cmath>

#include "models/metric.h"

namespace aimass::metrics::rmse {
namespace {

Result<double> Compute(const MetricInput& input) {
  double sum = 0.0;
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const double gap = input.predicted[i] - static_cast<double>(input.actual[i]);
    sum += input.weight(i) * gap * gap;
    weights += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return std::sqrt(sum / weights);
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "rmse",
                .label = {"Root mean squared error", "均方根误差"},
                .regression = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::rmse
