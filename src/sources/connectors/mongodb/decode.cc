#include "sources/connectors/mongodb/decode.h"

#include <cmath>

#include "base/percent.h"
#include "sources/connectors/mongodb/json.h"
#include "sources/fields.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonType;
using aimass::mongodb::Element;
using Kind = Value::Kind;

constexpr std::int64_t kFirstMs = -62'135'596'800'000;  // of the year 1
constexpr std::int64_t kLastMs = 253'402'300'799'999;   // of the year 9999
constexpr std::size_t kShownBytes = 100;
constexpr double kTwoTo63 = 9'223'372'036'854'775'808.0;

bool IsWhole(const Element& element) {
  return element.type == BsonType::kInt32 || element.type == BsonType::kInt64;
}

std::optional<Value> DecodeWhole(const Element& element) {
  if (IsWhole(element)) return Value{.kind = Kind::kInt, .integer = element.Whole()};
  if (element.type == BsonType::kDouble) {
    if (const auto whole = ExactWhole(element.Double()))
      return Value{.kind = Kind::kInt, .integer = *whole};
  }
  if (element.type == BsonType::kDecimal128) {
    constexpr int kDigits = 19;
    const auto whole =
        aimass::mongodb::Unscaled(aimass::mongodb::Decimal128Of(element.bytes), kDigits, 0);
    if (whole && *whole == static_cast<std::int64_t>(*whole))
      return Value{.kind = Kind::kInt, .integer = static_cast<std::int64_t>(*whole)};
  }
  return std::nullopt;
}

std::optional<Value> DecodeDouble(const Element& element) {
  if (element.type == BsonType::kDouble)
    return Value{.kind = Kind::kDouble, .number = element.Double()};
  if (IsWhole(element)) {
    if (const auto number = ExactDouble(element.Whole()))
      return Value{.kind = Kind::kDouble, .number = *number};
  }
  return std::nullopt;
}

std::optional<Value> DecodeDecimal(const Element& element, const Type& type) {
  aimass::mongodb::Decimal128 number{.finite = true};
  if (element.type == BsonType::kDecimal128) {
    number = aimass::mongodb::Decimal128Of(element.bytes);
  } else if (IsWhole(element)) {
    number.coefficient = element.Whole();
  } else {
    return std::nullopt;
  }
  const auto unscaled = aimass::mongodb::Unscaled(number, type.precision, type.scale);
  if (!unscaled) return std::nullopt;
  return Value{.kind = Kind::kDecimal, .decimal = *unscaled};
}

std::optional<Value> DecodeTyped(const Element& element, const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      if (element.type != BsonType::kBool) return std::nullopt;
      return Value{.kind = Kind::kBool, .integer = element.Bool() ? 1 : 0};
    case TypeKind::kInt64:
      return DecodeWhole(element);
    case TypeKind::kFloat64:
      return DecodeDouble(element);
    case TypeKind::kDecimal:
      return DecodeDecimal(element, type);
    case TypeKind::kBinary:
      if (element.type != BsonType::kBinary) return std::nullopt;
      return Value{.kind = Kind::kText, .text = element.bytes};
    case TypeKind::kTimestampTz:
      if (element.type == BsonType::kDate) {
        if (const auto us = OrdinaryMoment(element.Whole()))
          return Value{.kind = Kind::kTime, .integer = *us};
      }
      return std::nullopt;
    default:  // a column that this connector never proposes
      return std::nullopt;
  }
}

Message NoText(Flaw flaw, const Element& element, const ColumnInfo& column) {
  switch (flaw) {
    case Flaw::kTooDeep:
      return Msg("column '{}': more than {} levels are nested in each other", column.name,
                 kMaxDepth);
    case Flaw::kDamaged:
      return Msg("column '{}': it is damaged: no BSON", column.name);
    default:
      return Msg("column '{}': {} is no UTF-8 text", column.name, ShownValue(element, kShownBytes));
  }
}

}  // namespace

std::expected<Value, Message> Decode(const Element& element, const ColumnInfo& column,
                                     std::string& made) {
  if (element.IsNull()) return Value{.kind = Kind::kNull};
  if (column.type.kind != TypeKind::kText) {
    if (const auto value = DecodeTyped(element, column.type)) return *value;
    return std::unexpected(Msg("column '{}': '{}' is no {}", column.name,
                               ShownValue(element, kShownBytes), TypeName(column.type)));
  }
  if (element.type == BsonType::kString && IsUtf8(element.bytes))  // as nearly all are
    return Value{.kind = Kind::kText, .text = element.bytes};
  made.clear();
  const Flaw flaw = AppendText(made, element);
  if (flaw == Flaw::kNone) return Value{.kind = Kind::kText, .text = made};
  return std::unexpected(NoText(flaw, element, column));
}

std::optional<double> ExactDouble(std::int64_t value) {
  const auto number = static_cast<double>(value);
  return ExactWhole(number) == value ? std::optional(number) : std::nullopt;
}

std::optional<std::int64_t> ExactWhole(double value) {
  if (!(value >= -kTwoTo63 && value < kTwoTo63) || std::trunc(value) != value) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> OrdinaryMoment(std::int64_t ms) {
  constexpr std::int64_t kUsPerMs = 1000;
  if (ms < kFirstMs || ms > kLastMs) return std::nullopt;
  return ms * kUsPerMs;
}

std::unexpected<Error> NoBson() {
  return Fail(ErrorCode::kUnavailable, "what the database sent is no BSON");
}

}  // namespace aimass::connectors::mongodb
