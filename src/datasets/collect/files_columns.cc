#include "datasets/collect/files_columns.h"

#include <algorithm>

#include "datasets/catalog.h"

namespace aimass {
namespace {

constexpr int kMaxDigits = 38;

// Digits before the point, and behind it, of what is a whole number or a decimal.
bool DigitsOf(const Type& type, int* before, int* behind) {
  *behind = 0;
  switch (type.kind) {
    case TypeKind::kInt8:
      *before = 3;
      return true;
    case TypeKind::kInt16:
      *before = 5;
      return true;
    case TypeKind::kInt32:
      *before = 10;
      return true;
    case TypeKind::kInt64:
      *before = 19;
      return true;
    case TypeKind::kDecimal:
      *before = type.precision - type.scale;
      *behind = type.scale;
      return true;
    default:
      return false;
  }
}

std::unexpected<Error> Differ(const std::string& a, const std::string& b,
                              const std::string& changes) {
  return WithHint(Fail(ErrorCode::kUnprocessable,
                       "the files of a table need the same columns; '{}' has others than '{}': {}",
                       b, a, changes),
                  Msg("name the files that belong together by another pattern, or give them the "
                      "same columns"));
}

void Note(std::string& changes, const std::string& change) {
  if (changes.size() < 1000) changes += (changes.empty() ? "" : "; ") + change;
}

}  // namespace

Result<Type> WiderType(const Type& a, const Type& b) {
  if (FitsInto(a, b)) return b;
  if (FitsInto(b, a)) return a;
  int before[2];
  int behind[2];
  if (DigitsOf(a, &before[0], &behind[0]) && DigitsOf(b, &before[1], &behind[1])) {
    const int scale = std::max(behind[0], behind[1]);
    const int precision = std::max(before[0], before[1]) + scale;
    if (precision <= kMaxDigits)
      return Type{.kind = TypeKind::kDecimal, .precision = precision, .scale = scale};
  }
  if (IsNumeric(a) && IsNumeric(b)) return Type{.kind = TypeKind::kFloat64};
  const Type text{.kind = TypeKind::kText};
  if (FitsInto(a, text) && FitsInto(b, text)) return text;
  return Fail(ErrorCode::kUnprocessable, "{} and {} have no common type", TypeName(a), TypeName(b));
}

Result<Schema> CommonColumns(const std::vector<FileColumns>& files) {
  Schema common;
  std::set<std::string> open;  // columns without a value in any file so far
  const FileColumns* first = nullptr;
  for (const FileColumns& file : files) {
    if (file.schema.columns.empty()) continue;
    if (first == nullptr) {
      first = &file;
      common = file.schema;
      open = file.empty;
      continue;
    }
    std::string changes;
    for (const ColumnInfo& column : common.columns) {
      if (!file.schema.Find(column.name) && !file.optional)
        Note(changes, fmt::format("'{}' -", column.name));
    }
    for (const ColumnInfo& column : file.schema.columns) {
      const auto at = common.Find(column.name);
      if (!at) {
        if (!first->optional || !file.optional) {
          Note(changes, fmt::format("'{}' +", column.name));
          continue;
        }
        common.columns.push_back(column);
        if (file.empty.contains(column.name)) open.insert(column.name);
        continue;
      }
      Type& type = common.columns[*at].type;
      if (type == column.type) {
        if (!file.empty.contains(column.name)) open.erase(column.name);
        continue;
      }
      if (file.empty.contains(column.name)) continue;
      if (open.erase(column.name) > 0) {
        type = column.type;
        continue;
      }
      const auto wider = WiderType(type, column.type);
      if (wider) {
        type = *wider;
      } else {
        Note(changes,
             fmt::format("'{}': {} → {}", column.name, TypeName(type), TypeName(column.type)));
      }
    }
    if (!changes.empty()) return Differ(first->file, file.file, changes);
  }
  if (first != nullptr) return common;
  return Fail(ErrorCode::kUnprocessable,
              "none of the files has a column, so that there is nothing to make a dataset of");
}

Status CheckFileColumns(const Schema& table, const FileColumns& file) {
  if (file.schema.columns.empty()) return {};
  std::string changes;
  for (const ColumnInfo& column : table.columns) {
    const auto at = file.schema.Find(column.name);
    if (!at) {
      if (!file.optional) Note(changes, fmt::format("'{}' -", column.name));
      continue;
    }
    const Type& type = file.schema.columns[*at].type;
    if (!FitsInto(type, column.type) && !file.empty.contains(column.name)) {
      Note(changes,
           fmt::format("'{}': {} → {}", column.name, TypeName(column.type), TypeName(type)));
    }
  }
  for (const ColumnInfo& column : file.schema.columns) {
    if (!table.Find(column.name)) Note(changes, fmt::format("'{}' +", column.name));
  }
  if (changes.empty()) return {};
  return WithHint(
      Fail(ErrorCode::kUnprocessable, "the columns of '{}' are not those of the dataset: {}",
           file.file, changes),
      Msg("refresh the dataset with full: everything is read anew, with the new columns"));
}

}  // namespace aimass
