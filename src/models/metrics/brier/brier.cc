// Brier score: two classes: the mean of (p − y)², 0..1; more classes: the mean over rows of the sum
// of (p[k] − y[k])² over the classes, 0..2.
//
// Source   Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
// Review 78
//          (1950), 1-3; scikit-learn brier_score_loss (scale_by_half="auto").

#include "models/metric.h"

namespace aimass::metrics::brier {
namespace {

Result<double> Compute(const MetricInput& input) {
  double sum = 0.0;
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    double row = 0.0;
    for (std::size_t label = 0; label < input.classes; ++label) {
      const double gap = input.probability(i, label) - (input.label(i) == label ? 1.0 : 0.0);
      row += gap * gap;
    }
    sum += input.weight(i) * row;
    weights += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  return sum / weights / (input.task == TaskKind::kBinary ? 2.0 : 1.0);
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "brier",
                .label = {"Brier score", "Brier 分数"},
                .binary = true,
                .multiclass = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::brier
