#pragma once

#include <cstddef>
#include <span>

#include "table/batch.h"

namespace aimass {

/// The rows [first, first + out.size()) of `column` as ColumnView::At gives them, for columns of
/// plain numbers: NaN where a row is null. False, and nothing is written: the column holds neither
/// integers of at most 64 bits nor floats.
///
/// Threads  pure function.
[[nodiscard]] bool ReadNumbers(const ColumnView& column, std::size_t first, std::span<double> out);

}  // namespace aimass
