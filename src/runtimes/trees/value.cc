#include "runtimes/trees/value.h"

#include <simdjson.h>

#include <bit>
#include <cstring>

namespace aimass::runtimes::trees {
namespace {

constexpr int kMaxDepth = 48;

// Packs an array whose elements are all numbers; others stay as they are.
void Pack(Value& value) {
  for (const Value& item : value.array) {
    if (item.kind != Value::Kind::kNumber) return;
  }
  value.kind = Value::Kind::kNumbers;
  value.numbers.reserve(value.array.size());
  for (const Value& item : value.array) value.numbers.push_back(item.number);
  value.array.clear();
}

Result<Value> FromSimd(simdjson::dom::element element, int depth) {
  if (depth > kMaxDepth) {
    return Fail(ErrorCode::kUnprocessable, "the model file is nested deeper than {} levels",
                kMaxDepth);
  }
  using simdjson::dom::element_type;
  Value value;
  switch (element.type()) {
    case element_type::ARRAY: {
      const simdjson::dom::array array = element.get_array().value_unsafe();
      bool numbers = true;
      for (const auto item : array) {
        const auto type = item.type();
        numbers = numbers && (type == element_type::DOUBLE || type == element_type::INT64 ||
                              type == element_type::UINT64 || type == element_type::BOOL);
      }
      value.kind = numbers ? Value::Kind::kNumbers : Value::Kind::kArray;
      for (const auto item : array) {
        ASSIGN_OR_RETURN(Value child, FromSimd(item, depth + 1));
        if (numbers) {
          value.numbers.push_back(child.number);
        } else {
          value.array.push_back(std::move(child));
        }
      }
      return value;
    }
    case element_type::OBJECT: {
      value.kind = Value::Kind::kObject;
      const simdjson::dom::object object = element.get_object().value_unsafe();
      for (const auto field : object) {
        ASSIGN_OR_RETURN(Value child, FromSimd(field.value, depth + 1));
        value.object.emplace_back(std::string(field.key), std::move(child));
      }
      return value;
    }
    case element_type::STRING:
      value.kind = Value::Kind::kText;
      value.text = std::string(element.get_string().value_unsafe());
      return value;
    case element_type::BOOL:
      value.kind = Value::Kind::kNumber;
      value.number = element.get_bool().value_unsafe() ? 1.0 : 0.0;
      return value;
    case element_type::NULL_VALUE:
      return value;
    default:
      value.kind = Value::Kind::kNumber;
      value.number = element.get_double().value_unsafe();
      return value;
  }
}

// A cursor over UBJSON bytes: numbers are big-endian, lengths are numbers with a type marker.
class UbjReader {
 public:
  explicit UbjReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Value> Document() {
    ASSIGN_OR_RETURN(const char marker, Marker());
    ASSIGN_OR_RETURN(Value value, Read(marker, 0));
    return value;
  }

 private:
  [[nodiscard]] std::unexpected<Error> Broken(std::string_view expected) const {
    return Fail(ErrorCode::kUnprocessable, "the UBJ file is broken at byte {}: expected {}", at_,
                expected);
  }

  Result<char> Marker() {
    while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;  // no-op
    if (at_ >= bytes_.size()) return Broken("a value, found the end of the file");
    return bytes_[at_++];
  }

  template <typename T>
  Result<T> Big() {
    if (bytes_.size() - at_ < sizeof(T)) return Broken("a number, found the end of the file");
    unsigned char raw[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      raw[sizeof(T) - 1 - i] = static_cast<unsigned char>(bytes_[at_ + i]);
    }
    at_ += sizeof(T);
    T value;
    std::memcpy(&value, raw, sizeof(T));
    return value;
  }

  template <typename T>
  Result<double> Number() {
    ASSIGN_OR_RETURN(const T value, Big<T>());
    return static_cast<double>(value);
  }

  Result<double> NumberOf(char marker) {
    switch (marker) {
      case 'i':
        return Number<std::int8_t>();
      case 'U':
        return Number<std::uint8_t>();
      case 'I':
        return Number<std::int16_t>();
      case 'l':
        return Number<std::int32_t>();
      case 'L':
        return Number<std::int64_t>();
      case 'd':
        return Number<float>();
      case 'D':
        return Number<double>();
      default:
        return Broken("a type of number");
    }
  }

