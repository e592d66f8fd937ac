#include "runtimes/runtime.h"

namespace aimass {

void Predictor::PredictBatch(std::span<const float> rows, std::size_t n,
                             std::span<float> margins) const {
  const std::size_t features = num_features();
  const std::size_t outputs = num_outputs();
  for (std::size_t i = 0; i < n; ++i) {
    Predict(rows.subspan(i * features, features), margins.subspan(i * outputs, outputs));
  }
}

}  // namespace aimass
