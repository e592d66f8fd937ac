#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "models/loaded_model.h"
#include "table/batch.h"

namespace aimass {

/// Rows with what a model says about them: the input's columns, then `prediction` and, for classes,
/// `probability_<label>` per label, the label exactly as in the training data. Where the input
/// already has a column of that name, the new one gets "_2", "_3" ….
///
/// Threads  one at a time.
class ScoredReader final : public BatchReader {
 public:
  ScoredReader(std::shared_ptr<const LoadedModel> model, std::unique_ptr<BatchReader> rows);

  [[nodiscard]] const Schema& schema() const override { return *schema_; }
  [[nodiscard]] Result<std::optional<Batch>> Next() override;

 private:
  std::shared_ptr<const LoadedModel> model_;
  std::unique_ptr<BatchReader> rows_;
  std::shared_ptr<const Schema> added_;
  std::shared_ptr<const Schema> schema_;
  bool ended_ = false;
};

/// The columns of `left`, then those of `right`, row by row. Both have the same number of rows.
[[nodiscard]] Batch SideBySide(std::shared_ptr<const Schema> schema, Batch left, Batch right);

}  // namespace aimass
