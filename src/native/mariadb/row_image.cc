// MariaDB Connector/C 3.3.
#include "native/mariadb/row_image.h"

#include <mysql.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace aimass::mariadb {
namespace {

constexpr std::uint8_t kTimestamp2 = 17;
constexpr std::uint8_t kDateTime2 = 18;
constexpr std::uint8_t kTime2 = 19;
constexpr std::uint8_t kBlobCompressed = 140;
constexpr std::uint8_t kVarcharCompressed = 141;

std::unexpected<Error> Damaged() {
  return Fail(ErrorCode::kUnavailable, "what the database sent of its binary log is damaged");
}

std::uint8_t ByteAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint64_t Little(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | ByteAt(bytes, i);
  return value;
}

std::uint64_t Big(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value = value << 8 | ByteAt(bytes, i);
  return value;
}

bool BitOf(std::string_view bits, std::size_t at) {
  return (ByteAt(bits, at / 8) >> at % 8 & 1) != 0;
}

// How many bytes of metadata a type has; nothing for one that is not known.
std::optional<std::size_t> MetaBytes(std::uint8_t type) {
  switch (type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_NULL:
      return 0;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
    case MYSQL_TYPE_JSON:
    case kTimestamp2:
    case kDateTime2:
    case kTime2:
    case kBlobCompressed:
      return 1;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_NEWDECIMAL:
    case kVarcharCompressed:
      return 2;
    default:
      return std::nullopt;
  }
}

// A string's metadata are its real type and its length, whose upper bits hide in the type.
LoggedColumn OfString(std::uint8_t first, std::uint8_t second) {
  if ((first & 0x30) == 0x30) return {.type = first, .meta = second};
  return {.type = static_cast<std::uint8_t>(first | 0x30),
          .meta = static_cast<std::uint16_t>(second | (((first & 0x30) ^ 0x30) << 4))};
}

std::size_t DecimalBytes(std::uint16_t meta) {
  static constexpr std::array<std::size_t, 10> kRest = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
  const std::size_t precision = meta & 0xff;
  const std::size_t scale = std::min<std::size_t>(meta >> 8, precision);
  const std::size_t whole = precision - scale;
  return whole / 9 * 4 + kRest[whole % 9] + scale / 9 * 4 + kRest[scale % 9];
}

// Of values that all have the same number of bytes.
std::optional<std::size_t> FixedBytes(const LoggedColumn& column) {
  switch (column.type) {
    case MYSQL_TYPE_NULL:
      return 0;
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_YEAR:
      return 1;
    case MYSQL_TYPE_SHORT:
      return 2;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_TIME:
      return 3;
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_TIMESTAMP:
      return 4;
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_DATETIME:
      return 8;
    case kTimestamp2:
      return 4 + (column.meta + 1) / 2;
    case kDateTime2:
      return 5 + (column.meta + 1) / 2;
    case kTime2:
      return 3 + (column.meta + 1) / 2;
    case MYSQL_TYPE_NEWDECIMAL:
      return DecimalBytes(column.meta);
    case MYSQL_TYPE_BIT:
      return (column.meta >> 8) + ((column.meta & 0xff) > 0 ? 1 : 0);
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
      return column.meta;
    default:
      return std::nullopt;
  }
}

std::string DayText(unsigned year, unsigned month, unsigned day) {
  return fmt::format("{:04}-{:02}-{:02}", year, month, day);
}

// Parts of a second, of which `bytes` has as many digits as `meta` says.
std::string FractionText(std::string_view bytes, std::uint16_t meta) {
  if (meta == 0) return {};
  std::uint64_t us = Big(bytes);
  for (std::size_t i = bytes.size(); i < 3; ++i) us *= 100;
  return fmt::format(".{:06}", us).substr(0, meta + std::size_t{1});
}

std::string DateTimeText(std::string_view value, std::uint16_t meta) {
  constexpr std::uint64_t kZero = 0x8000000000;
  const std::uint64_t packed = Big(value.substr(0, 5)) - kZero;
  const auto months = static_cast<unsigned>(packed >> 22);
  return fmt::format("{} {:02}:{:02}:{:02}{}",
                     DayText(months / 13, months % 13, static_cast<unsigned>(packed >> 17 & 31)),
                     packed >> 12 & 31, packed >> 6 & 63, packed & 63,
                     FractionText(value.substr(5), meta));
}

std::string TimestampText(std::string_view value, std::uint16_t meta) {
  const std::uint64_t seconds = Big(value.substr(0, 4));
  const std::chrono::sys_seconds moment{std::chrono::seconds(seconds)};
  const auto midnight = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day day{midnight};
  const auto time = static_cast<std::uint64_t>((moment - midnight).count());
  return fmt::format("{} {:02}:{:02}:{:02}{}",
                     DayText(static_cast<unsigned>(static_cast<int>(day.year())),
                             static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day())),
                     time / 3600, time / 60 % 60, time % 60, FractionText(value.substr(4), meta));
}

