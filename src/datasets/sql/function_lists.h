#pragma once

#include <string_view>
#include <vector>

namespace aimass {

/// Whether user SQL may call the function, aggregate or macro `name` (lower case).
[[nodiscard]] bool IsAllowedFunction(std::string_view name);
/// Whether `name` is known and refused; neither is true of a function that this build does not
/// know.
[[nodiscard]] bool IsDeniedFunction(std::string_view name);
/// Whether `name` (lower case) may stand after FROM with arguments.
[[nodiscard]] bool IsAllowedTableFunction(std::string_view name);

/// Separated by spaces, for messages.
[[nodiscard]] std::string_view AllowedTableFunctions();
[[nodiscard]] std::vector<std::string_view> AllowedFunctions();

}  // namespace aimass
