// libbson 1.23 for JSON and the text of decimals.
#include "native/mongodb/bson.h"

#include <bson/bson.h>

#include <array>
#include <bit>
#include <cstring>

namespace aimass::mongodb {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kEmptyDocument = 5;
constexpr int kMaxPrecision = 38;

static_assert(std::endian::native == std::endian::little, "BSON is little-endian");

template <typename T>
T Number(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// What a value of this length begins with; nothing where the length cannot be.
std::optional<std::size_t> LengthOf(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return std::nullopt;
  const auto length = Number<std::int32_t>(bytes);
  if (length < 0) return std::nullopt;
  return static_cast<std::size_t>(length);
}

constexpr std::array<Int128, kMaxPrecision + 1> kPowersOfTen = [] {
  std::array<Int128, kMaxPrecision + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

}  // namespace

std::int64_t Element::Whole() const {
  return type == BsonType::kInt32 ? Number<std::int32_t>(bytes) : Number<std::int64_t>(bytes);
}

double Element::Double() const { return Number<double>(bytes); }

BsonReader::BsonReader(std::string_view document) {
  const auto length = LengthOf(document);
  if (!length || *length != document.size() || *length < kEmptyDocument ||
      document.back() != '\0') {
    damaged_ = true;
    return;
  }
  left_ = document.substr(kLengthBytes, document.size() - kEmptyDocument);
}

bool BsonReader::Next() {
  if (damaged_ || left_.empty()) return false;
  element_ = {};
  element_.type = static_cast<BsonType>(left_.front());
  left_.remove_prefix(1);
  damaged_ = !SkipName(element_.name) || !TakeValue();
  return !damaged_;
}

bool BsonReader::SkipName(std::string_view& name) {
  const std::size_t end = left_.find('\0');
  if (end == std::string_view::npos) return false;
  name = left_.substr(0, end);
  left_.remove_prefix(end + 1);
  return true;
}

bool BsonReader::Take(std::size_t bytes) {
  if (left_.size() < bytes) return false;
  element_.bytes = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return true;
}

bool BsonReader::TakeText() {
  const auto length = LengthOf(left_);
  if (!length || *length == 0 || !Take(kLengthBytes) || !Take(*length)) return false;
  if (element_.bytes.back() != '\0') return false;
  element_.bytes.remove_suffix(1);
  return true;
}

bool BsonReader::TakeSized(std::size_t least) {
  const auto length = LengthOf(left_);
  return length && *length >= least && Take(*length);
}

bool BsonReader::TakeBinary() {
  constexpr std::uint8_t kOldBinary = 2;  // with its length once more inside
  const auto length = LengthOf(left_);
  if (!length || !Take(kLengthBytes) || !Take(1)) return false;
  element_.subtype = static_cast<std::uint8_t>(element_.bytes.front());
  if (!Take(*length)) return false;
  const auto inner = LengthOf(element_.bytes);
  if (element_.subtype == kOldBinary && inner && *inner + kLengthBytes == element_.bytes.size())
    element_.bytes.remove_prefix(kLengthBytes);
  return true;
}

bool BsonReader::TakeValue() {
  switch (element_.type) {
    case BsonType::kUndefined:
    case BsonType::kNull:
    case BsonType::kMinKey:
    case BsonType::kMaxKey:
      return true;
    case BsonType::kBool:
      return Take(1);
    case BsonType::kInt32:
      return Take(4);
    case BsonType::kDouble:
    case BsonType::kDate:
    case BsonType::kTimestamp:
    case BsonType::kInt64:
      return Take(8);
    case BsonType::kObjectId:
      return Take(12);
    case BsonType::kDecimal128:
      return Take(16);
    case BsonType::kString:
    case BsonType::kCode:
    case BsonType::kSymbol:
      return TakeText();
    case BsonType::kDocument:
    case BsonType::kArray:
      return TakeSized(kEmptyDocument);
    case BsonType::kCodeWithScope:
      return TakeSized(kLengthBytes + kEmptyDocument + kEmptyDocument);
    case BsonType::kBinary:
      return TakeBinary();
    case BsonType::kRegex: {
      const std::string_view from = left_;
      std::string_view part;
      if (!SkipName(part) || !SkipName(part)) return false;
      element_.bytes = from.substr(0, from.size() - left_.size());
      return true;
    }
    case BsonType::kDbPointer: {
      const std::string_view from = left_;
      if (!TakeText() || !Take(12)) return false;
      element_.bytes = from.substr(0, from.size() - left_.size());
      return true;
    }
  }
  return false;
}

std::optional<Element> Find(std::string_view document, std::string_view name) {
  for (BsonReader reader(document); reader.Next();) {
    if (reader.element().name == name) return reader.element();
  }
  return std::nullopt;
}

Decimal128 Decimal128Of(std::string_view bytes) {
  constexpr int kBias = 6176;
  constexpr std::uint64_t kExponentMask = 0x3fff;
  const auto low = Number<std::uint64_t>(bytes);
  const auto high = Number<std::uint64_t>(bytes.substr(8));
  const bool negative = (high >> 63) != 0;
  if ((high >> 59 & 0xf) == 0xf) return {};  // NaN and the infinities
  // The other form of a coefficient would have more than 34 digits, which means zero.
  if ((high >> 61 & 3) == 3)
    return {.finite = true, .exponent = static_cast<int>(high >> 47 & kExponentMask) - kBias};
  Int128 coefficient = static_cast<Int128>(high & 0x1ffffffffffff) << 64 | low;
  if (coefficient >= kPowersOfTen[34]) coefficient = 0;
  return {.finite = true,
          .coefficient = negative ? -coefficient : coefficient,
          .exponent = static_cast<int>(high >> 49 & kExponentMask) - kBias};
}

std::optional<Int128> Unscaled(const Decimal128& value, int precision, int scale) {
  if (!value.finite) return std::nullopt;
  Int128 result = value.coefficient;
  if (result == 0) return result;
  const int shift = value.exponent + scale;
  if (shift > kMaxPrecision || shift < -kMaxPrecision) return std::nullopt;
  const Int128 limit = kPowersOfTen.at(static_cast<std::size_t>(precision));
  if (shift >= 0) {
    const Int128 factor = kPowersOfTen.at(static_cast<std::size_t>(shift));
    const Int128 size = result < 0 ? -result : result;
    if (size > (limit - 1) / factor) return std::nullopt;
    return result * factor;
  }
  const Int128 divisor = kPowersOfTen.at(static_cast<std::size_t>(-shift));
  if (result % divisor != 0) return std::nullopt;
  result /= divisor;
  return result < limit && result > -limit ? std::optional(result) : std::nullopt;
}

std::string Decimal128Text(std::string_view bytes) {
  const bson_decimal128_t value{.low = Number<std::uint64_t>(bytes),
                                .high = Number<std::uint64_t>(bytes.substr(8))};
  std::array<char, BSON_DECIMAL128_STRING> text{};
  bson_decimal128_to_string(&value, text.data());
  return text.data();
}

std::string ObjectIdText(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 0xf];
  }
  return text;
}

std::int64_t ObjectIdSeconds(std::string_view bytes) {
  return std::int64_t{std::byteswap(Number<std::uint32_t>(bytes))};
}

Result<std::string> BsonFromJson(std::string_view json) {
  bson_error_t error{};
  bson_t* const made = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(json.data()),
                                          static_cast<ssize_t>(json.size()), &error);
  if (made == nullptr)
    return Fail(ErrorCode::kInvalidArgument, "it is no Extended JSON: {}", error.message);
  std::string bytes(reinterpret_cast<const char*>(bson_get_data(made)), made->len);
  bson_destroy(made);
  return bytes;
}

}  // namespace aimass::mongodb
