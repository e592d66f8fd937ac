#include "sources/connectors/mongodb/json.h"

#include <cmath>

#include "base/base64.h"
#include "base/excerpt.h"
#include "base/percent.h"
#include "sources/fields.h"
#include "table/json_rows.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonReader;
using aimass::mongodb::BsonType;
using aimass::mongodb::Element;

constexpr std::int64_t kLastMs = 253'402'300'799'999;  // of the year 9999
constexpr std::int64_t kUsPerMs = 1000;
constexpr std::size_t kShownBytes = 1000;  // of a value in a rejected document

std::string DoubleText(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

// Milliseconds fit in no calendar at the ends of their range.
std::string MomentText(std::int64_t ms) {
  std::int64_t us = 0;
  if (__builtin_mul_overflow(ms, kUsPerMs, &us)) return fmt::format("1970-01-01 + {} ms", ms);
  return TimestampText(us) + "Z";
}

std::string UuidText(std::string_view bytes) {
  std::string text = aimass::mongodb::ObjectIdText(bytes);  // its digits
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

class Writer {
 public:
  // `lenient`: what cannot be written is replaced.
  Writer(std::string& out, bool lenient) : out_(out), lenient_(lenient) {}

  Flaw Value(const Element& element, int depth) {
    switch (element.type) {
      case BsonType::kNull:
        out_ += "null";
        return Flaw::kNone;
      case BsonType::kBool:
        out_ += element.Bool() ? "true" : "false";
        return Flaw::kNone;
      case BsonType::kInt32:
      case BsonType::kInt64:
        out_ += std::to_string(element.Whole());
        return Flaw::kNone;
      case BsonType::kDouble:
        Double(element.Double());
        return Flaw::kNone;
      case BsonType::kString:
        return Text(element.bytes);
      case BsonType::kDocument:
      case BsonType::kArray:
        return Nested(element.bytes, element.type == BsonType::kArray, depth);
      default:
        return Special(element, depth);
    }
  }

  Flaw Nested(std::string_view document, bool array, int depth) {
    if (depth >= kMaxDepth) {
      out_ += "\"…\"";
      return lenient_ ? Flaw::kNone : Flaw::kTooDeep;
    }
    out_ += array ? '[' : '{';
    bool first = true;
    BsonReader reader(document);
    while (reader.Next()) {
      if (!first) out_ += ',';
      first = false;
      if (!array) {
        if (const Flaw flaw = Text(reader.element().name); flaw != Flaw::kNone) return flaw;
        out_ += ':';
      }
      if (const Flaw flaw = Value(reader.element(), depth + 1); flaw != Flaw::kNone) return flaw;
    }
    out_ += array ? ']' : '}';
    return reader.damaged() && !lenient_ ? Flaw::kDamaged : Flaw::kNone;
  }

 private:
  Flaw Text(std::string_view text) {
    if (!lenient_ && !IsUtf8(text)) return Flaw::kNotUtf8;
    AppendJsonText(out_, text);
    return Flaw::kNone;
  }

  void Double(double value) {
    if (std::isfinite(value)) {
      out_ += DoubleText(value);
    } else if (std::isnan(value)) {
      out_ += R"({"$numberDouble":"NaN"})";
    } else {
      out_ += value > 0 ? R"({"$numberDouble":"Infinity"})" : R"({"$numberDouble":"-Infinity"})";
    }
  }

  void Date(std::int64_t ms) {
    if (ms >= 0 && ms <= kLastMs) {
      out_ += R"({"$date":")" + MomentText(ms) + R"("})";
    } else {
      out_ += fmt::format(R"({{"$date":{{"$numberLong":"{}"}}}})", ms);
    }
  }

  void Binary(const Element& element) {
    out_ += R"({"$binary":{"base64":")";
    AppendBase64(out_, element.bytes);
    out_ += fmt::format(R"(","subType":"{:02x}"}}}})", element.subtype);
  }

  // The pattern and its options lie there one behind the other.
  Flaw Regex(std::string_view bytes) {
    const std::size_t end = bytes.find('\0');
    out_ += R"({"$regularExpression":{"pattern":)";
    if (const Flaw flaw = Text(bytes.substr(0, end)); flaw != Flaw::kNone) return flaw;
    out_ += R"(,"options":)";
    if (const Flaw flaw = Text(bytes.substr(end + 1, bytes.size() - end - 2)); flaw != Flaw::kNone)
      return flaw;
    out_ += "}}";
    return Flaw::kNone;
  }

  // A text that begins with its length, as BSON has it; takes it from `bytes`.
  static std::string_view TakeText(std::string_view& bytes) {
    constexpr std::size_t kLengthBytes = 4;
    const Element length{.name = {}, .type = BsonType::kInt32, .bytes = bytes};
    const auto size = bytes.size() < kLengthBytes ? 0 : static_cast<std::size_t>(length.Whole());
    if (size == 0 || size > bytes.size() - kLengthBytes) return {};
    const std::string_view text = bytes.substr(kLengthBytes, size - 1);
    bytes.remove_prefix(kLengthBytes + size);
    return text;
  }

  Flaw CodeWithScope(std::string_view bytes, int depth) {
    bytes.remove_prefix(4);  // the length of both
    out_ += R"({"$code":)";
    if (const Flaw flaw = Text(TakeText(bytes)); flaw != Flaw::kNone) return flaw;
    out_ += R"(,"$scope":)";
    if (const Flaw flaw = Nested(bytes, false, depth + 1); flaw != Flaw::kNone) return flaw;
    out_ += '}';
    return Flaw::kNone;
  }

  Flaw DbPointer(std::string_view bytes) {
    out_ += R"({"$dbPointer":{"$ref":)";
    if (const Flaw flaw = Text(TakeText(bytes)); flaw != Flaw::kNone) return flaw;
    out_ += R"(,"$id":{"$oid":")" + aimass::mongodb::ObjectIdText(bytes) + R"("}}})";
    return Flaw::kNone;
  }

  void Timestamp(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    out_ += fmt::format(R"({{"$timestamp":{{"t":{},"i":{}}}}})", bits >> 32, bits & 0xffffffff);
  }

  Flaw Named(std::string_view name, std::string_view text) {
    out_ += fmt::format(R"({{"{}":)", name);
    if (const Flaw flaw = Text(text); flaw != Flaw::kNone) return flaw;
    out_ += '}';
    return Flaw::kNone;
  }

  Flaw Special(const Element& element, int depth) {
    switch (element.type) {
      case BsonType::kObjectId:
        return Named("$oid", aimass::mongodb::ObjectIdText(element.bytes));
      case BsonType::kDecimal128:
        return Named("$numberDecimal", aimass::mongodb::Decimal128Text(element.bytes));
      case BsonType::kCode:
        return Named("$code", element.bytes);
      case BsonType::kSymbol:
        return Named("$symbol", element.bytes);
      case BsonType::kRegex:
        return Regex(element.bytes);
      case BsonType::kCodeWithScope:
        return CodeWithScope(element.bytes, depth);
      case BsonType::kDbPointer:
        return DbPointer(element.bytes);
      case BsonType::kDate:
        Date(element.Whole());
        break;
      case BsonType::kBinary:
        Binary(element);
        break;
      case BsonType::kTimestamp:
        Timestamp(element.Whole());
        break;
      case BsonType::kUndefined:
        out_ += R"({"$undefined":true})";
        break;
      case BsonType::kMinKey:
        out_ += R"({"$minKey":1})";
        break;
      default:
        out_ += R"({"$maxKey":1})";
        break;
    }
    return Flaw::kNone;
  }

  std::string& out_;
  bool lenient_;
};

}  // namespace

