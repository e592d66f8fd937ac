// simdjson 3.0.
#include "sources/connectors/elasticsearch/decode.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/base64.h"

namespace aimass::connectors::elasticsearch {
namespace {

using simdjson::ondemand::json_type;
using Kind = Value::Kind;

std::string_view Trimmed(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

template <typename T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Also "3.0" and "1e3", as long as it is exact.
std::optional<std::int64_t> Whole(std::string_view text) {
  constexpr double kLargestExact = 0x1p53;
  if (const auto value = Number<std::int64_t>(text)) return value;
  const auto value = Number<double>(text);
  if (!value || std::trunc(*value) != *value || std::abs(*value) > kLargestExact)
    return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

bool Holds(TypeKind kind, std::int64_t value) {
  const auto fits = [value](auto limits) { return value >= limits.min() && value <= limits.max(); };
  if (kind == TypeKind::kInt8) return fits(std::numeric_limits<std::int8_t>());
  if (kind == TypeKind::kInt16) return fits(std::numeric_limits<std::int16_t>());
  return kind != TypeKind::kInt32 || fits(std::numeric_limits<std::int32_t>());
}

std::optional<Value> DecodeNumber(const MappedField& field, std::string_view text) {
  if (text.empty()) return Value{.kind = Kind::kNull};
  if (field.form == Form::kWhole) {
    const auto whole = Whole(text);
    if (!whole || !Holds(field.type.kind, *whole)) return std::nullopt;
    return Value{.kind = Kind::kInt, .integer = *whole};
  }
  if (field.form == Form::kUnsigned) {
    if (const auto value = Number<std::uint64_t>(text))
      return Value{.kind = Kind::kDecimal, .decimal = static_cast<Int128>(*value)};
    const auto whole = Whole(text);
    if (!whole || *whole < 0) return std::nullopt;
    return Value{.kind = Kind::kDecimal, .decimal = *whole};
  }
  const auto number = Number<double>(text);
  if (!number || !std::isfinite(*number)) return std::nullopt;
  return Value{.kind = Kind::kDouble, .number = *number};
}

}  // namespace

std::optional<Value> DecodeMoment(const MappedField& field, std::string_view text) {
  static constexpr std::array<DateForm, 1> kIso = {DateForm::kIso};
  const auto us = ParseDate(text, kIso, field.nanos);
  if (!us) return std::nullopt;
  return Value{.kind = Kind::kTime, .integer = *us};
}

simdjson::simdjson_result<std::string_view> RawJson(simdjson::ondemand::value value) {
  std::string_view raw;
  if (const auto error = simdjson::to_json_string(value).get(raw)) return error;
  return Trimmed(raw);
}

std::optional<Value> Decode(const MappedField& field, simdjson::ondemand::value value,
                            std::deque<std::string>& kept) {
  json_type type{};
  if (value.type().get(type)) return std::nullopt;
  std::string_view text;
  if (type == json_type::string) {
    if (value.get_string().get(text)) return std::nullopt;
  } else if (type == json_type::number || type == json_type::boolean) {
    text = Trimmed(value.raw_json_token());
  } else {
    return std::nullopt;
  }
  switch (field.form) {
    case Form::kWhole:
    case Form::kUnsigned:
    case Form::kNumber:
      if (type == json_type::boolean) return std::nullopt;
      return DecodeNumber(field, text);
    case Form::kBool:
      if (text == "true") return Value{.kind = Kind::kBool, .integer = 1};
      if (text == "false" || text.empty()) return Value{.kind = Kind::kBool, .integer = 0};
      return std::nullopt;
    case Form::kMoment:
      if (const auto us = ParseDate(text, field.dates, field.nanos))
        return Value{.kind = Kind::kTime, .integer = *us};
      return std::nullopt;
    case Form::kBinary: {
      auto bytes = FromBase64(text);
      if (!bytes) return std::nullopt;
      kept.push_back(std::move(*bytes));
      return Value{.kind = Kind::kText, .text = kept.back()};
    }
    default:
      return Value{.kind = Kind::kText, .text = text};
  }
}

}  // namespace aimass::connectors::elasticsearch
