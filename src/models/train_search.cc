// The search of one training job: how many folds it measures on, what survives a crash, and how its
// trials become a recipe.
#include "models/train_search.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/file.h"
#include "models/metric.h"
#include "models/tune/search.h"

namespace aimass {
namespace {

constexpr std::size_t kMostCandidates = 16;
constexpr int kMostOfLearner = 4;  // what errs in the same way adds little to a blend
constexpr int kMostBlocksOfTime = 2;
// Who asks for fewer wants a training that does not depend on the machine's speed.
constexpr int kTrialsWithoutClock = 1000;

// More folds make a better estimate and cost as many fits; on many rows a few folds measure well
// enough. Even numbers, so that two threads are busy. A search that may look at the clock takes
// fewer where these turn out to be too many.
int ScoredFolds(const Matrix& matrix, std::size_t outputs, double time_s, bool by_clock,
                bool by_time) {
  const std::size_t rows = matrix.rows();
  int folds = rows <= 3000 ? 6 : rows <= 12'000 ? 4 : rows <= 30'000 ? 2 : 1;
  if (!by_clock) {
    const double work = static_cast<double>(rows * matrix.features.size() * outputs);
    const double per_second = work / std::max(time_s, 1.0);
    if (per_second > 25e3) folds = std::min(folds, 2);
    if (per_second > 60e3) folds = 1;
  }
  // What is long past says less about what comes.
  return by_time ? std::min(folds, kMostBlocksOfTime) : folds;
}

// What choosing among the candidates takes: each step scores all of them.
double BlendMs(std::size_t scored, std::size_t outputs) {
  constexpr double kSteps = 18.0, kMsOfValue = 1e-4;
  return kSteps *
         static_cast<double>(kMostCandidates * std::min(scored, kMostBlendedRows) * outputs) *
         kMsOfValue;
}

// The best of each learner, of `able` in the order of their losses; of equals one.
std::vector<const Trial*> Candidates(std::vector<const Trial*> able) {
  std::map<std::string_view, std::vector<const Trial*>> of;
  std::vector<const Trial*> kept;
  for (const Trial* trial : able) {
    std::vector<const Trial*>& before = of[trial->learner];
    const bool again = std::ranges::any_of(
        before, [&](const Trial* other) { return other->fold_scores == trial->fold_scores; });
    if (again || std::ssize(before) >= kMostOfLearner || kept.size() >= kMostCandidates) continue;
    before.push_back(trial);
    kept.push_back(trial);
  }
  return kept;
}

std::string MarginsFile(const JobContext& context, int trial) {
  return fmt::format("{}/trial-{}.f32", context.spec().work_folder, trial);
}

}  // namespace

Checkpoint LoadTrials(const JobContext& context) {
  Checkpoint done;
  const std::optional<Json> state = context.LoadCheckpoint();
  if (!state || !state->contains("trials")) return done;
  done.used_ms = state->value("used_ms", 0.0);
  done.folds = state->value("folds", 0);
  for (const Json& item : (*state)["trials"]) {
    Result<Trial> trial = TrialFromJson(item);
    if (!trial) break;
    if (trial->whole()) {
      const auto bytes = ReadFile(MarginsFile(context, trial->number));
      if (!bytes) break;
      trial->margins.resize(bytes->size() / sizeof(float));
      std::memcpy(trial->margins.data(), bytes->data(), trial->margins.size() * sizeof(float));
    }
    done.trials.push_back(std::move(*trial));
  }
  return done;
}

Result<Searched> SearchAndBlend(JobContext& context, const TrainParameters& parameters,
                                const SearchData& data, const TimeBudget& budget, Checkpoint done) {
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  ASSIGN_OR_RETURN(const Scorer scorer, Scorer::Make(metrics, parameters.metric, data.target.task,
                                                     data.target.labels.size()));
  Searched out{.trials = {},
               .scored = {},
               .scorer = scorer,
               .scored_folds = 1,
               .blend = {},
               .out_of_fold = {}};
  const Matrix& matrix = data.features.matrix;
  const bool by_clock = parameters.max_trials >= kTrialsWithoutClock;
  const int planned = std::clamp(
      ScoredFolds(matrix, scorer.outputs(), parameters.time_s, by_clock, !data.folds.times.empty()),
      1, std::max(data.folds.measurable(), 1));
  const int begun = done.folds > 0 ? std::min(done.folds, planned) : planned;
  const std::vector<FoldRows> rows = RowsOfFolds(data.folds, begun, data.gap);
  // A trial of other rows than these cannot be compared with the new ones.
  const std::size_t margins_of_trial =
      ScoredRowNumbers(data.folds.of, begun).size() * scorer.outputs();
  Json saved = Json::array();  // as the files of their margins are
  for (std::size_t i = 0; i < done.trials.size(); ++i) {
    Trial& trial = done.trials[i];
    saved.push_back(ToJson(trial));
    if (!trial.whole()) continue;
    const auto measured = static_cast<int>(trial.fold_scores.size());
    if (measured > begun &&
        trial.margins.size() ==
            ScoredRowNumbers(data.folds.of, measured).size() * scorer.outputs()) {
      KeepFolds(data.folds.of, measured, begun, scorer.outputs(), &trial);
    }
    if (trial.margins.size() == margins_of_trial) continue;
    done.trials.resize(i);
    saved.erase(i);
  }
  if (!done.trials.empty())
    context.Log(Msg("goes on after {} trials of an earlier attempt", done.trials.size()));
  const SearchInput input{
      .learners = data.learners,
      .scorer = scorer,
      .matrix = matrix,
      .cross_fit = data.features.cross_fit,
      .folds = data.folds.of,
      .rows = rows,
      .threads = parameters.threads,
      .seed = parameters.seed,
      .budget = budget,
      .fits_after = data.fits_after,
      .refit_ms = data.refit_ms + BlendMs(margins_of_trial / scorer.outputs(), scorer.outputs()),
      .max_trials = parameters.max_trials,
      .by_clock = by_clock,
      .cancel = context.cancel(),
      .after_trial = [&](const Trial& trial, const Trial* best, int folds) -> Status {
        if (trial.whole()) {
          RETURN_IF_ERROR(
              WriteFileAtomic(MarginsFile(context, trial.number),
                              std::string_view(reinterpret_cast<const char*>(trial.margins.data()),
                                               trial.margins.size() * sizeof(float))));
        }
        saved.push_back(ToJson(trial));
        const auto used = static_cast<double>(budget.Used());
        RETURN_IF_ERROR(
            context.SaveCheckpoint({{"used_ms", used}, {"folds", folds}, {"trials", saved}}));
        context.Log(Msg("trial {}: {} {} in {} s, {} {}", trial.number, trial.learner, trial.state,
                        fmt::format("{:.2f}", trial.duration_ms / 1000.0), scorer.metric(),
                        fmt::format("{:.5f}", trial.score)));
        context.Report(
            {.fraction = std::clamp(used / static_cast<double>(budget.total()), 0.0, 0.95),
             .step = Msg("trial {} done, best {} {}", trial.number + 1, scorer.metric(),
                         best == nullptr ? "-" : fmt::format("{:.5f}", best->score)),
             .rows = std::nullopt,
             .eta_ms = std::max<std::int64_t>(0, budget.ToEnd())});
        return {};
      }};
  ASSIGN_OR_RETURN(SearchOutput found, Search(input, std::move(done.trials)));
  out.trials = std::move(found.trials);
  out.scored_folds = found.folds;
  out.scored = ScoredRowNumbers(data.folds.of, out.scored_folds);

  // The best of the trials are the candidates; the fits of all members have to end in time.
  std::vector<const Trial*> able;
  for (const Trial& trial : out.trials) {
    if (trial.whole()) able.push_back(&trial);
  }
  const bool cut_off = able.empty();
  if (cut_off) {
    context.Log(
        Msg("no run came to its end in the time given: the best that was cut off is used; "
            "give more time"));
    for (const Trial& trial : out.trials) {
      if (!trial.margins.empty()) able.push_back(&trial);
    }
  }
  std::ranges::stable_sort(able, {}, [&](const Trial* t) { return scorer.LossOf(t->score); });
  able = Candidates(std::move(able));
  std::vector<Candidate> candidates;
  for (const Trial* trial : able) {
    candidates.push_back({.margins = trial->margins,
                          .loss = scorer.LossOf(trial->score),
                          .fit_ms = FullFitMs(input, *trial)});
  }
  std::vector<float> actual;
  for (const std::uint32_t i : out.scored) actual.push_back(matrix.target[i]);
  const auto left_ms = static_cast<double>(budget.Left());
  BlendOptions options{.most_members = cut_off ? 1U : 5U, .most_fit_ms = 1e300};
  if (by_clock) options.most_fit_ms = (left_ms - data.refit_ms) / std::max(data.fits_after, 1);
  ASSIGN_OR_RETURN(out.blend, MakeBlend(candidates, actual, scorer, options));
  if (candidates.front().fit_ms > options.most_fit_ms && data.fits_after > 1 &&
      parameters.final_rows == "auto") {
    // The best can be fitted only once, then: it does without the held-out rows, and has to be
    // better by what these are worth.
    constexpr double kWorthOfRows = 0.01;
    options.most_fit_ms = left_ms;
    ASSIGN_OR_RETURN(Blend once, MakeBlend(candidates, actual, scorer, options));
    const double loss = scorer.LossOf(out.blend.score);
    if (scorer.LossOf(once.score) < loss - kWorthOfRows * std::fabs(loss))
      out.blend = std::move(once);
  }
  std::vector<std::vector<float>> margins;
  for (Blend::Part& part : out.blend.parts) {
    margins.push_back(candidates[part.candidate].margins);
    part.candidate = static_cast<std::size_t>(able[part.candidate]->number);
  }
  out.out_of_fold = BlendMargins(out.blend, margins);
  return out;
}

void FillRecipe(const Searched& searched, const TargetColumn& target, const Matrix& matrix,
                Recipe* recipe) {
  for (const Blend::Part& part : searched.blend.parts) {
    const Trial& trial = searched.trials[part.candidate];
    recipe->members.push_back({.learner = trial.learner,
                               .settings = trial.settings,
                               .rounds = trial.Rounds(),
                               .weight = part.weight});
  }
  recipe->bias = searched.blend.bias;
  recipe->calibration = searched.blend.calibration;
  recipe->slope = searched.blend.slope;
  if (target.task != TaskKind::kRegression || searched.scored.size() < 20) return;
  std::vector<double> residuals;
  for (std::size_t i = 0; i < searched.scored.size(); ++i) {
    residuals.push_back(matrix.target[searched.scored[i]] - searched.out_of_fold[i]);
  }
  std::ranges::sort(residuals);
  // The finite-sample quantiles of split conformal prediction: of n residuals the (n+1)·0.95-th.
  const auto n = static_cast<double>(residuals.size());
  const auto at = [&](double rank) {
    return residuals[static_cast<std::size_t>(std::clamp(rank, 1.0, n)) - 1];
  };
  recipe->interval = {at(std::floor((n + 1.0) * 0.05)), at(std::ceil((n + 1.0) * 0.95))};
}

}  // namespace aimass