Flaw AppendJson(std::string& out, const Element& element) {
  return Writer(out, false).Value(element, 0);
}

Flaw AppendText(std::string& out, const Element& element) {
  switch (element.type) {
    case BsonType::kString:
    case BsonType::kSymbol:
      if (!IsUtf8(element.bytes)) return Flaw::kNotUtf8;
      out += element.bytes;
      return Flaw::kNone;
    case BsonType::kDouble:
      if (std::isfinite(element.Double())) {
        out += DoubleText(element.Double());
      } else {
        out += std::isnan(element.Double()) ? "NaN"
               : element.Double() > 0       ? "Infinity"
                                            : "-Infinity";
      }
      return Flaw::kNone;
    case BsonType::kObjectId:
      out += aimass::mongodb::ObjectIdText(element.bytes);
      return Flaw::kNone;
    case BsonType::kDecimal128:
      out += aimass::mongodb::Decimal128Text(element.bytes);
      return Flaw::kNone;
    case BsonType::kDate:
      out += MomentText(element.Whole());
      return Flaw::kNone;
    case BsonType::kBinary:
      if (element.IsUuid()) {
        out += UuidText(element.bytes);
      } else {
        AppendBase64(out, element.bytes);
      }
      return Flaw::kNone;
    default:
      return AppendJson(out, element);
  }
}

std::string ShownValue(const Element& element, std::size_t max_bytes) {
  std::string json;
  [[maybe_unused]] const Flaw none = Writer(json, true).Value(element, 0);
  return Excerpt(json, max_bytes);
}

std::string ShownDocument(std::string_view document) {
  std::string out = "{";
  BsonReader reader(document);
  while (reader.Next()) {
    if (out.size() > 1) out += ',';
    AppendJsonText(out, reader.element().name);
    out += ':';
    std::string json;
    [[maybe_unused]] const Flaw none = Writer(json, true).Value(reader.element(), 0);
    if (json.size() <= kShownBytes) {
      out += json;
    } else {
      AppendJsonText(out, Excerpt(json, kShownBytes));
    }
  }
  return out + "}";
}

}  // namespace aimass::connectors::mongodb
