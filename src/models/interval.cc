#include "models/interval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "models/random.h"

namespace aimass {
namespace {

std::size_t Replicates(std::size_t rows) {
  return std::clamp<std::size_t>(10'000'000 / std::max<std::size_t>(rows, 1), 200, 1000);
}

void Draw(Random& random, std::vector<double>& counts) {
  std::fill(counts.begin(), counts.end(), 0.0);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[random.Below(counts.size())] += 1.0;
}

double Percentile(const std::vector<double>& sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(position));
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (position - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

/// The rows in the order in which the sorting metrics want them, so that no replicate sorts again.
struct Sorted {
  std::vector<float> actual;
  std::vector<double> predicted;
  MetricInput input;
};

Sorted SortRows(const MetricInput& input) {
  const std::size_t width = input.task == TaskKind::kRegression ? 1 : input.classes;
  std::vector<double> score(input.rows());
  for (std::size_t i = 0; i < score.size(); ++i) {
    score[i] = input.task == TaskKind::kRegression
                   ? std::abs(input.predicted[i] - static_cast<double>(input.actual[i]))
                   : input.predicted[i * width + width - 1];
  }
  Sorted sorted;
  sorted.actual.reserve(input.rows());
  sorted.predicted.reserve(input.predicted.size());
  for (const std::uint32_t row : OrderByScore(score)) {
    sorted.actual.push_back(input.actual[row]);
    for (std::size_t k = 0; k < width; ++k) {
      sorted.predicted.push_back(input.predicted[row * width + k]);
    }
  }
  sorted.input = input;
  sorted.input.actual = sorted.actual;
  sorted.input.predicted = sorted.predicted;
  sorted.input.weights = {};
  return sorted;
}

}  // namespace

Result<Interval> FindInterval(const MetricType& metric, const MetricInput& input,
                              std::uint64_t seed) {
  ASSIGN_OR_RETURN(const double value, ComputeMetric(metric, input));
  if (metric.interval != nullptr) return metric.interval(input);
  Sorted sorted = SortRows(input);
  Random random(seed);
  std::vector<double> counts(input.rows());
  sorted.input.weights = counts;
  std::vector<double> values;
  for (std::size_t i = 0; i < Replicates(input.rows()); ++i) {
    Draw(random, counts);
    if (const Result<double> drawn = metric.compute(sorted.input)) values.push_back(*drawn);
  }
  if (values.empty()) {
    return Fail(ErrorCode::kUnprocessable, "metric '{}' is not defined for resampled rows",
                metric.name);
  }
  std::sort(values.begin(), values.end());
  Interval interval{
      .low = Percentile(values, 0.025), .high = Percentile(values, 0.975), .method = "bootstrap"};
  if (value < interval.low || value > interval.high) {
    // Resampling itself adds to some metrics (calibration error): the interval is moved by what it
    // added.
    const double added = Percentile(values, 0.5) - value;
    const double least = values.front() >= 0.0 ? 0.0 : -std::numeric_limits<double>::infinity();
    interval.low = std::max(std::min(interval.low - added, value), std::min(least, value));
    interval.high = std::max(interval.high - added, value);
  }
  return interval;
}

Result<Difference> PairedDifference(const MetricType& metric, const MetricInput& a,
                                    const MetricInput& b, std::uint64_t seed) {
  ASSIGN_OR_RETURN(const double value_a, ComputeMetric(metric, a));
  ASSIGN_OR_RETURN(const double value_b, ComputeMetric(metric, b));
  if (a.classes != b.classes || !std::ranges::equal(a.actual, b.actual)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a paired difference needs the same rows on both sides");
  }
  Random random(seed);
  std::vector<double> counts(a.rows());
  MetricInput with_a = a;
  MetricInput with_b = b;
  with_a.weights = counts;
  with_b.weights = counts;
  std::vector<double> values;
  for (std::size_t i = 0; i < Replicates(a.rows()); ++i) {
    Draw(random, counts);
    const Result<double> drawn_a = metric.compute(with_a);
    const Result<double> drawn_b = metric.compute(with_b);
    if (drawn_a && drawn_b) values.push_back(*drawn_b - *drawn_a);
  }
  if (values.empty()) {
    return Fail(ErrorCode::kUnprocessable, "metric '{}' is not defined for resampled rows",
                metric.name);
  }
  std::sort(values.begin(), values.end());
  const auto below =
      static_cast<double>(std::ranges::count_if(values, [](double v) { return v <= 0; }));
  const auto above =
      static_cast<double>(std::ranges::count_if(values, [](double v) { return v >= 0; }));
  const double p =
      2.0 * (std::min(below, above) + 1.0) / (static_cast<double>(values.size()) + 1.0);
  return Difference{.value = value_b - value_a,
                    .low = Percentile(values, 0.025),
                    .high = Percentile(values, 0.975),
                    .p_value = std::min(p, 1.0)};
}

}  // namespace aimass