  static std::size_t SizeOf(char marker) {
    switch (marker) {
      case 'i':
      case 'U':
        return 1;
      case 'I':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }

  Result<std::size_t> Length() {
    ASSIGN_OR_RETURN(const char marker, Marker());
    if (marker == 'd' || marker == 'D') return Broken("a whole number as length");
    ASSIGN_OR_RETURN(const double length, NumberOf(marker));
    // Every element takes at least one byte, so nothing valid is longer than what is left.
    if (!(length >= 0) || length > static_cast<double>(bytes_.size() - at_)) {
      return Broken("a length that fits into the file");
    }
    return static_cast<std::size_t>(length);
  }

  Result<std::string> Text() {
    ASSIGN_OR_RETURN(const std::size_t length, Length());
    std::string text(bytes_.substr(at_, length));
    at_ += length;
    return text;
  }

  bool Take(char marker) {
    if (at_ >= bytes_.size() || bytes_[at_] != marker) return false;
    ++at_;
    return true;
  }

  Result<Value> Array(int depth) {
    Value value;
    value.kind = Value::Kind::kArray;
    char type = 0;
    if (Take('$')) {
      ASSIGN_OR_RETURN(type, Marker());
      if (at_ >= bytes_.size() || bytes_[at_] != '#')
        return Broken("'#' after the type of an array");
    }
    if (Take('#')) {
      ASSIGN_OR_RETURN(const std::size_t count, Length());
      const std::size_t size = SizeOf(type);
      if (type != 0 && size != 0) {
        if (count > (bytes_.size() - at_) / size) return Broken("an array that fits into the file");
        value.kind = Value::Kind::kNumbers;
        value.numbers.reserve(count);
        for (std::size_t i = 0; i < count; ++i) value.numbers.push_back(*NumberOf(type));
        return value;
      }
      if (type == 'T' || type == 'F' || type == 'Z' || type == 'N') {
        return Broken("an array whose elements have a content");
      }
      for (std::size_t i = 0; i < count; ++i) {
        char marker = type;
        if (type == 0) {
          ASSIGN_OR_RETURN(marker, Marker());
        }
        ASSIGN_OR_RETURN(Value item, Read(marker, depth + 1));
        value.array.push_back(std::move(item));
      }
    } else {
      while (!Take(']')) {
        ASSIGN_OR_RETURN(const char marker, Marker());
        if (marker == ']') break;
        ASSIGN_OR_RETURN(Value item, Read(marker, depth + 1));
        value.array.push_back(std::move(item));
      }
    }
    Pack(value);
    return value;
  }

  Result<Value> Object(int depth) {
    Value value;
    value.kind = Value::Kind::kObject;
    const bool counted = Take('#');
    std::size_t count = 0;
    if (counted) {
      ASSIGN_OR_RETURN(count, Length());
    }
    for (std::size_t i = 0; counted ? i < count : !Take('}'); ++i) {
      ASSIGN_OR_RETURN(std::string key, Text());
      ASSIGN_OR_RETURN(const char marker, Marker());
      ASSIGN_OR_RETURN(Value item, Read(marker, depth + 1));
      value.object.emplace_back(std::move(key), std::move(item));
    }
    return value;
  }

  Result<Value> Read(char marker, int depth) {
    if (depth > kMaxDepth) {
      return Fail(ErrorCode::kUnprocessable, "the model file is nested deeper than {} levels",
                  kMaxDepth);
    }
    Value value;
    switch (marker) {
      case '{':
        return Object(depth);
      case '[':
        return Array(depth);
      case 'S': {
        value.kind = Value::Kind::kText;
        ASSIGN_OR_RETURN(value.text, Text());
        return value;
      }
      case 'C': {
        value.kind = Value::Kind::kText;
        ASSIGN_OR_RETURN(const char letter, Big<char>());
        value.text = std::string(1, letter);
        return value;
      }
      case 'T':
      case 'F':
        value.kind = Value::Kind::kNumber;
        value.number = marker == 'T' ? 1.0 : 0.0;
        return value;
      case 'Z':
        return value;
      default: {
        value.kind = Value::Kind::kNumber;
        ASSIGN_OR_RETURN(value.number, NumberOf(marker));
        return value;
      }
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

const Value* Value::Find(std::string_view key) const {
  for (const auto& [name, value] : object) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<Value> ParseJsonValue(std::string_view text) {
  try {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const auto error = parser.parse(text.data(), text.size()).get(root);
    if (error != simdjson::SUCCESS) {
      return Fail(ErrorCode::kUnprocessable, "the model file is not valid JSON: {}",
                  simdjson::error_message(error));
    }
    return FromSimd(root, 0);
  } catch (const std::exception& problem) {
    return Fail(ErrorCode::kUnprocessable, "the model file is not valid JSON: {}", problem.what());
  }
}

Result<Value> ParseUbj(std::string_view bytes) { return UbjReader(bytes).Document(); }

}  // namespace aimass::runtimes::trees
