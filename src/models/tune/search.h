#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/features/cross_fit.h"
#include "models/tune/blend.h"
#include "models/tune/split.h"

namespace aimass {

/// One setting of one learner, cross-validated.
struct Trial {
  int number = 0;
  std::string learner;
  Settings settings;
  std::vector<int> fold_rounds;
  std::vector<double> fold_scores;
  double score = 0.0;  // mean over the folds
  double duration_ms = 0.0;
  std::string state;  // "complete", "pruned", "timeout", "failed"
  std::string error;
  std::vector<float> margins;  // [scored rows × outputs], where complete

  [[nodiscard]] int Rounds() const;     // mean over the folds
  [[nodiscard]] double FoldMs() const;  // mean time of a fold
};
[[nodiscard]] Json ToJson(const Trial& trial);  // without margins
[[nodiscard]] Result<Trial> TrialFromJson(const Json& json);

struct SearchInput {
  const LearnerRegistry& learners;
  const Scorer& scorer;
  const Matrix& matrix;  // training rows
  const features::CrossFit&
      cross_fit;  // of the matrix; empty where no encoding looks at the target
  std::span<const std::uint8_t> folds;  // [training rows]
  const std::vector<FoldRows>& rows;    // of the scored folds
  int scored_folds = 5;                 // trials are measured on folds 0 … scored_folds-1
  int threads = 2;
  std::uint64_t seed = 1;
  std::int64_t deadline_ms = 0;  // SteadyMs(): no trial goes on after it
  std::int64_t end_ms =
      0;  // SteadyMs(): when everything has to be done; what lies between pays for the fits
  int fits_after = 2;  // how often the members are fitted after the search
  int max_trials = 100000;
  CancelToken cancel;
  /// Told after each trial (complete or not); an error ends the search. Persists what must survive
  /// a crash.
  std::function<Status(const Trial& trial, const Trial* best)> after_trial;
};

/// Rows whose margins a trial gives: those of the scored folds, ascending.
[[nodiscard]] std::vector<std::uint32_t> ScoredRowNumbers(std::span<const std::uint8_t> folds,
                                                          int scored_folds);

/// Tries settings until the deadline: first each learner's default, cheapest first, then sampled
/// points and changes of the best. A trial that is clearly behind after its first fold is given up.
/// `done` are the trials that an earlier attempt has finished; they are not done again. Errors
/// kCancelled; kTimeout where not one trial was possible; kInternal where every trial failed.
[[nodiscard]] Result<std::vector<Trial>> Search(const SearchInput& input, std::vector<Trial> done);

}  // namespace aimass
