#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "native/mariadb/mariadb.h"
#include "table/builder.h"

namespace aimass::connectors::mysql {

/// The logical type of a column of an answer; docs/formats/types.md has the table.
[[nodiscard]] Type TypeOf(const mariadb::FieldInfo& field);

/// A value as it goes into a BatchBuilder. `text` points into the answer's row.
struct Value {
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kDecimal, kDouble, kText, kTime } kind;
  std::int64_t integer = 0;  // kInt; kBool: 0 or 1; kTime: microseconds since 1970
  Int128 decimal = 0;
  double number = 0.0;
  std::string_view text = {};
};

/// `text` as the server prints values of the column, as `type`; nothing where it is none: a day
/// like 0000-00-00, a number that the type cannot hold.
[[nodiscard]] std::optional<Value> Decode(const mariadb::FieldInfo& field, const Type& type,
                                          std::string_view text);

void Append(BatchBuilder& builder, std::size_t column, const Value& value);

}  // namespace aimass::connectors::mysql
