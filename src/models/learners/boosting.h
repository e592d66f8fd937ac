#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "models/learner.h"

// What the learners share. It lies beside their folders, so it is no plug-in itself.
namespace aimass::learners {

/// Rows of a matrix, copied together: what libraries take.
struct Rows {
  std::vector<float> values;   // [rows × features]
  std::vector<float> target;   // [rows]
  std::vector<float> weights;  // [rows], or empty
};
[[nodiscard]] Rows Gather(const Matrix& matrix, std::span<const std::uint32_t> rows);

/// Names that both libraries and their model formats accept: no JSON or list punctuation, no white
/// space, unique.
[[nodiscard]] std::vector<std::string> FeatureNames(const Matrix& matrix);

/// 1 for binary and regression, the number of classes for multiclass.
[[nodiscard]] inline std::size_t NumOutputs(const LearnerContext& context) {
  return context.task == TaskKind::kMulticlass ? static_cast<std::size_t>(context.classes) : 1;
}

/// Errors as LearnerType::fit documents them.
[[nodiscard]] Status CheckFit(const LearnerData& data, const LearnerContext& context);

/// Decides after each round whether to go on, and remembers the best one.
class EarlyStopping {
 public:
  EarlyStopping(const LearnerContext& context, int max_rounds, int patience);

  [[nodiscard]] int max_rounds() const { return max_rounds_; }
  /// `loss` of the validation rows after round `round` (0-based); false: stop.
  [[nodiscard]] bool GoOn(int round, double loss);
  /// Whether the deadline has passed.
  [[nodiscard]] bool OutOfTime();
  [[nodiscard]] int best_rounds() const { return best_rounds_; }
  [[nodiscard]] bool out_of_time() const { return out_of_time_; }

 private:
  const LearnerContext& context_;
  int max_rounds_;
  int patience_;
  int best_rounds_ = 0;
  double best_ = std::numeric_limits<double>::infinity();
  bool out_of_time_ = false;
};

/// A number as a setting: six significant digits, so that a setting reads well and replays exactly.
[[nodiscard]] std::string NumberText(double value);

}  // namespace aimass::learners
