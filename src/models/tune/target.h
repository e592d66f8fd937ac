#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/features/rows.h"
#include "models/learner.h"

namespace aimass {

/// The target column, as learners take it.
struct TargetColumn {
  TaskKind task = TaskKind::kBinary;
  std::string type;                 // TypeName of the column
  std::vector<std::string> labels;  // classes by number, ascending; empty for regression
  std::vector<float> values;  // [rows of the table]: class number or value; NaN where it is missing
  std::size_t missing = 0;
};

/// Reads the target and decides the task: two values are `binary`; texts, and at most 20 whole
/// numbers that each stand in many rows, are `multiclass`; other numbers are `regression`. `task`
/// other than "auto" decides itself. Errors   kUnprocessable for no such column (naming the
/// nearest), every value missing, one value only, an
///          infinity, a class per row, more classes than 1,000, fewer than 20 rows, a task that
///          does not fit.
[[nodiscard]] Result<TargetColumn> ReadTarget(const RowTable& table, std::string_view target,
                                              std::string_view task);

}  // namespace aimass
