#pragma once

#include <memory>

#include "endpoints/column_fit.h"
#include "models/loaded_model.h"
#include "table/batch.h"

namespace aimass {

/// Adds to rows what a model says about them: the input's columns, then `prediction` and, for
/// classes, `probability_<label>` per label, the label exactly as in the training data. Where the
/// input already has a column of that name, the new one gets "_2", "_3" ….
///
/// Threads  any; each reader belongs to one at a time.
class Scorer {
 public:
  Scorer(std::shared_ptr<const LoadedModel> model, const Schema& rows);

  /// Of the rows with what was added.
  [[nodiscard]] const Schema& schema() const { return *schema_; }
  [[nodiscard]] Result<Batch> Score(Batch rows) const;
  /// `rows`, scored batch by batch as they are read, each looked at by `fit`. Scorer and fit must
  /// outlive the reader.
  [[nodiscard]] std::unique_ptr<BatchReader> Reader(std::unique_ptr<BatchReader> rows,
                                                    const ColumnFit* fit) const;

 private:
  std::shared_ptr<const LoadedModel> model_;
  std::shared_ptr<const Schema> added_;
  std::shared_ptr<const Schema> schema_;
};

/// The columns of `left`, then those of `right`, row by row. Both have the same number of rows.
[[nodiscard]] Batch SideBySide(std::shared_ptr<const Schema> schema, Batch left, Batch right);

}  // namespace aimass
