#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace aimass::connectors::elasticsearch {

/// How a mapping lets a date be written, of the formats that are read here. Threads: pure
/// functions.
enum class DateForm : std::uint8_t {
  kIso,      // strict_date_optional_time: 2026, 2026-11-22, 2026-11-22T08:30:00.25+08:00
  kMillis,   // epoch_millis
  kSeconds,  // epoch_second
};

/// The formats of a mapping ("strict_date_optional_time||epoch_millis"), in their order; nothing
/// where one of them is not read here: then the server converts the values.
[[nodiscard]] std::optional<std::vector<DateForm>> DateFormsOf(std::string_view format);

/// Microseconds since 1970, by the first form that fits, as Elasticsearch keeps the moment: of a
/// `date` the whole millisecond, of a date_nanos (`nanos`) the whole microsecond. A moment without
/// zone is UTC. Nothing for what is none, or not between the years 1 and 9999.
[[nodiscard]] std::optional<std::int64_t> ParseDate(std::string_view text,
                                                    std::span<const DateForm> forms, bool nanos);

}  // namespace aimass::connectors::elasticsearch
