#pragma once

#include <vector>

#include "jobs/job.h"
#include "models/train.h"
#include "models/tune/blend.h"
#include "models/tune/budget.h"
#include "models/tune/recipe.h"
#include "models/tune/trial.h"

namespace aimass {

struct Searched {
  std::vector<Trial> trials;
  std::vector<std::uint32_t> scored;  // positions among the training rows
  Scorer scorer;
  int scored_folds = 1;
  Blend blend;                      // its parts are numbers of trials
  std::vector<double> out_of_fold;  // the blend's margins [scored × outputs]
};

/// What the search is about: the training rows, and how they validate each other.
struct SearchData {
  const LearnerRegistry& learners;
  const TargetColumn& target;
  const FittedFeatures& features;
  const Folds& folds;
  double gap = 0.0;           // between training and hold-out, by time
  int fits_after = 2;         // of the chosen members
  double refit_ms = 0.0;      // what else comes between the search and the report
  double used_before_ms = 0;  // by earlier attempts of the job
};

/// Trials that earlier attempts of the job finished, and the time that they took.
struct Checkpoint {
  std::vector<Trial> trials;
  double used_ms = 0.0;
  int folds = 0;  // that count; 0: none were chosen yet
};
[[nodiscard]] Checkpoint LoadTrials(const JobContext& context);

/// Searches inside `budget`, keeping each finished trial in the job's checkpoint, and blends.
[[nodiscard]] Result<Searched> SearchAndBlend(JobContext& context,
                                              const TrainParameters& parameters,
                                              const SearchData& data, const TimeBudget& budget,
                                              Checkpoint done);

/// The recipe's last entries, from what the search found.
void FillRecipe(const Searched& searched, const TargetColumn& target, const Matrix& matrix,
                Recipe* recipe);

}  // namespace aimass
