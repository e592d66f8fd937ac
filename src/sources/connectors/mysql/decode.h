#pragma once

#include <optional>
#include <string_view>

#include "native/mariadb/mariadb.h"
#include "sources/database.h"

namespace aimass::connectors::mysql {

/// The logical type of a column of an answer; docs/formats/types.md has the table.
[[nodiscard]] Type TypeOf(const mariadb::FieldInfo& field);

/// `text` as the server prints values of the column, as `type`; nothing where it is none: a day
/// like 0000-00-00, a number that the type cannot hold.
[[nodiscard]] std::optional<Value> Decode(const mariadb::FieldInfo& field, const Type& type,
                                          std::string_view text);

}  // namespace aimass::connectors::mysql
