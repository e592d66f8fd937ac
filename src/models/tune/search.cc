#include "models/tune/search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "base/clock.h"
#include "models/learners/boosting.h"
#include "models/random.h"

namespace aimass {
namespace {

// The order of the first trials: what is cheap comes first, so that there always is an answer.
constexpr std::array<std::string_view, 3> kCheapFirst{"linear", "lightgbm", "xgboost"};

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

// A neighbour of `settings`: a third of its numbers moved by about a quarter of their (logarithmic)
// range of use.
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

class Searcher {
 public:
  Searcher(const SearchInput& input, std::vector<Trial> done)
      : input_(input),
        trials_(std::move(done)),
        learners_(InOrder(input.learners)),
        own_matrices_(static_cast<std::size_t>(input.scored_folds)) {
    const std::vector<std::uint32_t> scored = ScoredRowNumbers(input.folds, input.scored_folds);
    position_.assign(input.folds.size(), 0);
    for (std::size_t i = 0; i < scored.size(); ++i)
      position_[scored[i]] = static_cast<std::uint32_t>(i);
    num_scored_ = scored.size();
  }

  Result<std::vector<Trial>> Run() {
    while (static_cast<int>(trials_.size()) < input_.max_trials) {
      RETURN_IF_ERROR(input_.cancel.Check());
      const std::int64_t left = TimeLeft();
      const Trial* best = Best();
      if (best != nullptr && left < std::max<std::int64_t>(50, ShortestTrialMs() / 3)) break;
      if (best == nullptr && left <= 0 && !trials_.empty()) break;
      const bool nothing_fits = trials_.size() > 1 && trials_.back().state == "timeout" &&
                                trials_[trials_.size() - 2].state == "timeout";
      if (best != nullptr && nothing_fits) break;
      Trial trial = Next();
      RETURN_IF_ERROR(Evaluate(&trial));
      trials_.push_back(std::move(trial));
      if (input_.after_trial) RETURN_IF_ERROR(input_.after_trial(trials_.back(), Best()));
    }
    if (Best() == nullptr) {
      std::string reasons;
      for (const Trial& trial : trials_)
        reasons +=
            fmt::format(" {}: {};", trial.learner, trial.error.empty() ? trial.state : trial.error);
      return Fail(ErrorCode::kTimeout, "no learner could be trained in the time given:{}", reasons);
    }
    return std::move(trials_);
  }

 private:
  [[nodiscard]] const Trial* Best() const {
    const Trial* best = nullptr;
    for (const Trial& trial : trials_) {
      if (trial.state != "complete") continue;
      if (best == nullptr || Loss(trial) < Loss(*best)) best = &trial;
    }
    return best;
  }
  [[nodiscard]] double Loss(const Trial& trial) const { return input_.scorer.LossOf(trial.score); }

  // The members that the search would choose now have to be fitted before the end.
  [[nodiscard]] std::int64_t TimeLeft() const {
    std::vector<const Trial*> complete;
    for (const Trial& trial : trials_) {
      if (trial.state == "complete") complete.push_back(&trial);
    }
    std::ranges::sort(complete, {}, [&](const Trial* t) { return Loss(*t); });
    double fits = 0.0;
    for (std::size_t i = 0; i < std::min<std::size_t>(complete.size(), 2); ++i)
      fits += 1.3 * complete[i]->FoldMs();
    const std::int64_t now = SteadyMs();
    const double reserve = fits * input_.fits_after;
    return std::min(input_.deadline_ms - now,
                    input_.end_ms - now - static_cast<std::int64_t>(reserve));
  }

  [[nodiscard]] std::int64_t ShortestTrialMs() const {
    double shortest = 1e15;
    for (const Trial& trial : trials_) {
      if (trial.state == "complete" && trial.learner != "linear")
        shortest = std::min(shortest, trial.duration_ms);
    }
    return shortest > 1e14 ? 0 : static_cast<std::int64_t>(shortest);
  }

