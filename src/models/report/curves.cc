#include "models/report/curves.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace aimass::report {
namespace {

constexpr std::size_t kCurveSteps = 200;
constexpr std::size_t kMaxScatter = 400;

struct Step {
  double positives = 0.0;  // with this score or a higher one
  double negatives = 0.0;
  double threshold = 0.0;
};

/// One step per distinct score, highest first.
std::vector<Step> Steps(const OneClass& rows) {
  const std::vector<std::uint32_t> order = OrderByScore(rows.score);
  std::vector<Step> steps;
  Step now;
  for (std::size_t i = 0; i < order.size(); ++i) {
    (rows.positive[order[i]] ? now.positives : now.negatives) += 1.0;
    now.threshold = rows.score[order[i]];
    if (i + 1 == order.size() || rows.score[order[i + 1]] != now.threshold) steps.push_back(now);
  }
  return steps;
}

double Ratio(double part, double whole) { return whole > 0.0 ? part / whole : 0.0; }

}  // namespace

OneClass AgainstRest(const MetricInput& input, std::size_t label) {
  OneClass rows;
  rows.score.reserve(input.rows());
  rows.positive.reserve(input.rows());
  for (std::size_t i = 0; i < input.rows(); ++i) {
    rows.score.push_back(input.probability(i, label));
    rows.positive.push_back(input.label(i) == label);
  }
  return rows;
}

Json RocPoints(const OneClass& rows) {
  const std::vector<Step> steps = Steps(rows);
  Json points = Json::array({Json::array({0.0, 0.0, nullptr})});
  double drawn = 0.0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double x = Ratio(steps[i].negatives, steps.back().negatives);
    const double y = Ratio(steps[i].positives, steps.back().positives);
    if (i + 1 < steps.size() && x + y - drawn < 2.0 / (kCurveSteps - 1)) continue;
    drawn = x + y;
    points.push_back({x, y, steps[i].threshold});
  }
  return points;
}

Json PrPoints(const OneClass& rows) {
  const std::vector<Step> steps = Steps(rows);
  Json points = Json::array();
  double drawn = -1.0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double recall = Ratio(steps[i].positives, steps.back().positives);
    if (i + 1 < steps.size() && recall - drawn < 1.0 / (kCurveSteps - 1)) continue;
    drawn = recall;
    points.push_back({recall, Ratio(steps[i].positives, steps[i].positives + steps[i].negatives),
                      steps[i].threshold});
  }
  return points;
}

Json LiftSteps(const OneClass& rows) {
  const std::vector<std::uint32_t> order = OrderByScore(rows.score);
  const auto positives =
      static_cast<double>(std::count(rows.positive.begin(), rows.positive.end(), true));
  Json steps = Json::array();
  std::size_t next = 0;
  double found = 0.0;
  for (std::size_t tenth = 1; tenth <= 10; ++tenth) {
    const std::size_t end = (order.size() * tenth + 9) / 10;
    for (; next < end; ++next) found += rows.positive[order[next]] ? 1.0 : 0.0;
    const double share = static_cast<double>(end) / static_cast<double>(order.size());
    const double gain = Ratio(found, positives);
    steps.push_back({{"share", share},
                     {"gain", gain},
                     {"lift", Ratio(gain, share)},
                     {"threshold", rows.score[order[end - 1]]}});
  }
  return steps;
}

Json CalibrationBins(const MetricInput& input) {
  constexpr std::size_t kBins = 10;
  struct Bin {
    double rows = 0.0, stated = 0.0, happened = 0.0;
  };
  std::array<Bin, kBins> bins{};
  for (std::size_t i = 0; i < input.rows(); ++i) {
    const std::size_t label = input.task == TaskKind::kBinary ? 1 : input.decided(i);
    const double stated = input.probability(i, label);
    const double slot = std::clamp(std::floor(stated * kBins), 0.0, kBins - 1.0);
    Bin& bin = bins[static_cast<std::size_t>(slot)];
    bin.rows += 1.0;
    bin.stated += stated;
    bin.happened += input.label(i) == label ? 1.0 : 0.0;
  }
  Json result = Json::array();
  for (std::size_t i = 0; i < kBins; ++i) {
    if (bins[i].rows == 0.0) continue;
    result.push_back({{"low", static_cast<double>(i) / kBins},
                      {"high", static_cast<double>(i + 1) / kBins},
                      {"rows", static_cast<std::int64_t>(bins[i].rows)},
                      {"stated", bins[i].stated / bins[i].rows},
                      {"happened", bins[i].happened / bins[i].rows}});
  }
  return result;
}

Json ConfusionCounts(const MetricInput& input) {
  std::vector<std::vector<std::int64_t>> counts(input.classes,
                                                std::vector<std::int64_t>(input.classes, 0));
  for (std::size_t i = 0; i < input.rows(); ++i) ++counts[input.label(i)][input.decided(i)];
  return counts;
}

Json ResidualHistogram(const MetricInput& input) {
  std::vector<double> residuals(input.rows());
  double sum = 0.0;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    residuals[i] = static_cast<double>(input.actual[i]) - input.predicted[i];
    sum += residuals[i];
  }
  std::sort(residuals.begin(), residuals.end());
  const auto quantile = [&](double share) {
    const double position = share * static_cast<double>(residuals.size() - 1);
    const auto low = static_cast<std::size_t>(position);
    const std::size_t high = std::min(low + 1, residuals.size() - 1);
    return residuals[low] +
           (position - static_cast<double>(low)) * (residuals[high] - residuals[low]);
  };
  // A few far outliers must not squeeze everything else into one bar: the edges span 99 % of the
  // rows, the outer bars hold what lies beyond.
  double low = quantile(0.005);
  double high = quantile(0.995);
  if (!(high > low)) {
    low -= 0.5;
    high += 0.5;
  }
  constexpr std::size_t kBins = 24;
  std::vector<double> edges;
  std::vector<std::int64_t> counts(kBins, 0);
  for (std::size_t i = 0; i <= kBins; ++i) {
    edges.push_back(low + (high - low) * static_cast<double>(i) / kBins);
  }
  for (const double residual : residuals) {
    const double slot =
        std::clamp(std::floor((residual - low) / (high - low) * kBins), 0.0, kBins - 1.0);
    ++counts[static_cast<std::size_t>(slot)];
  }
  return {{"edges", edges},
          {"counts", counts},
          {"mean", sum / static_cast<double>(residuals.size())},
          {"quantiles",
           {{"p05", quantile(0.05)},
            {"p25", quantile(0.25)},
            {"p50", quantile(0.5)},
            {"p75", quantile(0.75)},
            {"p95", quantile(0.95)}}}};
}

Json PredictedActual(const MetricInput& input) {
  const std::size_t shown = std::min(input.rows(), kMaxScatter);
  Json points = Json::array();
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t row = i * input.rows() / shown;
    points.push_back({input.predicted[row], input.actual[row]});
  }
  return points;
}

}  // namespace aimass::report
