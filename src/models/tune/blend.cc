#include "models/tune/blend.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "models/random.h"

namespace aimass {
namespace {

constexpr int kMostSteps = 12;
constexpr int kHalves = 6;
constexpr std::size_t kLeastRowsToHalve = 60;
constexpr double kLeastWeight = 0.04;  // less is not worth the time in every prediction
constexpr std::size_t kLeastRowsToCalibrate = 200;

// Slope and intercept that minimise the smooth loss: Newton's method on a convex function of one or
// two numbers.
struct Affine {
  double slope = 1.0;
  double intercept = 0.0;
};

// A search may leave margins of any size (a metric of ranks does not see it), so that
// Newton's steps are taken on standardised margins and halved where they overshoot. Platt's
// targets, a little inside 0 and 1, keep the slope finite where the margins separate the classes.
Affine FitPlatt(std::span<const float> actual, std::span<const double> margins) {
  const auto n = static_cast<double>(actual.size());
  const double mean = std::accumulate(margins.begin(), margins.end(), 0.0) / n;
  double deviation = 0.0;
  for (const double m : margins) deviation += (m - mean) * (m - mean);
  deviation = std::sqrt(deviation / n);
  const double positives = std::accumulate(actual.begin(), actual.end(), 0.0);
  if (!(deviation > 0.0) || positives <= 0.0 || positives >= n) return {};
  const double high = (positives + 1.0) / (positives + 2.0);
  const double low = 1.0 / (n - positives + 2.0);
  const auto loss = [&](const Affine& fit) {
    double sum = 0.0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const double z = fit.slope * (margins[i] - mean) / deviation + fit.intercept;
      const double target = actual[i] > 0.5F ? high : low;
      sum += std::max(z, 0.0) - target * z + std::log1p(std::exp(-std::fabs(z)));
    }
    return sum;
  };
  Affine fit{.slope = deviation, .intercept = mean};
  double now = loss(fit);
  for (int iteration = 0; iteration < 50; ++iteration) {
    double ga = 0.0, gb = 0.0, haa = 1e-9, hab = 0.0, hbb = 1e-9;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const double m = (margins[i] - mean) / deviation;
      const double p = 1.0 / (1.0 + std::exp(-(fit.slope * m + fit.intercept)));
      const double d = p - (actual[i] > 0.5F ? high : low);
      const double h = std::max(p * (1.0 - p), 1e-12);
      ga += d * m, gb += d, haa += h * m * m, hab += h * m, hbb += h;
    }
    const double determinant = haa * hbb - hab * hab;
    if (!(determinant > 0.0)) break;
    Affine step{.slope = (hbb * ga - hab * gb) / determinant,
                .intercept = (haa * gb - hab * ga) / determinant};
    double next = now;
    Affine moved = fit;
    for (int halving = 0; halving < 30; ++halving) {
      moved = {.slope = fit.slope - step.slope, .intercept = fit.intercept - step.intercept};
      next = loss(moved);
      if (next <= now) break;
      step = {.slope = 0.5 * step.slope, .intercept = 0.5 * step.intercept};
    }
    if (!(next <= now)) break;
    const double gained = now - next;
    fit = moved, now = next;
    if (gained < 1e-10 * n) break;
  }
  return {.slope = fit.slope / deviation,
          .intercept = fit.intercept - fit.slope * mean / deviation};
}

Affine FitLine(std::span<const float> actual, std::span<const double> values) {
  const auto n = static_cast<double>(actual.size());
  const double mean_x = std::accumulate(values.begin(), values.end(), 0.0) / n;
  const double mean_y = std::accumulate(actual.begin(), actual.end(), 0.0) / n;
  double xx = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    xx += (values[i] - mean_x) * (values[i] - mean_x);
    xy += (values[i] - mean_x) * (actual[i] - mean_y);
  }
  if (xx <= 0.0) return {};
  return {.slope = xy / xx, .intercept = mean_y - xy / xx * mean_x};
}

// The temperature's inverse by golden section: the loss is convex in it.
Affine FitTemperature(std::size_t classes, std::span<const float> actual,
                      std::span<const double> margins) {
  const auto loss = [&](double log_slope) {
    std::vector<double> scaled(margins.begin(), margins.end());
    for (double& margin : scaled) margin *= std::exp(log_slope);
    return SmoothLoss(TaskKind::kMulticlass, classes, actual, scaled);
  };
  constexpr double kGolden = 0.6180339887498949;
  double low = std::log(0.01), high = std::log(100.0);
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
  double loss_a = loss(a), loss_b = loss(b);
  for (int i = 0; i < 32; ++i) {
    if (loss_a < loss_b) {
      high = b, b = a, loss_b = loss_a, a = high - kGolden * (high - low), loss_a = loss(a);
    } else {
      low = a, a = b, loss_a = loss_b, b = low + kGolden * (high - low), loss_b = loss(b);
    }
  }
  return {.slope = std::exp(0.5 * (low + high)), .intercept = 0.0};
}

