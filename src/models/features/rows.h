#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
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
  /// `column` in `rows` as At gives it, for columns of plain numbers: NaN where a row is null.
  /// False, and nothing is written: the column holds something else (table/numbers.h). Quickest
  /// where the rows ascend. out: [rows]
  [[nodiscard]] bool Numbers(std::span<const std::uint32_t> rows, std::size_t column,
                             std::span<double> out) const;

 private:
  [[nodiscard]] std::size_t BatchOf(std::size_t row) const;

  Schema schema_;
  std::deque<Batch> batches_;                     // never moved: the views point into them
  std::vector<std::size_t> starts_;               // first row of each batch
  std::vector<std::vector<ColumnView>> columns_;  // by batch
  std::size_t rows_ = 0;
};

}  // namespace aimass
