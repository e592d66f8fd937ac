#include "sources/connectors/mysql/decode.h"

#include <charconv>
#include <chrono>

namespace aimass::connectors::mysql {
namespace {

using mariadb::FieldInfo;
using mariadb::FieldType;

constexpr int kMaxPrecision = 38;
constexpr Type kUnsignedBigint{.kind = TypeKind::kDecimal, .precision = 20, .scale = 0};

template <typename T>
std::optional<T> Whole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits with a point, in units of 10^-scale.
std::optional<Int128> Unscaled(std::string_view text, int precision, int scale) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  Int128 value = 0;
  int digits = 0;
  int behind = -1;  // the point
  for (const char c : text) {
    if (c == '.' && behind < 0) {
      behind = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (behind >= 0 && ++behind > scale) return std::nullopt;
    value = value * 10 + (c - '0');
    if (value != 0 && ++digits > precision) return std::nullopt;
  }
  for (behind = behind < 0 ? 0 : behind; behind < scale; ++behind) {
    value *= 10;
    if (value != 0 && ++digits > precision) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  return negative ? -value : value;
}

// "2026-11-22"
std::optional<std::int64_t> Days(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = Whole<int>(text.substr(0, 4));
  const auto month = Whole<unsigned>(text.substr(5, 2));
  const auto day = Whole<unsigned>(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{*month},
                                         std::chrono::day{*day}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

// "08:30:00.25" of a day, in microseconds
std::optional<std::int64_t> TimeOfDay(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hour = Whole<int>(text.substr(0, 2));
  const auto minute = Whole<int>(text.substr(3, 2));
  const auto second = Whole<int>(text.substr(6, 2));
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59)
    return std::nullopt;
  std::int64_t micros = 0;
  if (text.size() > 8) {
    const std::string_view fraction = text.substr(9);
    const auto digits = Whole<std::int64_t>(fraction);
    if (text[8] != '.' || fraction.size() > 6 || !digits) return std::nullopt;
    micros = *digits;
    for (std::size_t i = fraction.size(); i < 6; ++i) micros *= 10;
  }
  return ((*hour * 60 + *minute) * 60 + *second) * std::int64_t{1'000'000} + micros;
}

std::optional<Value> Moment(std::string_view text) {
  const auto days = Days(text.substr(0, 10));
  if (!days) return std::nullopt;
  constexpr std::int64_t kUsPerDay = 86'400'000'000;
  if (text.size() == 10) return Value{.kind = Value::Kind::kTime, .integer = *days * kUsPerDay};
  if (text[10] != ' ') return std::nullopt;
  const auto time = TimeOfDay(text.substr(11));
  if (!time) return std::nullopt;
  return Value{.kind = Value::Kind::kTime, .integer = *days * kUsPerDay + *time};
}

// Big-endian bytes.
std::optional<Value> Bits(const Type& type, std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  if (type.kind == TypeKind::kBool)
    return Value{.kind = Value::Kind::kBool, .integer = value != 0 ? 1 : 0};
  if (type.kind == TypeKind::kDecimal)
    return Value{.kind = Value::Kind::kDecimal, .decimal = static_cast<Int128>(value)};
  return Value{.kind = Value::Kind::kInt, .integer = static_cast<std::int64_t>(value)};
}

}  // namespace

Type TypeOf(const FieldInfo& field) {
  switch (field.type) {
    case FieldType::kInteger:
      // An unsigned one is the next wider signed one, as a table keeps it.
      if (field.bytes == 1) return {.kind = field.is_unsigned ? TypeKind::kInt16 : TypeKind::kInt8};
      if (field.bytes == 2)
        return {.kind = field.is_unsigned ? TypeKind::kInt32 : TypeKind::kInt16};
      if (field.bytes == 3) return {.kind = TypeKind::kInt32};
      if (field.bytes == 4)
        return {.kind = field.is_unsigned ? TypeKind::kInt64 : TypeKind::kInt32};
      return field.is_unsigned ? kUnsignedBigint : Type{.kind = TypeKind::kInt64};
    case FieldType::kDecimal:
      if (field.precision > kMaxPrecision) return {.kind = TypeKind::kText};
      return {.kind = TypeKind::kDecimal, .precision = field.precision, .scale = field.scale};
    case FieldType::kDouble:
    case FieldType::kFloat:
      return {.kind = TypeKind::kFloat64};
    case FieldType::kText:
    case FieldType::kTime:  // -838 to 838 hours: no time of day
      return {.kind = TypeKind::kText};
    case FieldType::kBinary:
      return {.kind = TypeKind::kBinary};
    case FieldType::kDate:
      return {.kind = TypeKind::kDate};
    case FieldType::kDateTime:
      return {.kind = TypeKind::kTimestamp};
    case FieldType::kTimestamp:
      return {.kind = TypeKind::kTimestampTz};
    case FieldType::kBit:
      if (field.precision == 1) return {.kind = TypeKind::kBool};
      return field.precision == 64 ? kUnsignedBigint : Type{.kind = TypeKind::kInt64};
  }
  return {.kind = TypeKind::kText};
}

std::optional<Value> Decode(const FieldInfo& field, const Type& type, std::string_view text) {
  using Kind = Value::Kind;
  if (text.data() == nullptr) return Value{.kind = Kind::kNull};
  if (field.type == FieldType::kBit) return Bits(type, text);
  switch (type.kind) {
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
      if (const auto whole = Whole<std::int64_t>(text))
        return Value{.kind = Kind::kInt, .integer = *whole};
      return std::nullopt;
    case TypeKind::kDecimal:
      if (const auto unscaled = Unscaled(text, type.precision, type.scale))
        return Value{.kind = Kind::kDecimal, .decimal = *unscaled};
      return std::nullopt;
    case TypeKind::kFloat64:
      if (const auto number = Whole<double>(text))
        return Value{.kind = Kind::kDouble, .number = *number};
      return std::nullopt;
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return Moment(text);
    default:
      return Value{.kind = Kind::kText, .text = text};
  }
}

}  // namespace aimass::connectors::mysql