std::string WholeText(std::string_view value, bool is_unsigned) {
  const std::uint64_t bits = Little(value);
  if (is_unsigned) return std::to_string(bits);
  const unsigned unused = 64 - 8 * static_cast<unsigned>(value.size());
  return std::to_string(static_cast<std::int64_t>(bits << unused) >> unused);
}

}  // namespace

Result<std::vector<LoggedColumn>> LoggedColumns(std::string_view types, std::string_view metadata) {
  std::vector<LoggedColumn> columns;
  for (const char byte : types) {
    const auto type = static_cast<std::uint8_t>(byte);
    const auto size = MetaBytes(type);
    if (!size) {
      return Fail(ErrorCode::kUnsupported, "the binary log has a column of an unknown type ({})",
                  static_cast<int>(type));
    }
    if (metadata.size() < *size) return Damaged();
    LoggedColumn column{.type = type, .meta = 0};
    if (*size == 1) column.meta = ByteAt(metadata, 0);
    if (*size == 2) column.meta = static_cast<std::uint16_t>(Little(metadata.substr(0, 2)));
    if (type == MYSQL_TYPE_STRING) column = OfString(ByteAt(metadata, 0), ByteAt(metadata, 1));
    if (type == MYSQL_TYPE_ENUM || type == MYSQL_TYPE_SET) column.meta = column.meta >> 8;
    metadata.remove_prefix(*size);
    columns.push_back(column);
  }
  return columns;
}

Result<bool> RowImages::Next(std::string_view present) {
  if (left_.empty()) return false;
  const std::size_t count = columns_.size();
  if (present.size() * 8 < count) return Damaged();
  std::size_t shown = 0;
  for (std::size_t i = 0; i < count; ++i) shown += BitOf(present, i) ? 1 : 0;
  const std::size_t null_bytes = (shown + 7) / 8;
  if (left_.size() < null_bytes) return Damaged();
  const std::string_view nulls = left_.substr(0, null_bytes);
  left_.remove_prefix(null_bytes);
  values_.assign(count, std::nullopt);
  had_.assign(count, false);
  std::size_t at = 0;  // among those that are shown
  for (std::size_t i = 0; i < count; ++i) {
    if (!BitOf(present, i)) continue;
    had_[i] = true;
    if (BitOf(nulls, at++)) continue;
    values_[i] = Take(columns_[i]);
    if (!values_[i]) return Damaged();
  }
  return true;
}

std::optional<std::string_view> RowImages::Take(const LoggedColumn& column) {
  if (const auto fixed = FixedBytes(column)) {
    if (left_.size() < *fixed) return std::nullopt;
    const std::string_view value = left_.substr(0, *fixed);
    left_.remove_prefix(*fixed);
    return value;
  }
  switch (column.type) {
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case kVarcharCompressed:
      return TakeSized(column.meta > 255 ? 2 : 1);
    default:  // blobs
      return TakeSized(column.meta);
  }
}

std::optional<std::string_view> RowImages::TakeSized(std::size_t length_bytes) {
  if (length_bytes > 4 || left_.size() < length_bytes) return std::nullopt;
  const std::uint64_t length = Little(left_.substr(0, length_bytes));
  left_.remove_prefix(length_bytes);
  if (left_.size() < length) return std::nullopt;
  const std::string_view value = left_.substr(0, length);
  left_.remove_prefix(length);
  return value;
}

std::optional<std::string> LoggedText(const LoggedColumn& column, std::string_view value,
                                      bool is_unsigned) {
  switch (column.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
      return WholeText(value, is_unsigned);
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
      return std::string(value);
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE: {
      const auto packed = static_cast<unsigned>(Little(value));
      return DayText(packed >> 9, packed >> 5 & 15, packed & 31);
    }
    case kDateTime2:
      return DateTimeText(value, column.meta);
    case kTimestamp2:
      return TimestampText(value, column.meta);
    default:
      return std::nullopt;
  }
}

}  // namespace aimass::mariadb
