#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "table/batch.h"

namespace aimass {

/// Appends one value as JSON; how each type looks is written down in docs/formats/types.md.
///
/// Whole numbers (also of decimals without scale) are numbers up to ±(2^53 - 1) and strings beyond;
/// decimals are strings; NaN and the infinities are "NaN", "Infinity", "-Infinity"; binary is
/// base64.
void AppendJsonValue(std::string& out, const ColumnView& column, std::size_t row);

/// Appends rows [first, first + count) as arrays, with commas between them: `[1,"a"],[2,"b"]`.
void AppendJsonRows(std::string& out, const Batch& batch, std::size_t first, std::size_t count);

/// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
void AppendJsonText(std::string& out, std::string_view text);

/// ISO 8601 of a date (days), a time of day or a timestamp (microseconds): "2026-11-22",
/// "08:30:00.5", "2026-11-22T08:30:00". Years beyond four digits carry a sign; the ends are
/// "infinity" and "-infinity".
[[nodiscard]] std::string DateText(std::int32_t days);
[[nodiscard]] std::string TimeText(std::int64_t us);
[[nodiscard]] std::string TimestampText(std::int64_t unix_us);

}  // namespace aimass
