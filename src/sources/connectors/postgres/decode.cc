#include "sources/connectors/postgres/decode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>

#include "table/json_rows.h"

namespace aimass::connectors::postgres {
namespace {

using aimass::postgres::FieldInfo;

// pg_type.h; the numbers never change.
enum : std::uint32_t {
  kBool = 16,
  kBytea = 17,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kBpchar = 1042,
  kVarchar = 1043,
  kDate = 1082,
  kTimestamp = 1114,
  kTimestampTz = 1184,
  kNumeric = 1700,
};

constexpr int kMaxPrecision = 38;
constexpr int kModifierHeader = 4;
constexpr std::int64_t kUsPerDay = 86'400'000'000;
constexpr std::int64_t kDaysTo2000 = 10'957;  // from 1970: PostgreSQL counts from 2000
constexpr std::int64_t kFirstDay =
    std::chrono::sys_days(std::chrono::year_month_day(std::chrono::year(1), std::chrono::January,
                                                      std::chrono::day(1)))
        .time_since_epoch()
        .count();
constexpr std::int64_t kLastDay =
    std::chrono::sys_days(std::chrono::year_month_day(std::chrono::year(9999),
                                                      std::chrono::December, std::chrono::day(31)))
        .time_since_epoch()
        .count();

// Big-endian; the caller has checked the size.
template <typename T>
T Whole(std::string_view bytes, std::size_t at = 0) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return std::byteswap(value);
}

// How many bytes each value has; 0: any number.
std::size_t WidthOf(std::uint32_t type) {
  switch (type) {
    case kBool:
      return 1;
    case kInt2:
      return 2;
    case kInt4:
    case kOid:
    case kFloat4:
    case kDate:
      return 4;
    case kInt8:
    case kFloat8:
    case kTimestamp:
    case kTimestampTz:
      return 8;
    default:
      return 0;
  }
}

// A numeric: digits of base 10,000, of which the first stands for 10,000^weight.
struct Numeric {
  static constexpr std::uint16_t kNegative = 0x4000;
  static constexpr std::uint16_t kNaN = 0xc000;
  static constexpr std::uint16_t kInfinity = 0xd000;
  static constexpr std::uint16_t kMinusInfinity = 0xf000;
  static constexpr std::size_t kHeader = 8;

  int count = 0;
  int weight = 0;
  std::uint16_t sign = 0;
  int scale = 0;
  std::string_view digits;

