#include "models/features/cross_fit.h"

#include <algorithm>

namespace aimass::features {

CrossFit::Sums CrossFit::SumByKey(const Column& column, int without, int without_too) const {
  const std::size_t outputs = column.encoder.outputs;
  const std::size_t keys = column.encoder.rows.size();
  Sums out{.rows = std::vector<double>(keys),
           .sums = std::vector<double>(keys * outputs),
           .prior = std::vector<double>(outputs)};
  double all = 0.0;
  for (std::size_t i = 0; i < target_.size(); ++i) {
    if (folds_[i] == without || folds_[i] == without_too) continue;
    all += 1.0;
    // Of classes each row adds 1 to one output, and nothing to the others.
    const bool classes = task_ == TaskKind::kMulticlass;
    const std::size_t output = classes ? static_cast<std::size_t>(target_[i]) : 0;
    const double value = classes ? 1.0 : target_[i];
    out.prior[output] += value;
    if (column.keys[i] < 0) continue;
    const auto key = static_cast<std::size_t>(column.keys[i]);
    out.rows[key] += 1.0;
    out.sums[key * outputs + output] += value;
  }
  for (double& prior : out.prior) prior /= std::max(all, 1.0);
  return out;
}

void CrossFit::Add(Column column) {
  Sums sums = SumByKey(column, -1, -1);
  column.encoder.prior = std::move(sums.prior);
  column.encoder.sums = std::move(sums.sums);
  columns_.push_back(std::move(column));
}

void CrossFit::Write(Matrix& matrix, int without) const {
  const std::size_t width = matrix.features.size();
  const int folds = folds_.empty() ? 0 : *std::ranges::max_element(folds_) + 1;
  for (const Column& column : columns_) {
    const TargetEncoder& encoder = column.encoder;
    for (int fold = 0; fold < folds; ++fold) {
      // A single fold has no others to learn from.
      const Sums others = SumByKey(column, folds > 1 ? fold : -1, without);
      for (std::size_t i = 0; i < folds_.size(); ++i) {
        if (folds_[i] != fold || column.missing[i]) continue;
        const std::span<float> out(matrix.values.data() + i * width + column.first_feature,
                                   encoder.outputs + 1);
        if (column.keys[i] < 0) {
          encoder.Write({}, 0.0, 0.0, others.prior, out);
          continue;
        }
        const auto key = static_cast<std::size_t>(column.keys[i]);
        encoder.Write(std::span(others.sums).subspan(key * encoder.outputs, encoder.outputs),
                      others.rows[key], encoder.rows[key], others.prior, out);
      }
    }
  }
}

}  // namespace aimass::features
