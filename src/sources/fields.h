#pragma once

#include <span>
#include <string>
#include <string_view>

namespace aimass {

/// What connectors share whose rows have fields of their own, each row others: the hashes of a key
/// store, the documents of a collection. A look at some rows says which fields get a column.
/// Threads  pure functions.

/// The column of all fields that have none of their own: JSON.
inline constexpr std::string_view kMoreFields = "more_fields";

/// The column for a field; empty where it can have none: no name, one of more than 200 bytes, with
/// control characters, no UTF-8. A field that is called like one of the columns `own`, which the
/// table has anyway and which are written in lower case, or like kMoreFields, gets "_2" behind its
/// name.
[[nodiscard]] std::string ColumnOfField(std::string_view field,
                                        std::span<const std::string_view> own);
/// The inverse.
[[nodiscard]] std::string FieldOfColumn(std::string_view column,
                                        std::span<const std::string_view> own);

}  // namespace aimass
