#include "models/tune/search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <ranges>
#include <thread>

#include "models/tune/propose.h"

namespace aimass {
namespace {

// What the end of a search leaves time for: the best trials, which a blend may choose.
constexpr std::size_t kReservedFits = 3;
constexpr int kMostAttempts = 3;  // of one trial, each in larger steps
constexpr int kMostTimeouts = 4;  // one after the other, before it is seen that nothing fits in
// What one trial on all folds may take of the whole time: with fewer folds there are more of them.
constexpr double kShareOfTrial = 0.1;
// Two threads do not fit one model in half the time.
constexpr double kShareOfSpeedup = 0.75;
// Fits are longer than the average one now and then; trials run some rounds more than are kept.
constexpr double kSafety = 1.1;

std::size_t AtOnce(const SearchInput& input) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(input.threads, 1)), 1,
                                 std::max<std::size_t>(input.rows.size(), 1));
}

// The time of fitting once on all rows of the matrix, as a multiple of a fold's fit in a trial.
double FullFits(const SearchInput& input) {
  double rows = 0.0;
  for (const FoldRows& fold : input.rows) rows += static_cast<double>(fold.train.size());
  rows /= std::max(static_cast<double>(input.rows.size()), 1.0);
  const double speedup = std::max(1.0, kShareOfSpeedup * static_cast<double>(AtOnce(input)));
  return kSafety * static_cast<double>(input.matrix.rows()) / std::max(rows, 1.0) / speedup;
}

std::string Reasons(const std::vector<Trial>& trials) {
  std::string reasons;
  for (const Trial& trial : trials)
    reasons +=
        fmt::format(" {}: {};", trial.learner, trial.error.empty() ? trial.state : trial.error);
  return reasons;
}

class Searcher {
 public:
  Searcher(const SearchInput& input, std::vector<Trial> done)
      : input_(input),
        trials_(std::move(done)),
        folds_(input.rows.size()),
        at_once_(AtOnce(input)),
        own_matrices_(input.rows.size()),
        bins_(input.rows.size()) {
    NumberScoredRows();
  }

  Result<SearchOutput> Run() {
    while (static_cast<int>(trials_.size()) < input_.max_trials) {
      RETURN_IF_ERROR(input_.cancel.Check());
      const double left = TimeLeft();
      const bool answered = Best() != nullptr;
      if (answered && (left < LeastUsefulMs() || NothingFits())) break;
      if (!answered && left <= 0.0 && !trials_.empty()) break;
      Trial trial = Propose({.learners = input_.learners,
                             .scorer = input_.scorer,
                             .rows = input_.matrix.rows(),
                             .features = input_.matrix.features.size(),
                             .seed = input_.seed},
                            trials_);
      RETURN_IF_ERROR(Evaluate(&trial));
      trials_.push_back(std::move(trial));
      if (input_.after_trial) {
        RETURN_IF_ERROR(input_.after_trial(trials_.back(), Best(), static_cast<int>(folds_)));
      }
    }
    if (std::ranges::all_of(trials_, [](const Trial& trial) { return trial.margins.empty(); })) {
      return Fail(ErrorCode::kTimeout, "no learner could be trained in the time given:{}",
                  Reasons(trials_));
    }
    return SearchOutput{.trials = std::move(trials_), .folds = static_cast<int>(folds_)};
  }

 private:
  void NumberScoredRows() {
    const std::vector<std::uint32_t> scored =
        ScoredRowNumbers(input_.folds, static_cast<int>(folds_));
    position_.assign(input_.folds.size(), 0);
    for (std::size_t i = 0; i < scored.size(); ++i)
      position_[scored[i]] = static_cast<std::uint32_t>(i);
    num_scored_ = scored.size();
  }

  // Only folds 0 … count-1 are measured from now on.
  void KeepFirstFolds(std::size_t count) {
    for (Trial& trial : trials_) {
      KeepFolds(input_.folds, static_cast<int>(folds_), static_cast<int>(count),
                input_.scorer.outputs(), &trial);
    }
    folds_ = count;
    NumberScoredRows();
  }

  [[nodiscard]] const Trial* Best() const { return BestOf(input_.scorer, trials_); }

