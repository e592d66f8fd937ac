#include "datasets/import/options.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace aimass {

Status CheckFileOptions(const FormatRegistry& formats, const FileOptions& asked) {
  const bool any = asked.format.empty() || asked.format == "auto";
  if (!any && !formats.types().contains(asked.format)) {
    auto found = formats.Find(asked.format);
    Error error = std::move(found).error();
    error.code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(error));
  }
  RETURN_IF_ERROR(TypesFromJson(asked.types));
  RETURN_IF_ERROR(OnMisfitFromName(asked.on_error));
  std::set<std::string_view> known{"encoding"};
  for (const auto& [name, format] : formats.types()) {
    if (!any && name != asked.format) continue;
    for (const Field& field : format.fields) known.insert(field.name);
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (const auto& [name, value] : asked.options.items()) {
    if (!known.contains(name)) {
      auto failure = Fail(ErrorCode::kUnprocessable, "there is no import option '{}'", name);
      if (const std::string nearest = Nearest(name, names); !nearest.empty()) {
        return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
      }
      return failure;
    }
    if (!value.is_string())
      return Fail(ErrorCode::kUnprocessable, "import option '{}' must be a text", name);
  }
  Settings given;
  for (const auto& [name, value] : asked.options.items()) {
    if (name != "encoding") given[name] = value.get<std::string>();
  }
  // Where the format is still to be found: what no format takes is wrong already.
  std::optional<Error> problem;
  for (const auto& [name, format] : formats.types()) {
    if (!any && name != asked.format) continue;
    const bool takes_all = std::all_of(given.begin(), given.end(), [&](const auto& setting) {
      return std::any_of(format.fields.begin(), format.fields.end(),
                         [&](const Field& field) { return field.name == setting.first; });
    });
    if (any && !takes_all) continue;
    auto checked = CheckFormatSettings(format, given);
    if (checked) return {};
    if (!problem) problem = std::move(checked).error();
  }
  if (!problem) return {};
  problem->code = ErrorCode::kUnprocessable;
  return std::unexpected(std::move(*problem));
}

Json ToJson(const FileOptions& options) {
  Json json{{"format", options.format.empty() ? "auto" : options.format},
            {"options", options.options},
            {"types", options.types},
            {"on_error", options.on_error}};
  return json;
}

FileOptions FileOptionsFromJson(const Json& json) {
  return {.format = json.value("format", "auto"),
          .options = json.value("options", Json::object()),
          .types = json.value("types", Json::object()),
          .on_error = json.value("on_error", "widen")};
}

}  // namespace aimass
