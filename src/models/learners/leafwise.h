#pragma once

#include <string>

#include "models/learners/boosting.h"

// LightGBM's leaf-wise trees, as boosting and as a forest: what both learners share.
namespace aimass::learners {

struct LeafWise {
  std::string parameters;  // of the trees, as LightGBM writes them: " num_leaves=31 …"
  int max_bin = 255;
  bool forest = false;  // trees are averaged, and all `max_rounds` grown
  int max_rounds = 1;
  int patience = 1;
};

/// Trains, stops early unless it is a forest, and gives margins. Errors   as LearnerType::fit.
[[nodiscard]] Result<Fitted> FitLeafWise(const LearnerData& data, const LearnerContext& context,
                                         const LeafWise& trees);

}  // namespace aimass::learners