  // The members that a blend would choose now have to be fitted before the end.
  [[nodiscard]] double TimeLeft() const {
    std::vector<const Trial*> complete;
    for (const Trial& trial : trials_) {
      if (trial.whole()) complete.push_back(&trial);
    }
    std::ranges::stable_sort(complete, {},
                             [&](const Trial* t) { return input_.scorer.LossOf(t->score); });
    double fits = 0.0;
    for (std::size_t i = 0; i < std::min(complete.size(), kReservedFits); ++i)
      fits += FullFitMs(input_, *complete[i]);
    return RawTimeLeft() - fits * input_.fits_after;
  }

  [[nodiscard]] double RawTimeLeft() const {
    return static_cast<double>(input_.budget.Left()) - input_.refit_ms;
  }

  // Less time than this is not worth another trial: the first folds of a short one.
  [[nodiscard]] double LeastUsefulMs() const {
    double shortest = INFINITY;
    for (const Trial& trial : trials_) {
      if (trial.fit_ms > 0.0 && trial.learner != "linear")
        shortest = std::min(shortest, trial.fit_ms);
    }
    return std::max(30.0, std::isfinite(shortest) ? shortest : 0.0);
  }

  [[nodiscard]] bool NothingFits() const {
    const auto recent = trials_ | std::views::reverse | std::views::take(kMostTimeouts);
    return std::ranges::ssize(recent) == kMostTimeouts &&
           std::ranges::all_of(recent, [](const Trial& trial) { return trial.state == "timeout"; });
  }

  // A default may use a third of what is left, the linear one (first, so that there always is an
  // answer) a sixth, a later trial half of it; none more than leaves the time to fit what it found.
  [[nodiscard]] double SliceMs(const Trial& trial) const {
    const double left = std::max(TimeLeft(), 200.0);
    const bool first = std::ranges::none_of(
        trials_, [&](const Trial& done) { return done.learner == trial.learner; });
    const double share = !first ? 0.5 : trial.learner == "linear" ? 1.0 / 6.0 : 1.0 / 3.0;
    const double waves = static_cast<double>(folds_) / static_cast<double>(at_once_);
    const double with_fits = 1.0 + input_.fits_after * FullFits(input_) / waves;
    return std::min(share * left, std::max(RawTimeLeft(), 200.0) / with_fits);
  }

  // How many rounds a run of these settings will go, from what runs of the learner have shown, or
  // those of another that learns in rounds.
  [[nodiscard]] double NeededRounds(const LearnerType& type, const Settings& settings) const {
    if (type.rounds == nullptr) return 0.0;
    const double expected = type.rounds(settings);
    double needed = expected;
    for (const Trial& trial : trials_) {
      const LearnerType& other = input_.learners.types().find(trial.learner)->second;
      if (!trial.whole() || other.rounds == nullptr) continue;
      needed = 1.2 * expected / other.rounds(trial.settings) * trial.Rounds();
      if (&other == &type) break;
    }
    return needed;
  }

