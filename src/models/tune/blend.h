#pragma once

#include <string>
#include <vector>

#include "models/tune/score.h"

namespace aimass {

/// One candidate of an ensemble: its cross-validated margins on the scored rows.
struct Candidate {
  std::vector<float> margins;  // [rows × outputs]
  double loss = 0.0;           // lower is better
  double fit_ms = 0.0;         // what one fit on all rows is expected to take
};

/// A weighted sum of candidates in margin space, plus a bias: affine, so that contributions add up.
struct Blend {
  struct Part {
    std::size_t candidate;
    double weight;
  };
  std::vector<Part> parts;
  double bias = 0.0;                 // binary and regression; 0 for multiclass
  std::string calibration = "none";  // "platt", "temperature", "linear"
  double slope = 1.0;                // already multiplied into the weights
  double score = 0.0;                // of the blend on the scored rows, in the metric's direction
};

/// More rows than these are not looked at for the choice.
inline constexpr std::size_t kMostBlendedRows = 10'000;

struct BlendOptions {
  std::size_t most_members = 4;
  double most_fit_ms = 1e300;  // sum over the members
};

/// Chooses members and weights greedily with replacement (they may enter again and so weigh more)
/// on several halves of the rows, and takes the mean of what these chose; the best that fits into
/// `most_fit_ms` stays alone where that does not improve on it. Then fits slope and intercept on
/// the same rows where that lowers the smooth loss noticeably. Errors   those of the metric. Source
/// Caruana et al., "Ensemble selection from libraries of models", ICML 2004; Platt, "Probabilistic
///          outputs for support vector machines", 1999; Guo et al., "On calibration of modern
///          neural networks", ICML 2017 (temperature).
[[nodiscard]] Result<Blend> MakeBlend(const std::vector<Candidate>& candidates,
                                      std::span<const float> actual, const Scorer& scorer,
                                      const BlendOptions& options);

/// The blend's margins: [rows × outputs]. `margins[i]` are those of `blend.parts[i]`.
[[nodiscard]] std::vector<double> BlendMargins(const Blend& blend,
                                               const std::vector<std::vector<float>>& margins);

}  // namespace aimass
