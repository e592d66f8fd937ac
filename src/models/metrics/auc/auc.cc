// AUC: area under the ROC curve, two classes. Weights count as so many rows.
//
// Source   Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006),
// 861-874;
//          scikit-learn roc_auc_score. Interval: DeLong et al. 1988, on the logit scale (Pepe, "The
//          Statistical Evaluation of Medical Tests for Classification and Prediction", 2003, §5.2).

#include <vector>

#include "models/metric.h"

namespace aimass::metrics::auc {
namespace {

struct Ranked {
  std::vector<double> score;
  std::vector<bool> positive;
};

Ranked Rank(const MetricInput& input) {
  Ranked ranked;
  ranked.score.reserve(input.rows());
  ranked.positive.reserve(input.rows());
  for (std::size_t i = 0; i < input.rows(); ++i) {
    ranked.score.push_back(input.probability(i, 1));
    ranked.positive.push_back(input.label(i) == 1);
  }
  return ranked;
}

Result<double> Compute(const MetricInput& input) {
  const Ranked ranked = Rank(input);
  return AreaUnderRoc(ranked.score, ranked.positive, input.weights);
}

Result<Interval> FindInterval(const MetricInput& input) {
  const Ranked ranked = Rank(input);
  ASSIGN_OR_RETURN(const double area, AreaUnderRoc(ranked.score, ranked.positive, {}));
  return IntervalOfArea(area, AreaInfluence(ranked.score, ranked.positive));
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "auc",
                .label = {"AUC (area under the ROC curve)", "AUC（ROC 曲线下面积）"},
                .binary = true,
                .compute = Compute,
                .interval = FindInterval});
}

}  // namespace aimass::metrics::auc
