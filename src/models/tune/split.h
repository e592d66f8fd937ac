#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/tune/target.h"

namespace aimass {

struct SplitOptions {
  std::uint64_t seed = 1;
  double fraction = 0.2;       // of the rows, held out
  std::string time_column;     // empty: one is looked for
  std::optional<Cell> after;   // with time_column: held out are the rows after this value
  std::size_t given_from = 0;  // > 0: table rows from here on are the hold-out that the user gave
};

/// Which rows train, which measure. Row numbers of the table, ascending; rows without a target are
/// in neither.
struct Split {
  std::string method;       // "random", "time", "given"
  std::string time_column;  // what "time" goes by
  std::vector<std::uint32_t> training;
  std::vector<std::uint32_t> holdout;
};

/// Random splits keep the share of each class (of each tenth of the values). Splits by time hold
/// out the last rows: those after `after`; else the last value where the column has few
/// (month-ends), else the last fraction. Without `time_column` a date column that rises with the
/// rows is taken for one. Errors   kUnprocessable for a time column that is not there or not
/// sortable, an empty side, a class that
///          stands in held-out rows only.
[[nodiscard]] Result<Split> SplitRows(const RowTable& table, const TargetColumn& target,
                                      const SplitOptions& options);

/// A fold number per row, 0 … folds-1: stratified, or blocks of time where the split goes by time
/// (rows of equal time stay together). `folds` becomes smaller where there are not enough rows or
/// times.
struct Folds {
  std::vector<std::uint8_t> of;  // [rows]
  int count = 0;
};
[[nodiscard]] Folds MakeFolds(const RowTable& table, const TargetColumn& target,
                              std::span<const std::uint32_t> rows, const std::string& time_column,
                              int folds, std::uint64_t seed);

}  // namespace aimass
