#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/tune/groups.h"
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

/// Random splits keep the share of each class (of each tenth of the values), and the rows of a
/// group on one side. Splits by time hold out the last rows: those after `after`; else the last
/// value where the column has few (month-ends), else the last fraction. Without `time_column` and a
/// named group column a date column that rises with the rows is taken for one. Errors
/// kUnprocessable for a time column that is not there or not sortable, an empty side, a class that
///          stands in held-out rows only.
[[nodiscard]] Result<Split> SplitRows(const RowTable& table, const TargetColumn& target,
                                      const RowGroups& groups, const SplitOptions& options);

/// A fold number per row, 0 … count-1: stratified with the groups whole, or blocks of time where
/// the split goes by time: 0 is the latest block, and rows of equal time stay together.
struct Folds {
  std::vector<std::uint8_t> of;  // [rows]
  int count = 0;                 // fewer than asked for where there are too few groups or times
  std::vector<double> times;     // [rows], by time only: what the blocks go by; -inf: missing
  /// How many can be measured: by time the earliest block has nothing before it to learn from.
  [[nodiscard]] int measurable() const { return times.empty() ? count : count - 1; }
};
[[nodiscard]] Folds MakeFolds(const RowTable& table, const TargetColumn& target,
                              const RowGroups& groups, std::span<const std::uint32_t> rows,
                              const std::string& time_column, int folds, std::uint64_t seed);

/// The positions that train and validate for one fold.
struct FoldRows {
  std::vector<std::uint32_t> train, validation;  // ascending
};
/// Of the first `scored` folds. By time the past validates on the future only, and training ends as
/// long before a block as it does before the hold-out (`gap`), so that what a row's target looks
/// ahead to is no part of the block.
[[nodiscard]] std::vector<FoldRows> RowsOfFolds(const Folds& folds, int scored, double gap);

/// The time between the last training row and the first one held out; 0 where the split does not
/// go by time.
[[nodiscard]] double GapOf(const RowTable& table, const Split& split);

}  // namespace aimass
