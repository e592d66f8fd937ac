#pragma once

#include <cstdint>
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
  std::string state{};    // "complete", "cut_off", "pruned", "timeout", "failed"
  std::string error{};
  std::vector<float> margins{};  // [scored rows × outputs], where every fold was fitted

  [[nodiscard]] int Rounds() const;  // mean over the folds
  /// Measured on every scored fold, so that it can be compared and shipped.
  [[nodiscard]] bool whole() const { return state == "complete" || state == "cut_off"; }
};
/// Leaves a trial of `from` folds with what it says of the first `to` of them. `folds`: of each
/// row; `outputs` margins stand for one.
void KeepFolds(std::span<const std::uint8_t> folds, int from, int to, std::size_t outputs,
               Trial* trial);
[[nodiscard]] Json ToJson(const Trial& trial);  // without margins
[[nodiscard]] Result<Trial> TrialFromJson(const Json& json);

}  // namespace aimass
