#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

// What the training libraries themselves say about a saved model: the reference for golden rows. It
// lies beside the plug-ins' folders, so it is no plug-in itself.
namespace aimass::learners {

/// Where a feature's values decide something.
struct SplitPoints {
  std::vector<float> values;  // thresholds, unsorted, some repeated
  bool categorical = false;   // its values are codes 0, 1 …
};

/// Per feature, the thresholds of the trees. `library`: "xgboost" or "lightgbm".
/// Errors   kUnprocessable in the library's words where it cannot load `bytes`.
[[nodiscard]] Result<std::vector<SplitPoints>> FindSplitPoints(std::string_view library,
                                                               const std::string& bytes,
                                                               std::size_t features);

/// The library's own margins [rows × outputs] of `values` [rows × features], before any link; NaN
/// is missing. Errors   kUnprocessable as above; kInternal.
[[nodiscard]] Result<std::vector<double>> LibraryMargins(std::string_view library,
                                                         const std::string& bytes,
                                                         std::span<const float> values,
                                                         std::size_t rows, std::size_t features);

}  // namespace aimass::learners
