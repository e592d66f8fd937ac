#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace aimass {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// One JSON line per entry: {"time","level","event","…fields"}. Never pass a secret.
/// Threads  any.
void Log(LogLevel level, std::string_view event, const Json& fields = Json::object());

/// Whether an entry of `level` would be written: ask before fields are put together on a hot path.
[[nodiscard]] bool LogEnabled(LogLevel level);

/// Where entries go: standard error by default; a file is rotated at 50 MB, five are kept.
[[nodiscard]] Status LogToFile(const std::string& path);
void SetLogLevel(LogLevel level);
[[nodiscard]] Result<LogLevel> LogLevelFromName(std::string_view name);

}  // namespace aimass
