#include "models/tune/target.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/json.h"
#include "models/features/encoder.h"
#include "models/features/text.h"

namespace aimass {
namespace {

constexpr std::size_t kLeastRows = 20;
constexpr std::size_t kMostClasses = 1000;

// What the column holds: the rows of each value by its text, and the numbers where all are numbers.
struct Contents {
  std::vector<std::string> keys;            // [rows], empty: missing
  std::vector<double> numbers;              // [rows], where all_numbers
  std::map<std::string, std::size_t> rows;  // by key
  std::size_t present = 0;
  bool all_numbers = true;
  bool all_whole = true;
  bool text = false;
};

Result<Contents> Collect(const RowTable& table, std::size_t column, std::string_view name) {
  Contents contents;
  std::string scratch;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const Cell cell = table.At(row, column);
    if (cell.kind == CellKind::kNumber && std::isinf(cell.number)) {
      return Fail(ErrorCode::kUnprocessable,
                  "the target '{}' is infinite in row {}; remove or replace it", name, row + 1);
    }
    const std::string_view key = features::KeyOfCell(cell, scratch);
    contents.keys.emplace_back(key);
    contents.numbers.push_back(std::nan(""));
    if (key.empty()) continue;
    ++contents.present;
    ++contents.rows[contents.keys.back()];
    std::optional<double> number;
    if (cell.kind == CellKind::kNumber) number = cell.number;
    if (cell.kind == CellKind::kText) {
      contents.text = true;
      number = features::ParseNumber(key);
    }
    if (!number) {
      contents.all_numbers = false;
      continue;
    }
    contents.numbers.back() = *number;
    if (*number != std::trunc(*number)) contents.all_whole = false;
  }
  return contents;
}

TaskKind Detect(const Contents& contents) {
  const std::size_t distinct = contents.rows.size();
  if (distinct == 2) return TaskKind::kBinary;
  if (!contents.all_numbers) return TaskKind::kMulticlass;
  // Whole numbers are classes where there are few of them and each stands in many rows.
  const bool few = distinct <= 20 && contents.present >= 20 * distinct;
  return contents.all_whole && few ? TaskKind::kMulticlass : TaskKind::kRegression;
}

}  // namespace

Result<TargetColumn> ReadTarget(const RowTable& table, std::string_view target,
                                std::string_view task) {
  const auto column = table.schema().Find(target);
  if (!column) {
    std::vector<std::string_view> names;
    for (const ColumnInfo& info : table.schema().columns) names.push_back(info.name);
    const std::string nearest = Nearest(target, names);
    auto error =
        Fail(ErrorCode::kUnprocessable, "there is no column '{}' to predict; the columns are: {}",
             target, fmt::format("{}", fmt::join(names, ", ")));
    if (nearest.empty()) return error;
    return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
  }
  const Type& type = table.schema().columns[*column].type;
  ASSIGN_OR_RETURN(const Contents contents, Collect(table, *column, target));
  if (contents.present == 0) {
    return Fail(ErrorCode::kUnprocessable, "the target '{}' has no value in any of the {} rows",
                target, table.rows());
  }
  if (contents.present < kLeastRows) {
    return Fail(ErrorCode::kUnprocessable,
                "training needs at least {} rows with a value of '{}', found {}", kLeastRows,
                target, contents.present);
  }
  const std::size_t distinct = contents.rows.size();
  if (distinct == 1) {
    return Fail(ErrorCode::kUnprocessable,
                "the target '{}' is '{}' in every row: there is nothing to learn", target,
                contents.rows.begin()->first);
  }
  TargetColumn out{.task = Detect(contents),
                   .type = TypeName(type),
                   .labels = {},
                   .values = {},
                   .missing = table.rows() - contents.present};
  if (task != "auto" && !task.empty()) {
    ASSIGN_OR_RETURN(out.task, TaskFromName(task));
    if (out.task == TaskKind::kRegression && !contents.all_numbers) {
      return Fail(ErrorCode::kUnprocessable,
                  "regression needs numbers, but the target '{}' has texts", target);
    }
    if (out.task == TaskKind::kBinary && distinct != 2) {
      return Fail(ErrorCode::kUnprocessable,
                  "binary needs two different values, but the target '{}' has {}", target,
                  distinct);
    }
  }
  if (out.task == TaskKind::kRegression) {
    for (const double value : contents.numbers) out.values.push_back(static_cast<float>(value));
    return out;
  }

  if (distinct * 2 > contents.present) {
    return Fail(ErrorCode::kUnprocessable,
                "the target '{}' has {} different values in {} rows: nearly every row is a class "
                "of its own",
                target, distinct, contents.present);
  }
  if (distinct > kMostClasses) {
    return Fail(ErrorCode::kUnprocessable,
                "the target '{}' has {} classes; at most {} can be told apart", target, distinct,
                kMostClasses);
  }
  for (const auto& [key, rows] : contents.rows) out.labels.push_back(key);
  if (contents.all_numbers) {
    std::ranges::stable_sort(
        out.labels, {}, [](const std::string& label) { return *features::ParseNumber(label); });
  }
  std::map<std::string_view, float> numbers;
  for (std::size_t i = 0; i < out.labels.size(); ++i)
    numbers.emplace(out.labels[i], static_cast<float>(i));
  for (const std::string& key : contents.keys) {
    out.values.push_back(key.empty() ? std::numeric_limits<float>::quiet_NaN() : numbers.at(key));
  }
  return out;
}

}  // namespace aimass
