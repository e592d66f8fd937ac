// A model file that was made elsewhere: refused in words, or every row gets its margins, one by one
// the same as in a batch, and contributions that add up to them.
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "input.h"
#include "runtimes/runtime.h"

namespace aimass::runtimes {
namespace linear {
void Register(RuntimeRegistry& registry);
}
namespace trees {
void Register(RuntimeRegistry& registry);
}
}  // namespace aimass::runtimes

namespace {

using namespace aimass;

void Predict(const Predictor& predictor) {
  const std::size_t features = predictor.num_features();
  const std::size_t outputs = predictor.num_outputs();
  fuzz::Require(outputs > 0, "a model has an output");
  if (features > 10'000 || outputs > 1'000) return;
  constexpr std::array kValues{0.0F,   1.5F,
                               -1e30F, std::numeric_limits<float>::infinity(),
                               7e9F,   std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> rows;
  for (const float value : kValues) rows.insert(rows.end(), features, value);
  std::vector<float> batch(outputs * kValues.size());
  predictor.PredictBatch(rows, kValues.size(), batch);
  std::vector<float> one(outputs);
  std::vector<double> shares(outputs * (features + 1));
  for (std::size_t i = 0; i < kValues.size(); ++i) {
    const std::span<const float> row(rows.data() + i * features, features);
    predictor.Predict(row, one);
    const bool explained = predictor.Contributions(row, shares).has_value();
    for (std::size_t o = 0; o < outputs; ++o) {
      const float margin = batch[i * outputs + o];
      fuzz::Require(margin == one[o] || (std::isnan(margin) && std::isnan(one[o])),
                    "a row's margins are the same alone and in a batch");
      if (!explained || !(std::abs(margin) < 1e6F)) continue;
      double sum = 0;
      double size = 0;
      for (std::size_t f = 0; f <= features; ++f) {
        sum += shares[o * (features + 1) + f];
        size += std::abs(shares[o * (features + 1) + f]);
      }
      if (!(size < 1e9)) continue;
      fuzz::Require(std::abs(sum - static_cast<double>(margin)) <= 1e-4 * (1 + size),
                    "contributions add up to the margin");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto all_runtimes = [] {
    auto all = std::make_unique<RuntimeRegistry>("runtime");
    runtimes::linear::Register(*all);
    runtimes::trees::Register(*all);
    return all;
  }();
  const std::string_view content = fuzz::Text(data, size);
  const fuzz::MemoryFile file(content);
  for (const auto& [name, runtime] : all_runtimes->types()) {
    static_cast<void>(runtime.reads("model.json", content));
    const auto info = runtime.describe(file.path());
    const auto predictor = runtime.load(file.path());
    if (!predictor) {
      fuzz::Require(!Render(predictor.error().message, Language::kChinese).empty(),
                    "a refusal says why");
      continue;
    }
    if (info) {
      fuzz::Require(info->feature_names.size() == (*predictor)->num_features(),
                    "a model is what it says of itself");
    }
    Predict(**predictor);
  }
  return 0;
}
