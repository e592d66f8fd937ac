#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "table/batch.h"

namespace aimass {

/// Builds a Batch row by row or column by column, for plug-ins that do not speak Arrow themselves.
///
/// Columns may be: bool, signed integers, double, decimal, text, binary, date, timestamp. Every
/// column must have got the same number of values when Finish() is called (kInternal otherwise).
class BatchBuilder {
 public:
  explicit BatchBuilder(std::shared_ptr<const Schema> schema);
  ~BatchBuilder();

  void AppendNull(std::size_t column);
  void AppendBool(std::size_t column, bool value);
  void AppendInt64(std::size_t column, std::int64_t value);
  void AppendDouble(std::size_t column, double value);
  void AppendDecimal(std::size_t column, Int128 value);         // unscaled; within the precision
  void AppendText(std::size_t column, std::string_view value);  // also binary
  void AppendUnixUs(std::size_t column, std::int64_t unix_us);  // timestamps; date: its day
  /// Appends `cell` converted to the column's type; a value that does not fit becomes null.
  void AppendCell(std::size_t column, const Cell& cell);
  [[nodiscard]] Result<Batch> Finish();

 private:
  struct Column;
  std::shared_ptr<const Schema> schema_;
  std::vector<std::unique_ptr<Column>> columns_;
};

}  // namespace aimass
