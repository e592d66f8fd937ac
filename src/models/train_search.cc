// The search of one training job: how many folds it measures on, what survives a crash, and how its
// trials become a recipe.
#include "models/train_search.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "models/metric.h"
#include "models/tune/search.h"

namespace aimass {
namespace {

constexpr std::size_t kMostCandidates = 24;
constexpr int kMostBlocksOfTime = 2;

// More folds make a better estimate and cost as many fits; on many rows a few folds measure well
// enough. Even numbers, so that two threads are busy.
int ScoredFolds(const Matrix& matrix, std::size_t outputs, double time_s, bool by_time) {
  const std::size_t rows = matrix.rows();
  const double work = static_cast<double>(rows * matrix.features.size() * outputs);
  const double per_second = work / std::max(time_s, 1.0);
  int folds = rows <= 3000 ? 6 : rows <= 12'000 ? 4 : rows <= 30'000 ? 2 : 1;
  if (per_second > 25e3) folds = std::min(folds, 2);
  if (per_second > 60e3) folds = 1;
  // What is long past says less about what comes.
  return by_time ? std::min(folds, kMostBlocksOfTime) : folds;
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
  for (const Json& item : (*state)["trials"]) {
    Result<Trial> trial = TrialFromJson(item);
    if (!trial) break;
    if (trial->state == "complete") {
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
  out.scored_folds = std::clamp(
      ScoredFolds(matrix, scorer.outputs(), parameters.time_s, !data.folds.times.empty()), 1,
      std::max(data.folds.measurable(), 1));
  out.scored = ScoredRowNumbers(data.folds.of, out.scored_folds);
  const std::vector<FoldRows> rows = RowsOfFolds(data.folds, out.scored_folds, data.gap);
  // A trial of other rows than these cannot be compared with the new ones.
  const std::size_t margins_of_trial = out.scored.size() * scorer.outputs();
  for (std::size_t i = 0; i < done.trials.size(); ++i) {
    if (done.trials[i].state == "complete" && done.trials[i].margins.size() != margins_of_trial)
      done.trials.resize(i);
  }
  if (!done.trials.empty())
    context.Log(Msg("goes on after {} trials of an earlier attempt", done.trials.size()));
  Json saved = Json::array();
  for (const Trial& trial : done.trials) saved.push_back(ToJson(trial));
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
      .refit_ms = data.refit_ms,
      .max_trials = parameters.max_trials,
      .cancel = context.cancel(),
      .after_trial = [&](const Trial& trial, const Trial* best) -> Status {
        if (trial.state == "complete") {
          RETURN_IF_ERROR(
              WriteFileAtomic(MarginsFile(context, trial.number),
                              std::string_view(reinterpret_cast<const char*>(trial.margins.data()),
                                               trial.margins.size() * sizeof(float))));
        }
        saved.push_back(ToJson(trial));
        const auto used = static_cast<double>(budget.Used());
        RETURN_IF_ERROR(context.SaveCheckpoint({{"used_ms", used}, {"trials", saved}}));
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
  ASSIGN_OR_RETURN(out.trials, Search(input, std::move(done.trials)));

  // The best of the trials are the candidates; the fits of all members have to end in time.
  std::vector<const Trial*> able;
  for (const Trial& trial : out.trials) {
    if (trial.state == "complete") able.push_back(&trial);
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
  if (able.size() > kMostCandidates) able.resize(kMostCandidates);
  std::vector<Candidate> candidates;
  for (const Trial* trial : able) {
    candidates.push_back({.margins = trial->margins,
                          .loss = scorer.LossOf(trial->score),
                          .fit_ms = FullFitMs(input, *trial)});
  }
  std::vector<float> actual;
  for (const std::uint32_t i : out.scored) actual.push_back(matrix.target[i]);
  const double left_ms =
      (static_cast<double>(budget.Left()) - data.refit_ms) / std::max(data.fits_after, 1);
  ASSIGN_OR_RETURN(out.blend,
                   MakeBlend(candidates, actual, scorer,
                             {.most_members = cut_off ? 1U : 5U,
                              .most_fit_ms = parameters.max_trials < 1000 ? 1e300 : left_ms}));
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
