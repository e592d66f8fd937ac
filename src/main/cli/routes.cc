#include "main/cli/routes.h"

#include <charconv>

namespace aimass::cli {

ModelReference ParseModel(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<bool> IsThere(Client& server, const std::string& path) {
  const auto found = server.Get(path);
  if (found) return true;
  const ErrorCode code = found.error().code;
  if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalidArgument) return false;
  return std::unexpected(found.error());
}

Result<std::optional<ModelReference>> FindModel(Client& server, const std::string& text) {
  ASSIGN_OR_RETURN(const bool whole, IsThere(server, "/api/v1/models/" + Encode(text)));
  if (whole) return ModelReference{text, ""};
  ModelReference reference = ParseModel(text);
  if (reference.version.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const bool named, IsThere(server, "/api/v1/models/" + Encode(reference.model)));
  if (!named) return std::nullopt;
  return reference;
}

Result<Json> ParseRoutes(const std::vector<std::string>& models) {
  Json routes = Json::array();
  for (const std::string& text : models) {
    const std::size_t equals = text.rfind('=');
    const auto [model, version] = ParseModel(text.substr(0, equals));
    double weight = 100;
    if (equals == std::string::npos && models.size() > 1) {
      return Fail(ErrorCode::kInvalidArgument,
                  "several routes need a weight each, as in MODEL:VERSION=90; '{}' has none", text);
    }
    if (equals != std::string::npos) {
      const std::string_view digits = std::string_view(text).substr(equals + 1);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), weight);
      if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
          weight < 0) {
        return Fail(ErrorCode::kInvalidArgument,
                    "a weight is a number such as 90, found '{}' in '{}'", digits, text);
      }
    }
    if (model.empty() || (version.empty() && text.substr(0, equals).ends_with(':'))) {
      return Fail(ErrorCode::kInvalidArgument, "expected MODEL[:VERSION][=WEIGHT], found '{}'",
                  text);
    }
    Json route = {{"model", model}, {"version", version.empty() ? "champion" : version}};
    if (weight == static_cast<double>(static_cast<std::int64_t>(weight))) {
      route["weight"] = static_cast<std::int64_t>(weight);
    } else {
      route["weight"] = weight;
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace aimass::cli
