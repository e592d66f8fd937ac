#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace aimass {

/// Members of a request's body. What they hold is its content, not its form: errors are
/// kUnprocessable. Absent or null gives `fallback`, or nothing.
[[nodiscard]] Result<std::string> TextMember(const Json& object, std::string_view key,
                                             std::string_view fallback);
/// A list of names of columns, none of them empty.
[[nodiscard]] Result<std::vector<std::string>> ColumnsMember(const Json& object,
                                                             std::string_view key);

}  // namespace aimass
