// Expected calibration error over 15 bins of equal width: how far stated probabilities and what
// happened lie apart, weighted by the rows of each bin. Two classes: the probability of the second;
// more: of the decided one.
//
// Source   Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
// binning",
//          AAAI 2015, 2901-2907; 15 bins: Guo et al., "On calibration of modern neural networks",
//          ICML 2017.

#include <algorithm>
#include <array>
#include <cmath>

#include "models/metric.h"

namespace aimass::metrics::ece {
namespace {

constexpr std::size_t kBins = 15;

Result<double> Compute(const MetricInput& input) {
  struct Bin {
    double gap = 0.0;  // Σ weight · (stated − happened)
  };
  std::array<Bin, kBins> bins{};
  double weights = 0.0;
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const std::size_t label = input.task == TaskKind::kBinary ? 1 : input.decided(i);
    const double stated = input.probability(i, label);
    const double happened = input.label(i) == label ? 1.0 : 0.0;
    const double slot = std::clamp(std::floor(stated * kBins), 0.0, kBins - 1.0);
    bins[static_cast<std::size_t>(slot)].gap += input.weight(i) * (stated - happened);
    weights += input.weight(i);
  }
  if (weights <= 0.0) return Fail(ErrorCode::kUnprocessable, "all weights are 0");
  double sum = 0.0;
  for (const Bin& bin : bins) sum += std::abs(bin.gap);
  return sum / weights;
}

}  // namespace

void Register(MetricRegistry& registry) {
  registry.Add({.name = "ece",
                .label = {"Calibration error", "校准误差"},
                .binary = true,
                .multiclass = true,
                .higher_is_better = false,
                .compute = Compute});
}

}  // namespace aimass::metrics::ece