void Calibrate(const Scorer& scorer, std::span<const float> actual, std::span<const double> margins,
               Blend* blend) {
  if (actual.size() < kLeastRowsToCalibrate) return;
  Affine fit;
  std::string name;
  switch (scorer.task()) {
    case TaskKind::kBinary:
      fit = FitPlatt(actual, margins), name = "platt";
      break;
    case TaskKind::kMulticlass:
      fit = FitTemperature(scorer.classes(), actual, margins), name = "temperature";
      break;
    case TaskKind::kRegression:
      fit = FitLine(actual, margins), name = "linear";
      break;
  }
  if (!std::isfinite(fit.slope) || !std::isfinite(fit.intercept) || !(fit.slope > 0.0)) return;
  std::vector<double> moved(margins.begin(), margins.end());
  for (double& margin : moved) margin = fit.slope * margin + fit.intercept;
  const double before = SmoothLoss(scorer.task(), scorer.classes(), actual, margins);
  const double after = SmoothLoss(scorer.task(), scorer.classes(), actual, moved);
  // Two numbers fitted on n rows lower the loss by about 1/n by chance alone.
  if (!(after < before - std::max(0.002 * std::fabs(before),
                                  (scorer.task() == TaskKind::kRegression ? before : 1.0) * 4.0 /
                                      static_cast<double>(actual.size())))) {
    return;
  }
  blend->calibration = name;
  blend->slope = fit.slope;
  blend->bias = fit.intercept;
  for (Blend::Part& part : blend->parts) part.weight *= fit.slope;
}

// Greedy selection on halves of the rows. What only one half likes is an accident of its rows: the
// weights are the mean over the halves.
struct Selection {
  const std::vector<Candidate>& candidates;
  std::span<const float> actual;
  const Scorer& scorer;
  const BlendOptions& options;

  [[nodiscard]] std::vector<double> Sum(const Blend& blend) const {
    std::vector<std::vector<float>> chosen;
    for (const Blend::Part& part : blend.parts)
      chosen.push_back(candidates[part.candidate].margins);
    return BlendMargins(blend, chosen);
  }

  // Sorted by weight, the largest first; `best` alone where there are too few rows for more.
  [[nodiscard]] std::vector<Blend::Part> Members(std::size_t best) const {
    std::map<std::size_t, double> weights;
    const std::vector<std::uint32_t> order = ByTarget();
    const int halves = order.size() < kLeastRowsToHalve ? 1 : kHalves;
    for (int half = 0; half < halves; ++half) {
      for (const auto& [candidate, weight] : OnRows(halves == 1 ? order : HalfOf(order, half)))
        weights[candidate] += weight / halves;
    }
    std::vector<Blend::Part> parts;
    for (const auto& [candidate, weight] : weights)
      parts.push_back({.candidate = candidate, .weight = weight});
    std::ranges::stable_sort(parts, std::greater{}, &Blend::Part::weight);
    std::vector<Blend::Part> kept;
    double fit_ms = 0.0, total = 0.0;
    for (const Blend::Part& part : parts) {
      const double with = fit_ms + candidates[part.candidate].fit_ms;
      if (kept.size() >= options.most_members || with > options.most_fit_ms ||
          part.weight < kLeastWeight) {
        continue;
      }
      kept.push_back(part);
      fit_ms = with;
      total += part.weight;
    }
    if (kept.empty()) return {{.candidate = best, .weight = 1.0}};
    for (Blend::Part& part : kept) part.weight /= total;
    return kept;
  }

