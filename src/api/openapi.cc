#include "api/openapi.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <mutex>

#include "base/embedded.h"
#include "base/version.h"

namespace aimass {
namespace {

Json Scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted: a text, whatever it looks like
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  std::int64_t integer = 0;
  const char* const end = text.data() + text.size();
  if (auto [stop, error] = std::from_chars(text.data(), end, integer);
      error == std::errc() && stop == end) {
    return integer;
  }
  double number = 0;
  const bool numeric = text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (auto [stop, error] = std::from_chars(text.data(), end, number);
      numeric && error == std::errc() && stop == end) {
    return number;
  }
  return text;
}

Result<Json> Convert(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& entry : node) {
      const std::string& key = entry.first.Scalar();
      if (object.contains(key)) {
        return Fail(ErrorCode::kInvalidArgument, "line {}: '{}' stands twice",
                    entry.first.Mark().line + 1, key);
      }
      ASSIGN_OR_RETURN(object[key], Convert(entry.second));
    }
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const auto& item : node) {
      ASSIGN_OR_RETURN(Json value, Convert(item));
      array.push_back(std::move(value));
    }
    return array;
  }
  return node.IsScalar() ? Scalar(node) : Json(nullptr);
}

}  // namespace

Result<Json> YamlToJson(std::string_view yaml) {
  try {
    return Convert(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "line {} is no YAML: {}", error.mark.line + 1,
                error.msg);
  }
}

Result<std::string> OpenApiJson() {
  static const Result<std::string> document = []() -> Result<std::string> {
    const auto yaml = FindEmbedded("api/openapi.yaml");
    if (!yaml) return Fail(ErrorCode::kInternal, "this build has no '{}'", "api/openapi.yaml");
    ASSIGN_OR_RETURN(Json json, YamlToJson(*yaml));
    json["info"]["version"] = Version();
    return json.dump();
  }();
  return document;
}

}  // namespace aimass
