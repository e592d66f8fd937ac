#include "models/features/rows.h"

#include <algorithm>

namespace aimass {

void RowTable::Append(Batch batch) {
  if (batch.num_rows() == 0) return;
  starts_.push_back(rows_);
  rows_ += batch.num_rows();
  batches_.push_back(std::move(batch));
  // A view points at its batch's own schema and arrays, which lie on the heap but for the struct array itself:
  // a growing vector moves that, so the views are made anew.
  columns_.clear();
  for (const Batch& held : batches_) {
    std::vector<ColumnView>& views = columns_.emplace_back();
    for (std::size_t c = 0; c < schema_.columns.size(); ++c) views.push_back(held.column(c));
  }
}

Cell RowTable::At(std::size_t row, std::size_t column) const {
  const std::size_t batch =
      static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), row) - starts_.begin()) - 1;
  return columns_[batch][column].At(row - starts_[batch]);
}

}  // namespace aimass