  // Every k-th row is enough to choose by. By the target, so that halves have their share of each
  // class and of large values.
  [[nodiscard]] std::vector<std::uint32_t> ByTarget() const {
    const std::size_t step = (actual.size() + kMostBlendedRows - 1) / kMostBlendedRows;
    std::vector<std::uint32_t> order;
    for (std::size_t i = 0; i < actual.size(); i += step)
      order.push_back(static_cast<std::uint32_t>(i));
    std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return actual[i]; });
    return order;
  }

  // One of each two neighbours.
  [[nodiscard]] static std::vector<std::uint32_t> HalfOf(std::span<const std::uint32_t> order,
                                                         int half) {
    // Halves come in pairs: one has what the other has not.
    Random random(0x68616c66ULL + static_cast<std::uint64_t>(half / 2));
    std::vector<std::uint32_t> rows;
    for (std::size_t i = 0; i + 1 < order.size(); i += 2)
      rows.push_back(order[i + (random.Below(2) + static_cast<std::size_t>(half)) % 2]);
    return rows;
  }

  // Candidates may enter again and so weigh more. Nothing where the rows cannot be scored.
  [[nodiscard]] std::map<std::size_t, double> OnRows(std::span<const std::uint32_t> rows) const {
    const std::size_t outputs = scorer.outputs();
    std::vector<float> truth;
    for (const std::uint32_t row : rows) truth.push_back(actual[row]);
    std::vector<std::vector<float>> margins(candidates.size());
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      margins[c].reserve(rows.size() * outputs);
      for (const std::uint32_t row : rows) {
        const auto from =
            candidates[c].margins.begin() + static_cast<std::ptrdiff_t>(row * outputs);
        margins[c].insert(margins[c].end(), from, from + static_cast<std::ptrdiff_t>(outputs));
      }
    }
    std::vector<double> sum(rows.size() * outputs, 0.0), tried(sum.size());
    std::map<std::size_t, int> counts;
    double loss = INFINITY, fit_ms = 0.0;
    int steps = 0;
    for (; steps < kMostSteps; ++steps) {
      std::size_t chosen = candidates.size();
      double chosen_loss = loss;
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        if (!counts.contains(c) && (counts.size() >= options.most_members ||
                                    fit_ms + candidates[c].fit_ms > options.most_fit_ms)) {
          continue;
        }
        for (std::size_t i = 0; i < sum.size(); ++i)
          tried[i] = (sum[i] + margins[c][i]) / (steps + 1);
        const Result<double> score = scorer.Score(truth, tried);
        if (!score) return {};
        if (scorer.LossOf(*score) < chosen_loss) chosen = c, chosen_loss = scorer.LossOf(*score);
      }
      if (chosen == candidates.size()) break;
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += margins[chosen][i];
      if (counts[chosen]++ == 0) fit_ms += candidates[chosen].fit_ms;
      loss = chosen_loss;
    }
    std::map<std::size_t, double> weights;
    for (const auto& [candidate, count] : counts)
      weights[candidate] = static_cast<double>(count) / steps;
    return weights;
  }
};

}  // namespace

Result<Blend> MakeBlend(const std::vector<Candidate>& candidates, std::span<const float> actual,
                        const Scorer& scorer, const BlendOptions& options) {
  if (candidates.empty()) return Fail(ErrorCode::kInternal, "there is no candidate to choose from");
  const Selection selection{
      .candidates = candidates, .actual = actual, .scorer = scorer, .options = options};
  // The best that can be fitted in time; where none can, the one that comes closest.
  const auto best = static_cast<std::size_t>(
      std::ranges::min_element(candidates, {},
                               [&](const Candidate& candidate) {
                                 const double late =
                                     std::max(candidate.fit_ms - options.most_fit_ms, 0.0);
                                 return std::pair(late, candidate.loss);
                               }) -
      candidates.begin());
  const Blend alone{.parts = {{.candidate = best, .weight = 1.0}}};
  Blend blend{.parts = selection.Members(best)};
  const auto loss = [&](const Blend& of) -> Result<double> {
    ASSIGN_OR_RETURN(const double score, scorer.Score(actual, selection.Sum(of)));
    return scorer.LossOf(score);
  };
  ASSIGN_OR_RETURN(const double loss_alone, loss(alone));
  ASSIGN_OR_RETURN(const double loss_together, loss(blend));
  // A new member costs time in every prediction: it has to be worth it.
  if (!(loss_together < loss_alone - 1e-5 * std::fabs(loss_alone))) blend = alone;

  Calibrate(scorer, actual, selection.Sum(blend), &blend);
  ASSIGN_OR_RETURN(blend.score, scorer.Score(actual, selection.Sum(blend)));
  return blend;
}

std::vector<double> BlendMargins(const Blend& blend,
                                 const std::vector<std::vector<float>>& margins) {
  std::vector<double> out(margins.empty() ? 0 : margins.front().size(), blend.bias);
  for (std::size_t p = 0; p < blend.parts.size(); ++p) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += blend.parts[p].weight * margins[p][i];
  }
  return out;
}

}  // namespace aimass
