#include "models/metric.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace aimass {

std::size_t MetricInput::decided(std::size_t row) const {
  const auto first = predicted.begin() + static_cast<std::ptrdiff_t>(row * classes);
  return static_cast<std::size_t>(
      std::max_element(first, first + static_cast<std::ptrdiff_t>(classes)) - first);
}

std::string_view DefaultMetric(TaskKind task) {
  switch (task) {
    case TaskKind::kBinary:
      return "auc";
    case TaskKind::kMulticlass:
      return "log_loss";
    case TaskKind::kRegression:
      return "rmse";
  }
  return "rmse";
}

Result<const MetricType*> FindMetric(const MetricRegistry& metrics, std::string_view name,
                                     TaskKind task) {
  ASSIGN_OR_RETURN(const MetricType* metric,
                   metrics.Find(name.empty() || name == "auto" ? DefaultMetric(task) : name));
  if (metric->Fits(task)) return metric;
  std::string fitting;
  for (const auto& [known, type] : metrics.types()) {
    if (type.Fits(task)) fitting += (fitting.empty() ? "" : " ") + known;
  }
  return Fail(ErrorCode::kUnprocessable, "metric '{}' does not fit a {} model; these do: {}", name,
              TaskName(task), fitting);
}

Result<double> ComputeMetric(const MetricType& metric, const MetricInput& input) {
  const std::size_t rows = input.rows();
  const std::size_t width = input.task == TaskKind::kRegression ? 1 : input.classes;
  if (rows == 0) {
    return Fail(ErrorCode::kInvalidArgument, "metric '{}' needs at least one row", metric.name);
  }
  if (width == 0 || input.predicted.size() != rows * width ||
      (!input.weights.empty() && input.weights.size() != rows)) {
    return Fail(ErrorCode::kInvalidArgument,
                "metric '{}' got {} actual values, {} predictions and {} weights for {} classes",
                metric.name, rows, input.predicted.size(), input.weights.size(), input.classes);
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const double actual = input.actual[i];
    const bool whole = actual >= 0.0 && actual < static_cast<double>(input.classes) &&
                       actual == std::floor(actual);
    if (input.task == TaskKind::kRegression ? !std::isfinite(actual) : !whole) {
      return Fail(ErrorCode::kInvalidArgument,
                  "metric '{}': the actual value {} of row {} is not usable", metric.name, actual,
                  i);
    }
  }
  for (const double value : input.predicted) {
    if (!std::isfinite(value)) {
      return Fail(ErrorCode::kInvalidArgument, "metric '{}': a prediction is {}", metric.name,
                  value);
    }
  }
  for (const double weight : input.weights) {
    if (!(weight >= 0.0) || !std::isfinite(weight)) {
      return Fail(ErrorCode::kInvalidArgument, "metric '{}': a weight is {}", metric.name, weight);
    }
  }
  return metric.compute(input);
}

std::vector<std::uint32_t> OrderByScore(std::span<const double> score) {
  std::vector<std::uint32_t> order(score.size());
  std::iota(order.begin(), order.end(), 0u);
  // The bootstrap hands rows over in this order hundreds of times.
  if (!std::is_sorted(score.begin(), score.end(), std::greater<>())) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return score[a] > score[b]; });
  }
  return order;
}

Result<double> AreaUnderRoc(std::span<const double> score, const std::vector<bool>& positive,
                            std::span<const double> weights) {
  const std::vector<std::uint32_t> order = OrderByScore(score);
  double positives = 0.0;
  double negatives = 0.0;
  double pairs = 0.0;  // weight of the pairs in the right order
  for (std::size_t i = 0; i < order.size();) {
    double tied_positives = 0.0;
    double tied_negatives = 0.0;
    std::size_t next = i;
    for (; next < order.size() && score[order[next]] == score[order[i]]; ++next) {
      const double weight = weights.empty() ? 1.0 : weights[order[next]];
      (positive[order[next]] ? tied_positives : tied_negatives) += weight;
    }
    pairs += tied_negatives * (positives + tied_positives / 2.0);
    positives += tied_positives;
    negatives += tied_negatives;
    i = next;
  }
  if (positives <= 0.0 || negatives <= 0.0) {
    return Fail(ErrorCode::kUnprocessable, "AUC needs rows of both classes");
  }
  return pairs / (positives * negatives);
}

std::vector<double> AreaInfluence(std::span<const double> score,
                                  const std::vector<bool>& positive) {
  const std::size_t rows = score.size();
  const std::vector<std::uint32_t> order = OrderByScore(score);
  const auto positives = static_cast<double>(std::count(positive.begin(), positive.end(), true));
  const double negatives = static_cast<double>(rows) - positives;
  std::vector<double> influence(rows, 0.0);
  if (positives < 2.0 || negatives < 2.0) return influence;

  // Structural components: of a positive row the share of negatives below it, of a negative row the
  // share of positives above it, ties counted half.
  double positives_above = 0.0;
  double negatives_above = 0.0;
  double area = 0.0;
  for (std::size_t i = 0; i < rows;) {
    double tied_positives = 0.0;
    double tied_negatives = 0.0;
    std::size_t next = i;
    for (; next < rows && score[order[next]] == score[order[i]]; ++next) {
      (positive[order[next]] ? tied_positives : tied_negatives) += 1.0;
    }
    const double of_positive =
        (negatives - negatives_above - tied_negatives + tied_negatives / 2.0) / negatives;
    const double of_negative = (positives_above + tied_positives / 2.0) / positives;
    for (; i < next; ++i) influence[order[i]] = positive[order[i]] ? of_positive : of_negative;
    area += tied_positives * of_positive / positives;
    positives_above += tied_positives;
    negatives_above += tied_negatives;
  }
  // Var = S10/m + S01/n with S the sample variances: divided so that the squares add up to it.
  const double for_positive = 1.0 / std::sqrt(positives * (positives - 1.0));
  const double for_negative = 1.0 / std::sqrt(negatives * (negatives - 1.0));
  for (std::size_t i = 0; i < rows; ++i) {
    influence[i] = (influence[i] - area) * (positive[i] ? for_positive : for_negative);
  }
  return influence;
}

Interval IntervalOfArea(double area, std::span<const double> influence) {
  constexpr double kNormal975 = 1.959963984540054;
  double variance = 0.0;
  for (const double value : influence) variance += value * value;
  const double error = std::sqrt(variance);
  if (area <= 0.0 || area >= 1.0) return {.low = area, .high = area, .method = "delong"};
  const double logit = std::log(area / (1.0 - area));
  const double width = kNormal975 * error / (area * (1.0 - area));
  const auto back = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  return {.low = back(logit - width), .high = back(logit + width), .method = "delong"};
}

}  // namespace aimass