  Trial Next() {
    const int number = static_cast<int>(trials_.size());
    Trial trial{.number = number,
                .learner = {},
                .settings = {},
                .fold_rounds = {},
                .fold_scores = {},
                .score = 0.0,
                .duration_ms = 0.0,
                .state = {},
                .error = {},
                .margins = {}};
    const auto sample = [&](const LearnerType& type, int n) {
      return type.sample(n, input_.seed, input_.matrix.rows(), input_.matrix.features.size(),
                         input_.scorer.task());
    };
    std::map<std::string_view, int> tried;
    for (const Trial& done : trials_) ++tried[done.learner];
    for (const LearnerType* type : learners_) {
      if (tried[type->name] == 0) {
        trial.learner = type->name;
        trial.settings = sample(*type, 0);
        return trial;
      }
    }
    Random random(input_.seed, 0x7365617263ULL + static_cast<std::uint64_t>(number));
    const LearnerType& type = Choose(random);
    trial.learner = type.name;
    trial.settings = sample(type, tried[type.name]);
    const Trial* best = nullptr;
    for (const Trial& done : trials_) {
      if (done.learner == trial.learner && done.state == "complete" &&
          (best == nullptr || Loss(done) < Loss(*best))) {
        best = &done;
      }
    }
    if (best != nullptr && tried[type.name] >= 3 && random.Unit() < 0.6) {
      trial.settings = Neighbour(type, best->settings, trial.settings, random);
    }
    return trial;
  }

  // Learners whose best trial is good are chosen more often; a linear model has little to tune.
  const LearnerType& Choose(Random& random) {
    std::vector<double> weights;
    const Trial* best = Best();
    for (const LearnerType* type : learners_) {
      double loss = INFINITY;
      int tried = 0;
      for (const Trial& trial : trials_) {
        if (trial.learner != type->name) continue;
        ++tried;
        if (trial.state == "complete") loss = std::min(loss, Loss(trial));
      }
      double weight = 0.05;
      if (best != nullptr && std::isfinite(loss)) {
        const double behind = (loss - Loss(*best)) / std::max(std::fabs(Loss(*best)), 1e-9);
        weight = 0.05 + std::exp(-40.0 * behind);
      }
      if (type->name == "linear") weight *= tried < 4 ? 0.5 : 0.1;
      weights.push_back(weight);
    }
    double at = random.Unit() * std::accumulate(weights.begin(), weights.end(), 0.0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (at < weights[i]) return *learners_[i];
      at -= weights[i];
    }
    return *learners_.back();
  }

  // Fills in everything but the settings. Only a cancelled job is an error: a failed fit is a
  // failed trial.
  Status Evaluate(Trial* trial) {
    const LearnerType& type = input_.learners.types().find(trial->learner)->second;
    const Trial* best = Best();
    const std::size_t outputs = input_.scorer.outputs();
    const std::int64_t start = SteadyMs();
    // A default may use half of what is left, the linear one (first, so that there always is an
    // answer) an eighth.
    const std::int64_t left = std::max<std::int64_t>(TimeLeft(), 200);
    const bool is_default = trials_.size() < learners_.size();
    const std::int64_t budget = !is_default                  ? left
                                : trial->learner == "linear" ? left / 8
                                                             : left / 2;
    std::vector<float> margins(num_scored_ * outputs, 0.0F);
    for (int fold = 0; fold < input_.scored_folds; ++fold) {
      const auto f = static_cast<std::size_t>(fold);
      const std::int64_t now = SteadyMs();
      LearnerContext context{
          .task = input_.scorer.task(),
          .classes = static_cast<int>(input_.scorer.classes()),
          .threads = input_.threads,
          .seed = input_.seed,
          .fixed_rounds = 0,
          .deadline_ms = now + std::max<std::int64_t>(
                                   20, (start + budget - now) / (input_.scored_folds - fold)),
          .cancel = input_.cancel};
      Result<Fitted> fitted =
          type.fit({&MatrixOf(fold), input_.rows[f].train, input_.rows[f].validation},
                   trial->settings, context);
      trial->duration_ms = static_cast<double>(SteadyMs() - start);
      if (!fitted) {
        if (fitted.error().code == ErrorCode::kCancelled)
          return std::unexpected(std::move(fitted).error());
        trial->state = fitted.error().code == ErrorCode::kTimeout ? "timeout" : "failed";
        trial->error = fitted.error().ToString();
        return {};
      }
      std::vector<float> actual;
      const std::vector<std::uint32_t>& validation = input_.rows[f].validation;
      for (std::size_t i = 0; i < validation.size(); ++i) {
        const std::uint32_t row = validation[i];
        actual.push_back(input_.matrix.target[row]);
        std::copy_n(fitted->validation_margins.data() + i * outputs, outputs,
                    margins.data() + position_[row] * outputs);
      }
      const std::vector<double> of_fold(fitted->validation_margins.begin(),
                                        fitted->validation_margins.end());
      Result<double> score = input_.scorer.Score(actual, of_fold);
      if (!score) {
        trial->state = "failed";
        trial->error = score.error().ToString();
        return {};
      }
      trial->fold_rounds.push_back(fitted->rounds);
      trial->fold_scores.push_back(*score);
      if (fold == 0 && input_.scored_folds > 1 && best != nullptr && Behind(*best, *score)) {
        trial->state = "pruned";
        trial->score = *score;
        return {};
      }
    }
    trial->score = std::accumulate(trial->fold_scores.begin(), trial->fold_scores.end(), 0.0) /
                   static_cast<double>(trial->fold_scores.size());
    trial->margins = std::move(margins);
    trial->state = "complete";
    return {};
  }

