// Mean absolute percentage error: the mean of |actual − predicted| / |actual|; 0.12 is 12 %.
//
// Source   Hyndman and Koehler, "Another look at measures of forecast accuracy", International
// Journal of
//          Forecasting 22 (2006), 679-688; not defined where an actual value is 0 (use wape there).

#include <cmath>

#include "models/metric.h"

namespace aimass::metrics::mape {
namespace {

Result<double> Compute(const MetricInput& input) {
  double sum = 0.0;
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    if (input.weight(i) == 0.0) continue;
    const double actual = input.actual[i];
    if (actual == 0.0) {
      return Fail(ErrorCode::kUnprocessable,
                  "MAPE is not defined where an actual value is 0; use wape");
    }
    sum += input.weight(i) * std::abs(input.predicted[i] - actual) / std::abs(actual);
    weights += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return sum / weights;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "mape",
                .label = {"Mean absolute percentage error", "平均绝对百分比误差"},
                .regression = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::mape