  static std::optional<Numeric> Of(std::string_view bytes) {
    if (bytes.size() < kHeader) return std::nullopt;
    const Numeric made{.count = Whole<std::uint16_t>(bytes),
                       .weight = Whole<std::int16_t>(bytes, 2),
                       .sign = Whole<std::uint16_t>(bytes, 4),
                       .scale = Whole<std::uint16_t>(bytes, 6),
                       .digits = bytes.substr(kHeader)};
    if (made.digits.size() != static_cast<std::size_t>(made.count) * 2) return std::nullopt;
    return made;
  }
  [[nodiscard]] bool finite() const { return sign == 0 || sign == kNegative; }
  [[nodiscard]] int digit(int index) const {
    return index < 0 || index >= count
               ? 0
               : Whole<std::uint16_t>(digits, static_cast<std::size_t>(index) * 2);
  }
};

constexpr std::array<Int128, kMaxPrecision + 1> kPowersOfTen = [] {
  std::array<Int128, kMaxPrecision + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
Int128 PowerOfTen(int exponent) { return kPowersOfTen.at(static_cast<std::size_t>(exponent)); }

// In units of 10^-scale; nothing where it is no such number or has more digits than that.
std::optional<Int128> Unscaled(std::string_view bytes, int precision, int scale) {
  const auto number = Numeric::Of(bytes);
  if (!number || !number->finite()) return std::nullopt;
  const Int128 limit = PowerOfTen(precision);
  Int128 value = 0;
  for (int i = 0; i < number->count; ++i) {
    // Units of the digit, as a power of ten of the result's.
    const int exponent = 4 * (number->weight - i) + scale;
    const int digit = number->digit(i);
    if (digit == 0) continue;
    if (exponent >= precision) return std::nullopt;
    if (exponent >= 0) {
      if (digit >= PowerOfTen(precision - exponent)) return std::nullopt;
      value += digit * PowerOfTen(exponent);
    } else {
      const auto unit = static_cast<int>(PowerOfTen(std::min(-exponent, 4)));
      if (digit % unit != 0) return std::nullopt;
      value += digit / unit;
    }
    if (value >= limit) return std::nullopt;
  }
  return number->sign == Numeric::kNegative ? -value : value;
}

std::string NumericText(std::string_view bytes) {
  const auto number = Numeric::Of(bytes);
  if (!number || number->sign == Numeric::kNaN) return "NaN";
  if (number->sign == Numeric::kInfinity) return "Infinity";
  if (number->sign == Numeric::kMinusInfinity) return "-Infinity";
  std::string out = number->sign == Numeric::kNegative ? "-" : "";
  for (int i = 0; i <= number->weight; ++i)
    out += i == 0 ? fmt::format("{}", number->digit(i)) : fmt::format("{:04}", number->digit(i));
  if (number->weight < 0) out += "0";
  if (number->scale == 0) return out;
  std::string fraction;
  for (int i = number->weight + 1; std::ssize(fraction) < number->scale; ++i)
    fraction += fmt::format("{:04}", number->digit(i));
  return out + "." + fraction.substr(0, static_cast<std::size_t>(number->scale));
}

bool IsOrdinaryDay(std::int64_t day) { return day >= kFirstDay && day <= kLastDay; }

// Microseconds since 1970 of a date or timestamp; nothing where it is infinite or out of range.
std::optional<std::int64_t> Moment(std::uint32_t type, std::string_view bytes) {
  if (type == kDate) {
    const std::int64_t day = std::int64_t{Whole<std::int32_t>(bytes)} + kDaysTo2000;
    if (!IsOrdinaryDay(day)) return std::nullopt;
    return day * kUsPerDay;
  }
  const auto since_2000 = Whole<std::int64_t>(bytes);
  const std::int64_t day =
      since_2000 / kUsPerDay - (since_2000 % kUsPerDay < 0 ? 1 : 0) + kDaysTo2000;
  if (!IsOrdinaryDay(day)) return std::nullopt;
  return since_2000 + kDaysTo2000 * kUsPerDay;
}

template <typename T>
std::optional<std::string> InfinityText(T value) {
  if (value == std::numeric_limits<T>::max()) return "infinity";
  if (value == std::numeric_limits<T>::min()) return "-infinity";
  return std::nullopt;
}

std::string TimeShown(std::uint32_t type, std::string_view bytes) {
  if (type == kDate) {
    const auto day = Whole<std::int32_t>(bytes);
    return InfinityText(day).value_or(
        DateText(static_cast<std::int32_t>(std::int64_t{day} + kDaysTo2000)));
  }
  const auto since_2000 = Whole<std::int64_t>(bytes);
  std::int64_t since_1970 = 0;
  if (__builtin_add_overflow(since_2000, kDaysTo2000 * kUsPerDay, &since_1970))
    return InfinityText(since_2000).value_or(fmt::format("2000-01-01 + {} us", since_2000));
  return InfinityText(since_2000).value_or(TimestampText(since_1970));
}

Type DecimalOf(int modifier) {
  // The scale has 11 bits with a sign. 3 digits before the last two, numeric(3,-2), are 5 here.
  const int packed = modifier - kModifierHeader;
  const int digits = packed >> 16 & 0xffff;
  const int scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
  const int precision = scale < 0 ? digits - scale : std::max(digits, scale);
  if (modifier < kModifierHeader || precision > kMaxPrecision) return {.kind = TypeKind::kText};
  return {.kind = TypeKind::kDecimal, .precision = precision, .scale = std::max(scale, 0)};
}

}  // namespace

Type TypeOf(const FieldInfo& field) {
  switch (field.type) {
    case kBool:
      return {.kind = TypeKind::kBool};
    case kInt2:
      return {.kind = TypeKind::kInt16};
    case kInt4:
      return {.kind = TypeKind::kInt32};
    case kInt8:
    case kOid:
      return {.kind = TypeKind::kInt64};
    case kFloat4:
    case kFloat8:
      return {.kind = TypeKind::kFloat64};
    case kNumeric:
      return DecimalOf(field.modifier);
    case kBytea:
      return {.kind = TypeKind::kBinary};
    case kDate:
      return {.kind = TypeKind::kDate};
    case kTimestamp:
      return {.kind = TypeKind::kTimestamp};
    case kTimestampTz:
      return {.kind = TypeKind::kTimestampTz};
    default:
      return {.kind = TypeKind::kText};
  }
}

bool IsPrinted(const FieldInfo& field) {
  switch (field.type) {
    case kText:
    case kVarchar:
    case kBpchar:
    case kName:
    case kJson:
      return false;  // their binary form is the text
    default:
      return TypeOf(field).kind == TypeKind::kText;
  }
}

std::optional<Value> Decode(const FieldInfo& field, const Type& type, std::string_view bytes) {
  using Kind = Value::Kind;
  if (bytes.data() == nullptr) return Value{.kind = Kind::kNull};
  if (const std::size_t width = WidthOf(field.type); width != 0 && bytes.size() != width)
    return std::nullopt;
  switch (field.type) {
    case kBool:
      return Value{.kind = Kind::kBool, .integer = bytes[0] != 0 ? 1 : 0};
    case kInt2:
      return Value{.kind = Kind::kInt, .integer = Whole<std::int16_t>(bytes)};
    case kInt4:
      return Value{.kind = Kind::kInt, .integer = Whole<std::int32_t>(bytes)};
    case kOid:
      return Value{.kind = Kind::kInt, .integer = Whole<std::uint32_t>(bytes)};
    case kInt8:
      return Value{.kind = Kind::kInt, .integer = Whole<std::int64_t>(bytes)};
    case kFloat4:
      return Value{.kind = Kind::kDouble,
                   .number = std::bit_cast<float>(Whole<std::uint32_t>(bytes))};
    case kFloat8:
      return Value{.kind = Kind::kDouble,
                   .number = std::bit_cast<double>(Whole<std::uint64_t>(bytes))};
    case kDate:
    case kTimestamp:
    case kTimestampTz:
      if (const auto moment = Moment(field.type, bytes))
        return Value{.kind = Kind::kTime, .integer = *moment};
      return std::nullopt;
    case kNumeric:
      if (type.kind != TypeKind::kDecimal) break;  // the server printed it
      if (const auto unscaled = Unscaled(bytes, type.precision, type.scale))
        return Value{.kind = Kind::kDecimal, .decimal = *unscaled};
      return std::nullopt;
    default:
      break;
  }
  return Value{.kind = Kind::kText, .text = bytes};
}

std::string Shown(const FieldInfo& field, std::string_view bytes) {
  if (const std::size_t width = WidthOf(field.type); width != 0 && bytes.size() != width)
    return fmt::format("{} bytes", bytes.size());
  switch (field.type) {
    case kBool:
      return bytes[0] != 0 ? "true" : "false";
    case kFloat4:
    case kFloat8:
      return fmt::format("{}", Decode(field, TypeOf(field), bytes)->number);
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
      return fmt::format("{}", Decode(field, TypeOf(field), bytes)->integer);
    case kDate:
    case kTimestamp:
    case kTimestampTz:
      return TimeShown(field.type, bytes);
    case kNumeric:
      return IsPrinted(field) ? std::string(bytes) : NumericText(bytes);
    case kBytea: {
      std::string out = "\\x";
      for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
      return out;
    }
    default:
      return std::string(bytes);
  }
}

void CopyRows::Feed(std::string_view bytes) {
  if (left_.empty()) {
    left_ = bytes;
  } else {
    kept_ += bytes;
    left_ = kept_;
  }
}

Result<bool> CopyRows::Next() {
  ASSIGN_OR_RETURN(const bool found, Row());
  if (found) return true;
  kept_ = std::string(left_);  // the bytes that it points into are about to go
  left_ = kept_;
  return false;
}

Result<bool> CopyRows::Header() {
  constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
  constexpr std::size_t kFixed = 19;  // and the flags, and the length of an extension
  if (left_.size() < kFixed) return false;
  const auto flags = Whole<std::uint32_t>(left_, kSignature.size());
  const auto extension = Whole<std::uint32_t>(left_, kSignature.size() + 4);
  if (!left_.starts_with(kSignature) || (flags >> 16) != 0)
    return Fail(ErrorCode::kUnavailable, "what the database sent is no binary COPY");
  if (left_.size() < kFixed + extension) return false;
  left_.remove_prefix(kFixed + extension);
  begun_ = true;
  return true;
}

Result<bool> CopyRows::Row() {
  if (!begun_) {
    ASSIGN_OR_RETURN(const bool begun, Header());
    if (!begun) return false;
  }
  if (ended_ || left_.size() < sizeof(std::int16_t)) return false;
  const auto count = Whole<std::int16_t>(left_);
  if (count == -1) {
    ended_ = true;
    return false;
  }
  if (static_cast<std::size_t>(count) != values_.size())
    return Fail(ErrorCode::kUnavailable, "what the database sent is no binary COPY");
  std::size_t at = sizeof(count);
  for (std::string_view& value : values_) {
    if (left_.size() - at < sizeof(std::int32_t)) return false;
    const auto length = Whole<std::int32_t>(left_, at);
    at += sizeof(length);
    if (length == -1) {
      value = {};
      continue;
    }
    if (length < 0)
      return Fail(ErrorCode::kUnavailable, "what the database sent is no binary COPY");
    if (left_.size() - at < static_cast<std::size_t>(length)) return false;
    value = left_.substr(at, static_cast<std::size_t>(length));
    at += static_cast<std::size_t>(length);
  }
  left_.remove_prefix(at);
  return true;
}

}  // namespace aimass::connectors::postgres
