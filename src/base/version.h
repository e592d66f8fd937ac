#pragma once

#include <string_view>

namespace aimass {

[[nodiscard]] std::string_view Version();  // "0.1.0"
[[nodiscard]] std::string_view
BuildCommit();  // short git commit at configure time, empty outside git

}  // namespace aimass
