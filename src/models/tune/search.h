#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/features/cross_fit.h"
#include "models/tune/budget.h"
#include "models/tune/score.h"
#include "models/tune/split.h"
#include "models/tune/trial.h"

namespace aimass {

struct SearchInput {
  const LearnerRegistry& learners;
  const Scorer& scorer;
  const Matrix& matrix;  // training rows
  const features::CrossFit&
      cross_fit;  // of the matrix; empty where no encoding looks at the target
  std::span<const std::uint8_t> folds;  // [training rows]
  const std::vector<FoldRows>& rows;    // of folds 0 …, those that trials are measured on
  int threads = 2;  // folds are fitted side by side, each with its share of the threads
  std::uint64_t seed = 1;
  const TimeBudget& budget;
  int fits_after = 2;     // how often the members are fitted after the search
  double refit_ms = 0.0;  // what else the search has to leave time for
  int max_trials = 100000;
  bool by_clock = true;  // false: no choice but when to stop looks at the clock
  CancelToken cancel;
  /// Told after each trial (complete or not), with the number of folds that count now; an error
  /// ends the search. Persists what must survive a crash.
  std::function<Status(const Trial& trial, const Trial* best, int folds)> after_trial;
};

struct SearchOutput {
  std::vector<Trial> trials;
  int folds = 1;  // that they are measured on: all of the input's, or fewer
};

/// Rows whose margins a trial gives: those of the scored folds, ascending.
[[nodiscard]] std::vector<std::uint32_t> ScoredRowNumbers(std::span<const std::uint8_t> folds,
                                                          int scored_folds);

/// What fitting a trial's settings once on all rows of the matrix is expected to take.
[[nodiscard]] double FullFitMs(const SearchInput& input, const Trial& trial);

/// Tries what Propose says until so much time is left as the fits of the best need. Where one trial
/// of boosting would take a large part of the time, only the first folds count from then on. A
/// trial that is clearly behind after its first folds is given up. One that its share of the time
/// would cut off learns in larger steps instead; where that is not enough either it counts as far
/// as it came ("cut_off") if that is about equally far on every fold, and else is a "timeout":
/// nothing but such trials is a last resort. `done` are the trials that an earlier attempt has
/// finished; they are not done again. Errors   kCancelled; kTimeout where not one trial was
/// possible; kInternal where every trial failed.
[[nodiscard]] Result<SearchOutput> Search(const SearchInput& input, std::vector<Trial> done);

}  // namespace aimass
