#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "table/schema.h"

namespace aimass {

/// Rows by the value of one column, which the source itself looks for.
struct SourceRange {
  std::string column;
  Type type;  // of the column; MayBeCursor()
  /// That value and greater ones: the integer itself, days of a date, microseconds of a timestamp
  /// since 1970. None: any value.
  std::optional<std::int64_t> from;
  bool nulls = false;  // only rows without a value; `from` is none
};

/// Whether collections can go on behind a value of such a column: whole numbers, dates, timestamps.
/// Texts cannot: each server has an order of its own for them.
[[nodiscard]] bool MayBeCursor(const Type& type);

/// `value` (see SourceRange::from) as a literal of SQL, for a session in UTC: `417`,
/// `'2026-11-22 08:30:00.250'`.
[[nodiscard]] std::string CursorLiteral(const Type& type, std::int64_t value);

/// The condition of SQL for a range: what connectors that speak SQL put behind WHERE.
[[nodiscard]] std::string RangeCondition(const SourceRange& range, std::string_view quoted_column);

}  // namespace aimass
