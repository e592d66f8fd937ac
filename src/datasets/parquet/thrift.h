#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace aimass::thrift {

/// A value of Thrift's compact protocol, in which Parquet writes its footers, as a tree: what is
/// not changed is written as it was read.
struct Value {
  enum class Kind : std::uint8_t {
    kTrue = 1,
    kFalse = 2,
    kByte = 3,
    kInt16 = 4,
    kInt32 = 5,
    kInt64 = 6,
    kDouble = 7,
    kBinary = 8,
    kList = 9,
    kSet = 10,
    kMap = 11,
    kStruct = 12,
  };
  Kind kind = Kind::kStruct;
  std::int64_t integer = 0;    // kByte to kInt64
  std::string bytes;           // kBinary; kDouble: its 8 bytes
  Kind element = Kind::kTrue;  // of a list, a set; of a map: the keys
  Kind value = Kind::kTrue;    // of a map
  std::vector<Value> items;    // of a list, a set; of a map: key, value, key …
  std::vector<std::pair<std::int16_t, Value>> fields;  // of a struct, by id

  /// The field `id` of a struct; nullptr where it has none.
  [[nodiscard]] Value* Find(std::int16_t id);
};

/// Reads one struct that takes all of `bytes`. Errors: kUnprocessable.
[[nodiscard]] Result<Value> ParseStruct(std::string_view bytes);
[[nodiscard]] std::string Serialise(const Value& value);

}  // namespace aimass::thrift