  // The matrix with which fold `fold` is validated.
  const Matrix& MatrixOf(int fold) {
    if (input_.cross_fit.empty()) return input_.matrix;
    std::optional<Matrix>& own = own_matrices_[static_cast<std::size_t>(fold)];
    if (!own) {
      own = input_.matrix;
      input_.cross_fit.Write(*own, fold);
    }
    return *own;
  }

  // Worse on the first fold than the best by more than half the spread of the best's own folds.
  [[nodiscard]] bool Behind(const Trial& best, double first_score) const {
    double squares = 0.0;
    for (const double score : best.fold_scores)
      squares += (score - best.score) * (score - best.score);
    const double spread = std::sqrt(squares / static_cast<double>(best.fold_scores.size()));
    const double slack = std::max(0.5 * spread, 0.002 * std::fabs(best.score));
    return input_.scorer.LossOf(first_score) >
           input_.scorer.LossOf(best.fold_scores.front()) + slack;
  }

  const SearchInput& input_;
  std::vector<Trial> trials_;
  std::vector<const LearnerType*> learners_;
  std::vector<std::optional<Matrix>> own_matrices_;  // by fold, where encodings look at the target
  std::vector<std::uint32_t> position_;              // row → position among the scored rows
  std::size_t num_scored_ = 0;
};

}  // namespace

int Trial::Rounds() const {
  if (fold_rounds.empty()) return 1;
  const double sum = std::accumulate(fold_rounds.begin(), fold_rounds.end(), 0.0);
  return std::max(1, static_cast<int>(std::lround(sum / static_cast<double>(fold_rounds.size()))));
}

double Trial::FoldMs() const {
  return fold_rounds.empty() ? duration_ms : duration_ms / static_cast<double>(fold_rounds.size());
}

std::vector<std::uint32_t> ScoredRowNumbers(std::span<const std::uint8_t> folds, int scored_folds) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (folds[i] < scored_folds) rows.push_back(static_cast<std::uint32_t>(i));
  }
  return rows;
}

Json ToJson(const Trial& trial) {
  Json json = {{"number", trial.number},           {"learner", trial.learner},
               {"settings", trial.settings},       {"fold_rounds", trial.fold_rounds},
               {"fold_scores", trial.fold_scores}, {"score", trial.score},
               {"duration_ms", trial.duration_ms}, {"state", trial.state}};
  if (!trial.error.empty()) json["error"] = trial.error;
  return json;
}

Result<Trial> TrialFromJson(const Json& json) {
  try {
    Trial trial{.number = json.at("number").get<int>(),
                .learner = json.at("learner").get<std::string>(),
                .settings = {},
                .fold_rounds = json.at("fold_rounds").get<std::vector<int>>(),
                .fold_scores = json.at("fold_scores").get<std::vector<double>>(),
                .score = json.at("score").get<double>(),
                .duration_ms = json.at("duration_ms").get<double>(),
                .state = json.at("state").get<std::string>(),
                .error = json.value("error", ""),
                .margins = {}};
    for (const auto& [name, value] : json.at("settings").items())
      trial.settings.emplace(name, value.get<std::string>());
    return trial;
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kUnprocessable, "trials.json is damaged: {}", error.what());
  }
}

Result<std::vector<Trial>> Search(const SearchInput& input, std::vector<Trial> done) {
  return Searcher(input, std::move(done)).Run();
}

}  // namespace aimass
