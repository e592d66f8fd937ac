#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "table/batch.h"

namespace aimass::mongodb {

/// The types of values in BSON, by the byte that says so.
enum class BsonType : std::uint8_t {
  kDouble = 0x01,
  kString = 0x02,
  kDocument = 0x03,
  kArray = 0x04,
  kBinary = 0x05,
  kUndefined = 0x06,
  kObjectId = 0x07,
  kBool = 0x08,
  kDate = 0x09,
  kNull = 0x0a,
  kRegex = 0x0b,
  kDbPointer = 0x0c,
  kCode = 0x0d,
  kSymbol = 0x0e,
  kCodeWithScope = 0x0f,
  kInt32 = 0x10,
  kTimestamp = 0x11,
  kInt64 = 0x12,
  kDecimal128 = 0x13,
  kMaxKey = 0x7f,
  kMinKey = 0xff,
};

/// A named value of a document. It points into the document's bytes.
struct Element {
  static constexpr std::uint8_t kUuid = 4;

  std::string_view name;  // any bytes
  BsonType type = BsonType::kNull;
  /// Of strings, symbols and code the text; of documents and arrays all their bytes; of binary its
  /// payload; of everything else the bytes as they lie there.
  std::string_view bytes;
  std::uint8_t subtype = 0;  // of binary

  [[nodiscard]] bool IsNull() const {
    return type == BsonType::kNull || type == BsonType::kUndefined;
  }
  [[nodiscard]] bool IsUuid() const {
    return type == BsonType::kBinary && subtype == kUuid && bytes.size() == 16;
  }
  [[nodiscard]] bool Bool() const { return bytes[0] != 0; }
  [[nodiscard]] std::int64_t Whole() const;  // of kInt32, kInt64, kDate (milliseconds since 1970)
  [[nodiscard]] double Double() const;
};

/// Walks over the elements of a document, whose bytes may be anything.
///
///     for (BsonReader reader(bytes); reader.Next();) Use(reader.element());
///
/// Threads  one at a time.
/// Source   bsonspec.org, version 1.1.
class BsonReader {
 public:
  explicit BsonReader(std::string_view document);

  /// False at the end, and where the bytes are no BSON any more: damaged() says which.
  [[nodiscard]] bool Next();
  [[nodiscard]] const Element& element() const { return element_; }
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  [[nodiscard]] bool TakeValue();
  [[nodiscard]] bool Take(std::size_t bytes);
  [[nodiscard]] bool TakeText();
  [[nodiscard]] bool TakeSized(std::size_t least);  // what begins with its own length
  [[nodiscard]] bool TakeBinary();
  [[nodiscard]] bool SkipName(std::string_view& name);

  std::string_view left_;  // without the 0 at the document's end
  Element element_;
  bool damaged_ = false;
};

/// The value of the first element with this name; nothing where there is none.
[[nodiscard]] std::optional<Element> Find(std::string_view document, std::string_view name);

/// A Decimal128: coefficient × 10^exponent, or no number.
struct Decimal128 {
  bool finite = false;
  Int128 coefficient = 0;  // with its sign; at most 34 digits
  int exponent = 0;
};
/// Of the 16 bytes of an element.
[[nodiscard]] Decimal128 Decimal128Of(std::string_view bytes);
/// In units of 10^-scale; nothing where it is no such number, or has more than `precision` digits.
[[nodiscard]] std::optional<Int128> Unscaled(const Decimal128& value, int precision, int scale);
/// As everybody writes it: "12.50", "1E+400", "NaN", "-Infinity".
[[nodiscard]] std::string Decimal128Text(std::string_view bytes);

/// The 24 hexadecimal digits of an ObjectId, and its time, which is its first four bytes.
[[nodiscard]] std::string ObjectIdText(std::string_view bytes);
[[nodiscard]] std::int64_t ObjectIdSeconds(std::string_view bytes);

/// A document from Extended JSON.
/// Errors   kInvalidArgument with the reason.
/// Source   libbson 1.23.
[[nodiscard]] Result<std::string> BsonFromJson(std::string_view json);

}  // namespace aimass::mongodb
