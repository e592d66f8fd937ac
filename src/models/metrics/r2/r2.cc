// R²: 1 − squared error over the squared error of always answering the mean of these rows.
//
// Source   scikit-learn r2_score; not defined here where every actual value is the same.

#include "models/metric.h"

namespace aimass::metrics::r2 {
namespace {

Result<double> Compute(const MetricInput& input) {
  double weights = 0.0;
  double mean = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    weights += input.weight(i);
    mean += input.weight(i) * static_cast<double>(input.actual[i]);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  mean /= weights;
  double error = 0.0;
  double spread = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const double actual = input.actual[i];
    error += input.weight(i) * (input.predicted[i] - actual) * (input.predicted[i] - actual);
    spread += input.weight(i) * (actual - mean) * (actual - mean);
  }
  if (spread <= 0.0) {
    return Fail(ErrorCode::kUnprocessable,
                "R² is not defined where every actual value is the same");
  }
  return 1.0 - error / spread;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add(
      {.name = "r2", .label = {"R²", "决定系数 R²"}, .regression = true, .compute = Compute});
}

}  // namespace aimass::metrics::r2
