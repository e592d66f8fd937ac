// Logarithmic loss: the mean of −ln of the probability that was given to what happened (nats).
//
// Probabilities are kept 2.2e-16 away from 0 and 1, as scikit-learn log_loss does.
// Source   Good, "Rational decisions", Journal of the Royal Statistical Society B 14 (1952),
// 107-114.

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/metric.h"

namespace aimass::metrics::log_loss {
namespace {

Result<double> Compute(const MetricInput& input) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  double sum = 0.0;
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const double p = std::clamp(input.probability(i, input.label(i)), kEpsilon, 1.0 - kEpsilon);
    sum -= input.weight(i) * std::log(p);
    weights += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return sum / weights;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "log_loss",
                .label = {"Log loss", "对数损失"},
                .binary = true,
                .multiclass = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::log_loss
