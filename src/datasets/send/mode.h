#pragma once

#include <string_view>

#include "sources/sink.h"

namespace aimass {

[[nodiscard]] std::string_view SendModeName(SendMode mode);  // "append", "upsert", "replace"
/// Errors   kUnprocessable naming the modes there are.
[[nodiscard]] Result<SendMode> SendModeFromName(std::string_view name);

}  // namespace aimass
