#include "datasets/send/mode.h"

#include <array>
#include <utility>

namespace aimass {
namespace {

constexpr std::array<std::pair<SendMode, std::string_view>, 3> kModes = {{
    {SendMode::kAppend, "append"},
    {SendMode::kUpsert, "upsert"},
    {SendMode::kReplace, "replace"},
}};

}  // namespace

std::string_view SendModeName(SendMode mode) {
  return kModes.at(static_cast<std::size_t>(mode)).second;
}

Result<SendMode> SendModeFromName(std::string_view name) {
  for (const auto& [mode, known] : kModes) {
    if (known == name) return mode;
  }
  return Fail(ErrorCode::kUnprocessable, "mode must be append, upsert or replace, got '{}'", name);
}

}  // namespace aimass
