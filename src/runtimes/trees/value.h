#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace aimass::runtimes::trees {

struct NamedValue;

/// A parsed document, JSON or UBJSON. Arrays of numbers (booleans count as 0 and 1) are kept
/// packed, because a model file consists of little else.
struct Value {
  enum class Kind : std::uint8_t { kNull, kNumber, kText, kNumbers, kArray, kObject };
  Kind kind = Kind::kNull;
  double number = 0.0;
  std::string text;
  std::vector<double> numbers;
  std::vector<Value> array;
  std::vector<NamedValue> object;

  /// The member `key` of an object; nullptr where there is none.
  [[nodiscard]] const Value* Find(std::string_view key) const;
};

struct NamedValue {
  std::string name;
  Value value;
};

/// Errors   kUnprocessable with what is wrong and where (byte) for both.
[[nodiscard]] Result<Value> ParseJsonValue(std::string_view text);
/// UBJSON draft 12 as XGBoost writes it (little is left out: only typed arrays without payload are
/// refused).
[[nodiscard]] Result<Value> ParseUbj(std::string_view bytes);

}  // namespace aimass::runtimes::trees
