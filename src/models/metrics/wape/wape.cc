// Weighted absolute percentage error: Σ |actual − predicted| / Σ |actual|; 0.12 is 12 %.
//
// Source   Kolassa and Schütz, "Advantages of the MAD/mean ratio over the MAPE", Foresight 6
// (2007), 40-43.

#include <cmath>

#include "models/metric.h"

namespace aimass::metrics::wape {
namespace {

Result<double> Compute(const MetricInput& input) {
  double error = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const double actual = input.actual[i];
    error += input.weight(i) * std::abs(input.predicted[i] - actual);
    size += input.weight(i) * std::abs(actual);
  }
  if (size <= 0.0) {
    return Fail(ErrorCode::kUnprocessable, "WAPE is not defined where every actual value is 0");
  }
  return error / size;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "wape",
                .label = {"Weighted absolute percentage error", "加权绝对百分比误差"},
                .regression = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::wape
