#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/tune/score.h"
#include "models/tune/trial.h"

namespace aimass {

struct ProposeInput {
  const LearnerRegistry& learners;
  const Scorer& scorer;
  std::size_t rows = 0;
  std::size_t features = 0;
  std::uint64_t seed = 1;
};

/// What to try next: each learner's first point, the cheapest learner first, then the portfolios of
/// the learners that are not far behind, then random points and neighbours of the best. A pure
/// function of the trials so far.
[[nodiscard]] Trial Propose(const ProposeInput& input, std::span<const Trial> trials);

/// The whole trial of the lowest loss; null where none is.
[[nodiscard]] const Trial* BestOf(const Scorer& scorer, std::span<const Trial> trials);

}  // namespace aimass