  // Fills in everything but the settings, which may take larger steps. Only a cancelled job is an
  // error: a failed fit is a failed trial.
  Status Evaluate(Trial* trial) {
    const LearnerType& type = input_.learners.types().find(trial->learner)->second;
    const std::int64_t start = input_.budget.Now();
    const double slice = SliceMs(*trial);
    for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
      const double needed = NeededRounds(type, trial->settings);
      // Where there is no answer yet, the last attempt keeps what it gets.
      const bool insists = attempt + 1 == kMostAttempts && Best() == nullptr;
      RETURN_IF_ERROR(Measure(type, static_cast<double>(start) + slice,
                              insists ? 0 : static_cast<int>(needed), trial));
      trial->duration_ms = static_cast<double>(input_.budget.Now() - start);
      if (trial->state != "timeout" || type.hasten == nullptr || trial->round_ms <= 0.0) break;
      const double affordable = std::max(1.0, ShareOfFold(slice) / trial->round_ms);
      Settings faster = type.hasten(trial->settings, std::max(1.1 * needed / affordable, 1.2));
      if (faster == trial->settings && !trial->margins.empty()) break;
      if (static_cast<double>(input_.budget.Now() - start) > 0.7 * slice) break;
      trial->settings = std::move(faster);
    }
    if (trial->state == "timeout" && !trial->margins.empty() && CameEquallyFar(*trial))
      trial->state = "cut_off";
    return {};
  }

  // A fit of the mean of its folds' rounds is then what was measured.
  [[nodiscard]] static bool CameEquallyFar(const Trial& trial) {
    const auto [least, most] = std::ranges::minmax(trial.fold_rounds);
    return least > 0 && 4 * least >= 3 * most;
  }

  [[nodiscard]] double ShareOfFold(double slice) const {
    return slice * static_cast<double>(at_once_) / static_cast<double>(folds_);
  }

  Status Measure(const LearnerType& type, double end_ms, int needed_rounds, Trial* trial) {
    const std::size_t outputs = input_.scorer.outputs();
    trial->fold_rounds.clear(), trial->fold_scores.clear(), trial->margins.clear();
    trial->fit_ms = trial->round_ms = 0.0;
    std::vector<float> margins(num_scored_ * outputs, 0.0F);
    bool cut_off = false;
    for (std::size_t first = 0; first < folds_; first += at_once_) {
      const std::size_t count = std::min(at_once_, folds_ - first);
      // Where boosting is seen for the first time, what it takes may decide how many folds there
      // are.
      const bool tells = first == 0 && input_.by_clock && type.rounds != nullptr && !told_;
      const auto waves =
          tells ? 1.0 : static_cast<double>((folds_ - first + at_once_ - 1) / at_once_);
      const auto now = static_cast<double>(input_.budget.Now());
      std::vector<FoldFit> fits = FitFolds(
          type, *trial, first, count,
          static_cast<std::int64_t>(now + std::max(20.0, (end_ms - now) / waves)), needed_rounds);
      if (tells) {
        told_ = true;
        const double took = static_cast<double>(input_.budget.Now()) - now;
        const double of_all = took * static_cast<double>(folds_) / static_cast<double>(count);
        if (of_all > kShareOfTrial * static_cast<double>(input_.budget.total()) && count < folds_) {
          KeepFirstFolds(count);
          margins.resize(num_scored_ * outputs);
        }
      }
      for (std::size_t i = 0; i < count; ++i) {
        if (!fits[i].fitted) {
          const Error& error = fits[i].fitted.error();
          if (error.code == ErrorCode::kCancelled) return std::unexpected(error);
          trial->state = error.code == ErrorCode::kTimeout ? "timeout" : "failed";
          trial->error = error.ToString();
          return {};
        }
        const Fitted& fitted = *fits[i].fitted;
        const std::vector<std::uint32_t>& validation = input_.rows[first + i].validation;
        std::vector<float> actual;
        for (std::size_t v = 0; v < validation.size(); ++v) {
          actual.push_back(input_.matrix.target[validation[v]]);
          std::copy_n(fitted.validation_margins.data() + v * outputs, outputs,
                      margins.data() + position_[validation[v]] * outputs);
        }
        const Result<double> score =
            input_.scorer.Score(actual, std::vector<double>(fitted.validation_margins.begin(),
                                                            fitted.validation_margins.end()));
        if (!score) {
          trial->state = "failed";
          trial->error = score.error().ToString();
          return {};
        }
        const auto done = static_cast<double>(trial->fold_scores.size());
        trial->fit_ms = (trial->fit_ms * done + fits[i].ms) / (done + 1.0);
        trial->round_ms = (trial->round_ms * done + fitted.round_ms) / (done + 1.0);
        trial->fold_rounds.push_back(fitted.rounds);
        trial->fold_scores.push_back(*score);
        cut_off = cut_off || fitted.out_of_time;
      }
      trial->score = std::accumulate(trial->fold_scores.begin(), trial->fold_scores.end(), 0.0) /
                     static_cast<double>(trial->fold_scores.size());
      // A run that the clock ended says little about its settings, and must not be shipped.
      if (cut_off && (Best() != nullptr || needed_rounds > 0)) {
        trial->state = "timeout";
        if (first + count == folds_) trial->margins = std::move(margins);
        return {};
      }
      if (first == 0 && count < folds_ && Behind(*trial)) {
        trial->state = "pruned";
        return {};
      }
    }
    trial->margins = std::move(margins);
    trial->state = cut_off ? "timeout" : "complete";
    return {};
  }

  struct FoldFit {
    Result<Fitted> fitted;
    double ms = 0.0;
  };

  // Folds first … first+count-1, side by side.
  std::vector<FoldFit> FitFolds(const LearnerType& type, const Trial& trial, std::size_t first,
                                std::size_t count, std::int64_t deadline_ms, int needed_rounds) {
    std::vector<const Matrix*> matrices;
    for (std::size_t i = 0; i < count; ++i) matrices.push_back(&MatrixOf(first + i));
    std::vector<FoldFit> fits(count, {.fitted = Fail(ErrorCode::kInternal, "not fitted")});
    const auto fit = [&](std::size_t i) {
      const FoldRows& rows = input_.rows[first + i];
      const LearnerContext context{
          .task = input_.scorer.task(),
          .classes = static_cast<int>(input_.scorer.classes()),
          .threads = std::max(1, input_.threads / static_cast<int>(at_once_)),
          .seed = input_.seed,
          .fixed_rounds = 0,
          .deadline_ms = deadline_ms,
          .needed_rounds = needed_rounds,
          .margins_only = true,
          .cancel = input_.cancel};
      const std::int64_t start = input_.budget.Now();
      fits[i].fitted = type.fit({.matrix = matrices[i],
                                 .train = rows.train,
                                 .validation = rows.validation,
                                 .shared = &bins_[first + i]},
                                trial.settings, context);
      fits[i].ms = static_cast<double>(input_.budget.Now() - start);
    };
    {
      std::vector<std::jthread> others;
      for (std::size_t i = 1; i < count; ++i) others.emplace_back([&fit, i] { fit(i); });
      fit(0);
    }
    return fits;
  }

  // The matrix with which fold `fold` is validated.
  const Matrix& MatrixOf(std::size_t fold) {
    if (input_.cross_fit.empty()) return input_.matrix;
    std::optional<Matrix>& own = own_matrices_[fold];
    if (!own) {
      own = input_.matrix;
      input_.cross_fit.Write(*own, static_cast<int>(fold));
    }
    return *own;
  }

  // Worse than the best on the same first folds by more than half the spread of the best's own
  // folds.
  [[nodiscard]] bool Behind(const Trial& trial) const {
    const Trial* best = Best();
    if (best == nullptr) return false;
    double squares = 0.0, on_these = 0.0;
    for (const double score : best->fold_scores)
      squares += (score - best->score) * (score - best->score);
    for (std::size_t i = 0; i < trial.fold_scores.size(); ++i)
      on_these += best->fold_scores[i] / static_cast<double>(trial.fold_scores.size());
    const double spread = std::sqrt(squares / static_cast<double>(best->fold_scores.size()));
    const double slack = std::max(0.3 * spread, 0.004 * std::fabs(best->score));
    return input_.scorer.LossOf(trial.score) > input_.scorer.LossOf(on_these) + slack;
  }

  const SearchInput& input_;
  std::vector<Trial> trials_;
  std::size_t folds_;                                // that are measured
  std::size_t at_once_;                              // folds
  bool told_ = false;                                // what one trial of boosting takes
  std::vector<std::optional<Matrix>> own_matrices_;  // by fold, where encodings look at the target
  std::vector<SharedBins> bins_;                     // by fold
  std::vector<std::uint32_t> position_;              // row → position among the scored rows
  std::size_t num_scored_ = 0;
};

}  // namespace

std::vector<std::uint32_t> ScoredRowNumbers(std::span<const std::uint8_t> folds, int scored_folds) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (folds[i] < scored_folds) rows.push_back(static_cast<std::uint32_t>(i));
  }
  return rows;
}

double FullFitMs(const SearchInput& input, const Trial& trial) {
  return trial.fit_ms * FullFits(input);
}

Result<SearchOutput> Search(const SearchInput& input, std::vector<Trial> done) {
  return Searcher(input, std::move(done)).Run();
}

}  // namespace aimass
