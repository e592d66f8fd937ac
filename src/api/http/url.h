#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/percent.h"

namespace aimass::http {

using aimass::IsUtf8;
using aimass::PercentEncode;

/// `%41` → `A`. Errors: kInvalidArgument for `%` without two hex digits, for what is not UTF-8
/// afterwards, and for a NUL.
[[nodiscard]] Result<std::string> PercentDecode(std::string_view text, bool plus_is_space);

/// "/a/{b}" → {"a", "{b}"}, still encoded; "/a/" → {"a", ""}.
[[nodiscard]] std::vector<std::string> SplitPath(std::string_view path);

/// "a=1&b=x%20y". Errors: as PercentDecode; a name that stands twice.
[[nodiscard]] Result<std::map<std::string, std::string, std::less<>>> ParseQuery(
    std::string_view text);

/// The path and query of a request target, whether it came as "/p?q" or as "http://host/p?q".
struct Target {
  std::string path;
  std::string query;
};
/// Errors   kInvalidArgument for any other form.
[[nodiscard]] Result<Target> ParseTarget(std::string_view target);

}  // namespace aimass::http
