#include "api/members.h"

#include <algorithm>

namespace aimass {

Result<std::string> TextMember(const Json& object, std::string_view key,
                               std::string_view fallback) {
  auto text = GetString(object, key, fallback);
  if (text) return text;
  Error error = std::move(text).error();
  error.code = ErrorCode::kUnprocessable;
  return std::unexpected(std::move(error));
}

Result<std::vector<std::string>> ColumnsMember(const Json& object, std::string_view key) {
  const auto names = object.find(key);
  if (names == object.end() || names->is_null()) return std::vector<std::string>();
  const bool texts = names->is_array() && std::ranges::all_of(*names, [](const Json& name) {
                       return name.is_string() && !name.get<std::string>().empty();
                     });
  if (!texts) return Fail(ErrorCode::kUnprocessable, "'{}' must be a list of column names", key);
  return names->get<std::vector<std::string>>();
}

}  // namespace aimass
