#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/learner.h"

namespace aimass {

/// One setting of one learner, measured on the scored folds.
struct Trial {
  int number = 0;
  std::string learner{};
  Settings settings{};
  std::vector<int> fold_rounds{};
  std::vector<double> fold_scores{};
  double score = 0.0;  // mean over the folds
  double duration_ms = 0.0;
  double fit_ms = 0.0;    // mean time of one fold's fit
  double round_ms = 0.0;  // mean time of one of its rounds
  std::string state{};    // "complete", "pruned", "timeout", "failed"
  std::string error{};
  std::vector<float> margins{};  // [scored rows × outputs], where every fold was fitted

  [[nodiscard]] int Rounds() const;  // mean over the folds
};
[[nodiscard]] Json ToJson(const Trial& trial);  // without margins
[[nodiscard]] Result<Trial> TrialFromJson(const Json& json);

}  // namespace aimass
