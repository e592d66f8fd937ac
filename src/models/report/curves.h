#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/json.h"
#include "models/metric.h"

namespace aimass::report {

/// One class against the rest: its scores and which rows are of it.
struct OneClass {
  std::vector<double> score;
  std::vector<bool> positive;
};
[[nodiscard]] OneClass AgainstRest(const MetricInput& input, std::size_t label);

// Each gives the JSON of docs/formats/report.md. Rows: at least one; classes where the name says
// so.
[[nodiscard]] Json RocPoints(const OneClass& rows);
[[nodiscard]] Json PrPoints(const OneClass& rows);
[[nodiscard]] Json LiftSteps(const OneClass& rows);
[[nodiscard]] Json CalibrationBins(const MetricInput& input);
[[nodiscard]] Json ConfusionCounts(const MetricInput& input);
[[nodiscard]] Json ResidualHistogram(const MetricInput& input);
[[nodiscard]] Json PredictedActual(const MetricInput& input);

}  // namespace aimass::report
