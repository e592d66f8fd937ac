#include "models/tune/propose.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "models/learners/boosting.h"
#include "models/random.h"

namespace aimass {
namespace {

// The order of the first trials: what is cheap comes first, so that there always is an answer.
constexpr std::array<std::string_view, 4> kCheapFirst{"linear", "lightgbm", "xgboost", "forest"};

std::vector<const LearnerType*> InOrder(const LearnerRegistry& learners) {
  std::vector<const LearnerType*> order;
  for (const std::string_view name : kCheapFirst) {
    if (const auto found = learners.types().find(name); found != learners.types().end())
      order.push_back(&found->second);
  }
  for (const auto& [name, type] : learners.types()) {
    if (std::ranges::find(kCheapFirst, name) == kCheapFirst.end()) order.push_back(&type);
  }
  return order;
}

// How far each learner is, in the order of InOrder.
struct Standing {
  const LearnerType* type = nullptr;
  int tried = 0;
  const Trial* best = nullptr;
  double behind = INFINITY;  // its best loss against the best of all, relative; 0: it leads
};

std::vector<Standing> StandingsOf(const ProposeInput& input, std::span<const Trial> trials) {
  std::vector<Standing> out;
  const Trial* best = BestOf(input.scorer, trials);
  for (const LearnerType* type : InOrder(input.learners)) {
    Standing standing{.type = type};
    double loss = INFINITY;
    for (const Trial& trial : trials) {
      if (trial.learner != type->name) continue;
      ++standing.tried;
      if (!trial.whole() && trial.state != "pruned") continue;
      const double trial_loss = input.scorer.LossOf(trial.score);
      loss = std::min(loss, trial_loss);
      if (trial.whole() &&
          (standing.best == nullptr || trial_loss < input.scorer.LossOf(standing.best->score)))
        standing.best = &trial;
    }
    if (best != nullptr && std::isfinite(loss)) {
      const double least = input.scorer.LossOf(best->score);
      standing.behind = std::max(0.0, (loss - least) / std::max(std::fabs(least), 1e-9));
    }
    out.push_back(standing);
  }
  return out;
}

// A neighbour of `settings`: a few of its numbers moved part of the way to `sampled`.
Settings Neighbour(const LearnerType& learner, const Settings& settings, const Settings& sampled,
                   Random& random) {
  Settings out = settings;
  for (const Field& field : learner.fields) {
    const std::string name(field.name);
    if (field.name == "max_rounds" || field.name == "patience" || random.Unit() > 0.4) continue;
    if (field.kind != FieldKind::kNumber && field.kind != FieldKind::kInteger) {
      out[name] = sampled.at(name);
      continue;
    }
    const double here = NumberOf(settings, field.name);
    const double there = NumberOf(sampled, field.name);
    // Part of the way to a random point keeps it inside the learner's own idea of its space.
    const double way = random.Uniform(0.1, 0.5);
    double value = here > 0.0 && there > 0.0 && field.min > 0.0 ? here * std::pow(there / here, way)
                                                                : here + way * (there - here);
    if (field.kind == FieldKind::kInteger) value = std::round(value);
    out[name] = learners::NumberText(std::clamp(value, field.min, field.max));
  }
  return out;
}

// Learners whose best trial is good are chosen more often; a linear model has little to tune.
const Standing& Choose(const std::vector<Standing>& standings, Random& random) {
  std::vector<double> weights;
  for (const Standing& standing : standings) {
    double weight = 0.03;
    if (std::isfinite(standing.behind)) weight += std::exp(-40.0 * standing.behind);
    if (standing.type->rounds == nullptr) weight *= 0.25;
    weights.push_back(weight);
  }
  double at = random.Unit() * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (at < weights[i]) return standings[i];
    at -= weights[i];
  }
  return standings.back();
}

}  // namespace

const Trial* BestOf(const Scorer& scorer, std::span<const Trial> trials) {
  const Trial* best = nullptr;
  for (const Trial& trial : trials) {
    if (!trial.whole()) continue;
    if (best == nullptr || scorer.LossOf(trial.score) < scorer.LossOf(best->score)) best = &trial;
  }
  return best;
}

Trial Propose(const ProposeInput& input, std::span<const Trial> trials) {
  constexpr double kFarBehind = 0.04;
  Trial trial{.number = static_cast<int>(trials.size())};
  const auto sample = [&](const LearnerType& type, int n) {
    return type.sample(n, input.seed, input.rows, input.features, input.scorer.task());
  };
  const std::vector<Standing> standings = StandingsOf(input, trials);
  // Point after point of the portfolios, each over all learners that are in the running.
  int most = 1;
  for (const Standing& standing : standings) most = std::max(most, standing.type->portfolio);
  for (int point = 0; point < most; ++point) {
    for (const Standing& standing : standings) {
      if (standing.tried > point || point >= standing.type->portfolio) continue;
      if (point > 0 && !(standing.behind <= kFarBehind)) continue;
      trial.learner = standing.type->name;
      trial.settings = sample(*standing.type, standing.tried);
      return trial;
    }
  }
  Random random(input.seed, 0x7365617263ULL + static_cast<std::uint64_t>(trial.number));
  const Standing& chosen = Choose(standings, random);
  trial.learner = chosen.type->name;
  trial.settings = sample(*chosen.type, std::max(chosen.tried, chosen.type->portfolio));
  if (chosen.best != nullptr && random.Unit() < 0.7) {
    trial.settings = Neighbour(*chosen.type, chosen.best->settings, trial.settings, random);
  }
  return trial;
}

}  // namespace aimass
