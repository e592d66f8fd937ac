// AUC of each class against the rest, averaged over the classes that have rows of both kinds.
//
// Source   Provost and Domingos, "Well-trained PETs", CeDER working paper 00-04, NYU 2001;
//          scikit-learn roc_auc_score(multi_class="ovr", average="macro"), which refuses absent
//          classes. Interval: DeLong's influences averaged over the classes, row by row.

#include <vector>

#include "models/metric.h"

namespace aimass::metrics::auc_ovr {
namespace {

struct Average {
  double area = 0.0;
  std::vector<double> influence;
};

Result<Average> Compute(const MetricInput& input, bool with_influence) {
  Average average;
  average.influence.assign(with_influence ? input.rows() : 0, 0.0);
  std::size_t usable = 0;
  std::vector<double> score(input.rows());
  std::vector<bool> positive(input.rows());
  for (std::size_t label = 0; label < input.classes; ++label) {
    for (std::size_t i = 0; i < input.rows(); ++i) {
      score[i] = input.probability(i, label);
      positive[i] = input.label(i) == label;
    }
    const Result<double> area = AreaUnderRoc(score, positive, input.weights);
    if (!area) continue;
    ++usable;
    average.area += *area;
    if (!with_influence) continue;
    const std::vector<double> influence = AreaInfluence(score, positive);
    for (std::size_t i = 0; i < influence.size(); ++i) average.influence[i] += influence[i];
  }
  if (usable == 0) return Fail(ErrorCode::kUnprocessable, "AUC needs rows of both classes");
  average.area /= static_cast<double>(usable);
  for (double& value : average.influence) value /= static_cast<double>(usable);
  return average;
}

Result<double> ComputeArea(const MetricInput& input) {
  ASSIGN_OR_RETURN(const Average average, Compute(input, false));
  return average.area;
}

Result<Interval> FindInterval(const MetricInput& input) {
  ASSIGN_OR_RETURN(const Average average, Compute(input, true));
  return IntervalOfArea(average.area, average.influence);
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "auc_ovr",
                .label = {"AUC, each class against the rest", "AUC（各类对其余，取平均）"},
                .multiclass = true,
                .compute = ComputeArea,
                .interval = FindInterval});
}

}  // namespace aimass::metrics::auc_ovr
