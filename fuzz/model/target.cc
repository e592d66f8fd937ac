// A model file that was made elsewhere: refused in words, or it predicts finite memory's worth.
#include <cmath>
#include <limits>

#include "fuzz/scratch.h"
#include "runtimes/runtime.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  static const RuntimeRegistry& runtimes = *[] {
    auto all = std::make_unique<RuntimeRegistry>("runtime");
    RegisterAllRuntimes(*all);
    return all.release();
  }();
  const fuzz::MemoryFile file("model", fuzz::Text(data, size));
  for (const auto& [name, runtime] : runtimes.types()) {
    static_cast<void>(runtime.reads("model.json", fuzz::Text(data, size)));
    const auto info = runtime.describe(file.path());
    const auto predictor = runtime.load(file.path());
    if (!predictor) {
      if (predictor.error().ToString().empty()) abort();
      continue;
    }
    const std::size_t features = (*predictor)->num_features();
    const std::size_t outputs = (*predictor)->num_outputs();
    if (info && info->feature_names.size() != features) abort();
    if (features > 10'000 || outputs > 1'000) continue;
    std::vector<float> row(features);
    std::vector<float> margins(outputs);
    std::vector<double> shares(outputs * (features + 1));
    for (const float value : {0.0F, -1e30F, std::numeric_limits<float>::quiet_NaN()}) {
      for (float& cell : row) cell = value;
      (*predictor)->Predict(row, margins);
      static_cast<void>((*predictor)->Contributions(row, shares));
    }
  }
  return 0;
}
