#include "sources/range.h"

#include <fmt/format.h>

#include "table/json_rows.h"

namespace aimass {

bool MayBeCursor(const Type& type) {
  switch (type.kind) {
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt8:
    case TypeKind::kUInt16:
    case TypeKind::kUInt32:
    case TypeKind::kUInt64:
      return true;
    case TypeKind::kDecimal:
      return type.scale == 0;
    default:
      return IsTemporal(type);
  }
}

std::string CursorLiteral(const Type& type, std::int64_t value) {
  if (type.kind == TypeKind::kDate)
    return fmt::format("'{}'", DateText(static_cast<std::int32_t>(value)));
  if (!IsTemporal(type)) return fmt::format("{}", value);
  std::string text = TimestampText(value);
  if (const std::size_t middle = text.find('T'); middle != std::string::npos) text[middle] = ' ';
  return fmt::format("'{}'", text);
}

std::string RangeCondition(const SourceRange& range, std::string_view quoted_column) {
  if (range.nulls) return fmt::format("{} IS NULL", quoted_column);
  if (!range.from) return fmt::format("{} IS NOT NULL", quoted_column);
  return fmt::format("{} >= {}", quoted_column, CursorLiteral(range.type, *range.from));
}

}  // namespace aimass
