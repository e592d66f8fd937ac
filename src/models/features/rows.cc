#include "models/features/rows.h"

#include <algorithm>

#include "table/numbers.h"

namespace aimass {

void RowTable::Append(Batch batch) {
  if (batch.num_rows() == 0) return;
  starts_.push_back(rows_);
  rows_ += batch.num_rows();
  batches_.push_back(std::move(batch));
  std::vector<ColumnView>& views = columns_.emplace_back();
  for (std::size_t c = 0; c < schema_.columns.size(); ++c)
    views.push_back(batches_.back().column(c));
}

Status RowTable::AppendAll(RowTable other) {
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    const ColumnInfo& mine = schema_.columns[c];
    if (c >= other.schema_.columns.size() || other.schema_.columns[c].name != mine.name) {
      return Fail(ErrorCode::kUnprocessable, "the test dataset has no column '{}'", mine.name);
    }
    const ColumnInfo& theirs = other.schema_.columns[c];
    if (theirs.type != mine.type) {
      return Fail(ErrorCode::kUnprocessable,
                  "column '{}' is {} in the dataset, but {} in the test dataset", mine.name,
                  TypeName(mine.type), TypeName(theirs.type));
    }
  }
  for (Batch& batch : other.batches_) Append(std::move(batch));
  return {};
}

std::size_t RowTable::BatchOf(std::size_t row) const {
  // Readers give batches of equal size, so the place is mostly known without a search.
  std::size_t batch = starts_.size() > 1 ? row / starts_[1] : 0;
  const bool there = batch < starts_.size() && starts_[batch] <= row &&
                     (batch + 1 == starts_.size() || row < starts_[batch + 1]);
  if (!there) {
    batch = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), row) -
                                     starts_.begin()) -
            1;
  }
  return batch;
}

Cell RowTable::At(std::size_t row, std::size_t column) const {
  const std::size_t batch = BatchOf(row);
  return columns_[batch][column].At(row - starts_[batch]);
}

bool RowTable::Numbers(std::span<const std::uint32_t> rows, std::size_t column,
                       std::span<double> out) const {
  std::vector<double> range;  // of the rows of one batch, with those between that are not asked for
  for (std::size_t i = 0; i < rows.size();) {
    const std::size_t batch = BatchOf(rows[i]);
    const std::size_t start = starts_[batch];
    const std::size_t end = batch + 1 < starts_.size() ? starts_[batch + 1] : rows_;
    std::size_t low = rows[i], high = rows[i], next = i + 1;
    for (; next < rows.size() && rows[next] >= start && rows[next] < end; ++next) {
      low = std::min<std::size_t>(low, rows[next]);
      high = std::max<std::size_t>(high, rows[next]);
    }
    range.resize(high - low + 1);
    if (!ReadNumbers(columns_[batch][column], low - start, range)) return false;
    for (; i < next; ++i) out[i] = range[rows[i] - low];
  }
  return true;
}

}  // namespace aimass
