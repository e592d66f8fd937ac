#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "table/batch.h"

namespace aimass {

/// Batches of one schema, addressed by row number: what training reads its rows into.
///
/// Threads  reading from several threads is fine.
class RowTable {
 public:
  explicit RowTable(Schema schema) : schema_(std::move(schema)) {}

  /// `batch` must have this table's columns, in its order.
  void Append(Batch batch);
  /// All rows of `other`. Errors: kUnprocessable where its columns differ in name, order or type.
  [[nodiscard]] Status AppendAll(RowTable other);

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] Cell At(std::size_t row, std::size_t column) const;

 private:
  Schema schema_;
  std::deque<Batch> batches_;                     // never moved: the views point into them
  std::vector<std::size_t> starts_;               // first row of each batch
  std::vector<std::vector<ColumnView>> columns_;  // by batch
  std::size_t rows_ = 0;
};

}  // namespace aimass
