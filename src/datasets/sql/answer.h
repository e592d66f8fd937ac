#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/error.h"
#include "table/batch.h"

namespace aimass {

enum class SqlFormat : std::uint8_t {
  kJson,   // {"columns":[{"name","type"}],"rows":[[…]],"truncated":false}
  kArrow,  // an Arrow IPC stream
};

/// Writes at most `max_rows` of `rows` in pieces of about 256 kB: `write` gets them in order. The
/// first piece comes when it is full, so that an error in the first rows comes instead of it.
///
/// Errors   those of the reader and of `write`.
[[nodiscard]] Status WriteAnswer(BatchReader& rows, SqlFormat format, std::int64_t max_rows,
                                 const std::function<Status(std::string_view piece)>& write);

}  // namespace aimass
