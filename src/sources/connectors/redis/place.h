#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass::connectors::redis {

/// What the keys of a table hold, and what is a row of it.
enum class Shape : std::uint8_t {
  kString,  // a row per key
  kHash,    // a row per key, a column per field
  kFields,  // a row per field of a hash
  kList,    // a row per element; so the next
  kSet,
  kZset,
  kStream,  // a row per entry of one stream
};

/// Which keys are a table: "hash user:*", "stream clicks". Without a word in front the keys
/// themselves say what they hold.
struct Place {
  Shape shape = Shape::kHash;
  std::string pattern;  // as SCAN's MATCH takes it; of a stream: its key
  bool typed = false;   // keys that hold something else are none of the table's

  /// The one key that the pattern means; empty where it may mean several.
  [[nodiscard]] std::string Key() const;
  /// What every key of the pattern begins with.
  [[nodiscard]] std::string Prefix() const;
};

/// Errors   kNotFound for an empty name.
[[nodiscard]] Result<Place> PlaceOf(std::string_view table);

/// How a table is written: "hash user:*".
[[nodiscard]] std::string NameOf(Shape shape, std::string_view pattern);

/// What TYPE calls it.
[[nodiscard]] std::string_view TypeWord(Shape shape);
/// The inverse; "hash" is kHash. Errors: kUnprocessable for types of modules.
[[nodiscard]] Result<Shape> ShapeOf(std::string_view type_word);

/// `text` as a pattern that means itself.
[[nodiscard]] std::string Escaped(std::string_view text);

}  // namespace aimass::connectors::redis
