#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass {

/// The logical types of the product; docs/formats/types.md maps each to Delta, Arrow, DuckDB, JSON
/// and SQL.
enum class TypeKind : std::uint8_t {
  kNull,
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat32,
  kFloat64,
  kDecimal,
  kText,
  kBinary,
  kDate,
  kTime,
  kTimestamp,
  kTimestampTz,
  kList,
  kStruct,
  kMap,
};

struct ColumnInfo;

struct Type {
  TypeKind kind = TypeKind::kNull;
  int precision = 0;                 // kDecimal
  int scale = 0;                     // kDecimal
  std::vector<ColumnInfo> children;  // kList: 1, kMap: key and value, kStruct: its members

  bool operator==(const Type&) const = default;
};

struct ColumnInfo {
  std::string name;
  Type type;
  bool nullable = true;

  bool operator==(const ColumnInfo&) const = default;
};

struct Schema {
  std::vector<ColumnInfo> columns;

  /// Position of the column with exactly this name.
  [[nodiscard]] std::optional<std::size_t> Find(std::string_view name) const;
  bool operator==(const Schema&) const = default;
};

/// SQL-like lower-case name: "bigint", "decimal(18,2)", "timestamp with time zone", "list(text)".
[[nodiscard]] std::string TypeName(const Type& type);
/// The inverse of TypeName. Errors: kInvalidArgument naming the types there are.
[[nodiscard]] Result<Type> TypeFromName(std::string_view name);

[[nodiscard]] bool IsNumeric(const Type& type);   // integers, floats, decimals
[[nodiscard]] bool IsTemporal(const Type& type);  // date, timestamp, timestamp with time zone

}  // namespace aimass
