// Average precision: the precision at each step of recall, Σ (R[n] − R[n−1]) · P[n]; ties are one
// step.
//
// Source   Zhu, "Recall, precision and average precision", University of Waterloo 2004-09;
//          scikit-learn average_precision_score.

#include <vector>

#include "models/metric.h"

namespace aimass::metrics::average_precision {
namespace {

Result<double> Compute(const MetricInput& input) {
  std::vector<double> score(input.rows());
  for (std::size_t i = 0; i < input.rows(); ++i) score[i] = input.probability(i, 1);
  const std::vector<std::uint32_t> order = OrderByScore(score);
  double found = 0.0;  // positives so far
  double seen = 0.0;   // rows so far
  double area = 0.0;   // still to be divided by all positives
  for (std::size_t i = 0; i < order.size();) {
    double tied = 0.0;
    const double level = score[order[i]];
    for (; i < order.size() && score[order[i]] == level; ++i) {
      const double weight = input.weight(order[i]);
      seen += weight;
      if (input.label(order[i]) == 1) tied += weight;
    }
    found += tied;
    if (seen > 0.0) area += tied * found / seen;
  }
  if (found <= 0.0) {
    return Fail(ErrorCode::kUnprocessable, "average precision needs at least one positive row");
  }
  return area / found;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "average_precision",
                .label = {"Average precision", "平均精确率"},
                .binary = true,
                .compute = Compute});
}

}  // namespace aimass::metrics::average_precision
