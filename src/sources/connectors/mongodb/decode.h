#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "native/mongodb/bson.h"
#include "sources/database.h"

namespace aimass::connectors::mongodb {

/// `element` as a value of the column, or why it is none: a type holds exactly what it holds. A
/// text that must be made first is put into `made`, which the value then points into.
/// Threads  pure function.
[[nodiscard]] std::expected<Value, Message> Decode(const aimass::mongodb::Element& element,
                                                   const ColumnInfo& column, std::string& made);

/// The double that is the same number; nothing where none is.
[[nodiscard]] std::optional<double> ExactDouble(std::int64_t value);
/// The whole number that is the same; nothing where none is.
[[nodiscard]] std::optional<std::int64_t> ExactWhole(double value);
/// Microseconds since 1970, of a moment of the years 1 to 9999.
[[nodiscard]] std::optional<std::int64_t> OrdinaryMoment(std::int64_t ms);

/// What the server sent is damaged. Errors: kUnavailable.
[[nodiscard]] std::unexpected<Error> NoBson();

}  // namespace aimass::connectors::mongodb
