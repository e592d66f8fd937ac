#pragma once

#include <cstdint>

#include "models/metric.h"

namespace aimass {

/// The 95 % interval of a metric over these rows: the metric's own where it has one, else
/// percentiles of a bootstrap over rows. The same input and seed give the same interval on every
/// machine.
///
/// The number of replicates falls with the rows, 1,000 to 200, so that a large report stays a
/// matter of seconds. Errors   kUnprocessable where the metric is not defined for these rows.
/// Source   Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, §13.3.
[[nodiscard]] Result<Interval> FindInterval(const MetricType& metric, const MetricInput& input,
                                            std::uint64_t seed);

struct Difference {
  double value = 0.0;  // b − a
  double low = 0.0;    // of 95 %
  double high = 0.0;
  /// How often the bootstrap saw no better one than the other, two-sided: small means that the
  /// difference is more than chance.
  double p_value = 1.0;
};

/// The difference of a metric between two predictions of the same rows: each replicate draws the
/// same rows for both. Errors: kInvalidArgument where the actual values differ.
[[nodiscard]] Result<Difference> PairedDifference(const MetricType& metric, const MetricInput& a,
                                                  const MetricInput& b, std::uint64_t seed);

}  // namespace aimass
