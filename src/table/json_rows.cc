#include "table/json_rows.h"

#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>

#include "base/base64.h"
#include "table/decimal.h"

namespace aimass {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kUsPerDay = 86'400 * kUsPerSecond;
constexpr Int128 kLargestSafeInteger =
    (Int128{1} << 53) - 1;  // beyond it JavaScript's numbers have gaps

template <typename... Args>
void Append(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

void AppendWhole(std::string& out, Int128 value) {
  const bool safe = value <= kLargestSafeInteger && value >= -kLargestSafeInteger;
  if (safe) {
    Append(out, "{}", static_cast<std::int64_t>(value));
  } else {
    out += '"' + DecimalText(value, 0) + '"';
  }
}

template <typename T>
void AppendFloat(std::string& out, T value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    Append(out, "{}", value);  // the shortest digits that read back as the same number
  }
}

/// Length of the UTF-8 sequence at `text[at]`, 0 where it is none.
std::size_t Utf8Length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  std::uint32_t code = 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) {
    length = 2;
    code = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead < 0xF0) {
    length = 3;
    code = lead & 0x0FU;
  } else if (lead >= 0xF0 && lead < 0xF5) {
    length = 4;
    code = lead & 0x07U;
  } else {
    return 0;
  }
  if (at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? 0 : length;
}

void AppendFraction(std::string& out, std::int64_t us) {
  if (us == 0) return;
  if (us % 1000 == 0) {
    Append(out, ".{:03}", us / 1000);
  } else {
    Append(out, ".{:06}", us);
  }
}

void AppendList(std::string& out, const ColumnView& column, std::size_t row) {
  const ColumnView::Run run = column.Elements(row);
  const ColumnView items = column.child(0);
  out += '[';
  for (std::size_t i = 0; i < run.count; ++i) {
    if (i > 0) out += ',';
    AppendJsonValue(out, items, run.first + i);
  }
  out += ']';
}

void AppendMap(std::string& out, const ColumnView& column, std::size_t row) {
  const ColumnView::Run run = column.Elements(row);
  const ColumnView keys = column.child(0);
  const ColumnView values = column.child(1);
  out += '[';
  for (std::size_t i = 0; i < run.count; ++i) {
    out += i > 0 ? ",{\"key\":" : "{\"key\":";
    AppendJsonValue(out, keys, run.first + i);
    out += ",\"value\":";
    AppendJsonValue(out, values, run.first + i);
    out += '}';
  }
  out += ']';
}

void AppendStruct(std::string& out, const ColumnView& column, std::size_t row) {
  out += '{';
  const auto& members = column.type().children;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonText(out, members[i].name);
    out += ':';
    AppendJsonValue(out, column.child(i), row);
  }
  out += '}';
}

}  // namespace

std::string DateText(std::int32_t days) {
  if (days == std::numeric_limits<std::int32_t>::max()) return "infinity";
  if (days <= -std::numeric_limits<std::int32_t>::max()) return "-infinity";
  // Howard Hinnant's civil_from_days, in 64 bits: std::chrono's year ends at ±32767.
  const std::int64_t z = std::int64_t{days} + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t day_of_era = z - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  if (year >= 0 && year <= 9999) return fmt::format("{:04}-{:02}-{:02}", year, month, day);
  return fmt::format("{}{:06}-{:02}-{:02}", year < 0 ? '-' : '+', std::abs(year), month, day);
}

std::string TimeText(std::int64_t us) {
  const std::int64_t seconds = us / kUsPerSecond;
  std::string text =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  AppendFraction(text, us % kUsPerSecond);
  return text;
}

std::string TimestampText(std::int64_t unix_us) {
  if (unix_us == std::numeric_limits<std::int64_t>::max()) return "infinity";
  if (unix_us <= -std::numeric_limits<std::int64_t>::max()) return "-infinity";
  const std::int64_t day = unix_us / kUsPerDay - (unix_us % kUsPerDay < 0 ? 1 : 0);
  return DateText(static_cast<std::int32_t>(day)) + 'T' + TimeText(unix_us - day * kUsPerDay);
}

void AppendJsonText(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
      ++i;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      switch (c) {
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          Append(out, "\\u{:04x}", static_cast<unsigned>(c));
      }
      ++i;
    } else if (const std::size_t length = Utf8Length(text, i); length > 0) {
      out.append(text, i, length);
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      ++i;
    }
  }
  out += '"';
}

void AppendJsonValue(std::string& out, const ColumnView& column, std::size_t row) {
  if (column.IsNull(row)) {
    out += "null";
    return;
  }
  switch (column.type().kind) {
    case TypeKind::kNull:
      out += "null";
      return;
    case TypeKind::kBool:
      out += column.Int64(row) != 0 ? "true" : "false";
      return;
    case TypeKind::kUInt64:
      return AppendWhole(out, static_cast<Int128>(static_cast<std::uint64_t>(column.Int64(row))));
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt8:
    case TypeKind::kUInt16:
    case TypeKind::kUInt32:
      return AppendWhole(out, column.Int64(row));
    case TypeKind::kFloat32:
      return AppendFloat(out, static_cast<float>(column.Double(row)));
    case TypeKind::kFloat64:
      return AppendFloat(out, column.Double(row));
    case TypeKind::kDecimal:
      if (column.type().scale == 0) return AppendWhole(out, column.Decimal(row));
      out += '"' + DecimalText(column.Decimal(row), column.type().scale) + '"';
      return;
    case TypeKind::kText:
      return AppendJsonText(out, column.Bytes(row));
    case TypeKind::kBinary:
      out += '"';
      AppendBase64(out, column.Bytes(row));
      out += '"';
      return;
    case TypeKind::kDate:
      out += '"' + DateText(static_cast<std::int32_t>(column.Int64(row))) + '"';
      return;
    case TypeKind::kTime:
      out += '"' + TimeText(column.Int64(row)) + '"';
      return;
    case TypeKind::kTimestamp:
      out += '"' + TimestampText(column.Int64(row)) + '"';
      return;
    case TypeKind::kTimestampTz: {
      const std::string text = TimestampText(column.Int64(row));
      out += '"' + text + (text.ends_with("infinity") ? "\"" : "Z\"");
      return;
    }
    case TypeKind::kList:
      return AppendList(out, column, row);
    case TypeKind::kStruct:
      return AppendStruct(out, column, row);
    case TypeKind::kMap:
      return AppendMap(out, column, row);
  }
}

void AppendJsonRows(std::string& out, const Batch& batch, std::size_t first, std::size_t count) {
  std::vector<ColumnView> columns;
  for (std::size_t i = 0; i < batch.schema().columns.size(); ++i)
    columns.push_back(batch.column(i));
  for (std::size_t row = first; row < first + count; ++row) {
    out += row > first ? ",[" : "[";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out += ',';
      AppendJsonValue(out, columns[i], row);
    }
    out += ']';
  }
}

}  // namespace aimass
