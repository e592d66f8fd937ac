// Median absolute error, in the unit of the target. With weights: the middle of the two values at
// which half of the weight is reached from below and from above; equal weights give the ordinary
// median.
//
// Source   scikit-learn median_absolute_error (averaged inverted CDF for weights).

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "models/metric.h"

namespace aimass::metrics::median_ae {
namespace {

Result<double> Compute(const MetricInput& input) {
  std::vector<double> gap(input.rows());
  double total = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    gap[i] = std::abs(input.predicted[i] - static_cast<double>(input.actual[i]));
    total += input.weight(i);
  }
  if (total <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  const std::vector<std::uint32_t> order = OrderByScore(gap);  // largest first
  double above = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    above += input.weight(order[i]);
    if (above < total / 2.0) continue;
    if (above > total / 2.0) return gap[order[i]];
    std::size_t next = i + 1;
    while (next < order.size() && input.weight(order[next]) == 0.0) ++next;
    return next < order.size() ? (gap[order[i]] + gap[order[next]]) / 2.0 : gap[order[i]];
  }
  return gap[order.back()];
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "median_ae",
                .label = {"Median absolute error", "绝对误差中位数"},
                .regression = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::median_ae
