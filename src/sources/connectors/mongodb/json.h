#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "native/mongodb/bson.h"

namespace aimass::connectors::mongodb {

/// Why a value has no text.
enum class Flaw : std::uint8_t {
  kNone,
  kNotUtf8,
  kTooDeep,  // more than kMaxDepth documents and arrays in each other
  kDamaged,  // no BSON
};
inline constexpr int kMaxDepth = 200;  // servers take 100

/// Appends a value as relaxed Extended JSON, without blanks: what JSON has, as JSON has it, and all
/// else as `{"$oid":"…"}`. A document's fields come in its order.
/// Threads  pure function.
/// Source   the specification "MongoDB Extended JSON (v2)".
[[nodiscard]] Flaw AppendJson(std::string& out, const aimass::mongodb::Element& element);

/// Appends a value as a text column has it: texts as they are, numbers as in JSON, the digits of an
/// ObjectId or a UUID, moments by ISO 8601 in UTC, binary in base64, all else as AppendJson().
[[nodiscard]] Flaw AppendText(std::string& out, const aimass::mongodb::Element& element);

/// A document as JSON for people, whatever is wrong with it: long values are cut off, bytes that
/// are no text become U+FFFD.
[[nodiscard]] std::string ShownDocument(std::string_view document);
/// The beginning of a value, as JSON.
[[nodiscard]] std::string ShownValue(const aimass::mongodb::Element& element,
                                     std::size_t max_bytes);

}  // namespace aimass::connectors::mongodb
