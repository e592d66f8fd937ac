#include "main/cli/resources.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <set>
#include <utility>

#include "api/openapi.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/words.h"

namespace aimass::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kFormat = 1;

Status CheckFields(std::string_view kind, std::size_t number, const Json& json) {
  if (kind == "dataset") {
    return RejectUnknown(json,
                         {"kind", "name", "file", "url", "sql", "sql_file", "format", "options"});
  }
  if (kind == "model") {
    return RejectUnknown(
        json, {"kind", "name", "dataset", "target", "task", "time_column", "keep", "drop", "metric",
               "test", "time_s", "threads", "seed", "max_trials", "final_rows", "baseline_column"});
  }
  if (kind == "endpoint") return RejectUnknown(json, {"kind", "name", "routes"});
  return Fail(ErrorCode::kInvalidArgument,
              "resource {}: kind must be dataset, model or endpoint, found '{}'", number, kind);
}

bool IsAddress(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

Result<std::string> ReadBeside(const std::string& name, const ResourcePlaces& places) {
  const fs::path path = fs::path(places.folder) / name;
  if (!places.embedded) return ReadFile(path);
  const auto content = FindEmbedded(path.lexically_normal().string());
  if (content) return std::string(*content);
  return Fail(ErrorCode::kNotFound, "the solution has no file '{}'", name);
}

Result<std::string> FindData(const std::string& name, const ResourcePlaces& places) {
  std::vector<fs::path> candidates;
  if (!places.data_folder.empty()) candidates.push_back(fs::path(places.data_folder) / name);
  if (!places.embedded) candidates.push_back(fs::path(places.folder) / name);
  std::error_code error;
  for (const fs::path& path : candidates) {
    if (fs::exists(path, error)) return fs::absolute(path, error).string();
  }
  return WithHint(Fail(ErrorCode::kNotFound, "the file '{}' is missing", name),
                  Msg("say where it lies with --files FOLDER"));
}

Status CheckDataset(Resource& resource, const ResourcePlaces& places) {
  Json& fields = resource.fields;
  if (fields.contains("sql_file")) {
    ASSIGN_OR_RETURN(const std::string file, GetString(fields, "sql_file"));
    ASSIGN_OR_RETURN(const std::string sql, ReadBeside(file, places));
    if (fields.contains("sql")) {
      return Fail(ErrorCode::kInvalidArgument, "{} '{}' has both sql and sql_file",
                  Word{resource.kind}, resource.name);
    }
    fields["sql"] = sql;
    fields.erase("sql_file");
  }
  const auto ways = fields.count("file") + fields.count("url") + fields.count("sql");
  if (ways != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "dataset '{}' needs exactly one of file, url, sql, sql_file; found {}",
                resource.name, ways);
  }
  if (fields.contains("file")) {
    ASSIGN_OR_RETURN(const std::string file, GetString(fields, "file"));
    ASSIGN_OR_RETURN(fields["file"], FindData(file, places));
  }
  if (fields.contains("url")) {
    ASSIGN_OR_RETURN(const std::string url, GetString(fields, "url"));
    if (!IsAddress(url)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "dataset '{}': url must begin with http:// or https://, found '{}'",
                  resource.name, url);
    }
  }
  return {};
}

Status CheckModel(const Resource& resource) {
  RETURN_IF_ERROR(GetString(resource.fields, "dataset"));
  RETURN_IF_ERROR(GetString(resource.fields, "target"));
  return {};
}

// A version may be written as a number; the API takes a text.
Status CheckEndpoint(Resource& resource) {
  const auto routes = resource.fields.find("routes");
  if (routes == resource.fields.end() || !routes->is_array() || routes->empty()) {
    return Fail(ErrorCode::kInvalidArgument, "endpoint '{}' needs a list of routes", resource.name);
  }
  for (Json& route : *routes) {
    RETURN_IF_ERROR(RejectUnknown(route, {"model", "version", "weight"}));
    RETURN_IF_ERROR(GetString(route, "model"));
    Json& version = route["version"];
    if (version.is_number_integer()) version = version.dump();
    if (version.is_null()) version = "champion";
    if (!route.contains("weight")) route["weight"] = 100;
  }
  return {};
}

Result<Resource> CheckResource(const Json& json, std::size_t number, const ResourcePlaces& places) {
  if (!json.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "resource {} must be an object, found {}", number,
                KindOf(json));
  }
  ASSIGN_OR_RETURN(const std::string kind, GetString(json, "kind"));
  RETURN_IF_ERROR(CheckFields(kind, number, json));
  Resource resource{.kind = kind, .name = {}, .fields = json};
  ASSIGN_OR_RETURN(resource.name, GetString(json, "name"));
  resource.fields.erase("kind");
  resource.fields.erase("name");
  if (kind == "dataset") RETURN_IF_ERROR(CheckDataset(resource, places));
  if (kind == "model") RETURN_IF_ERROR(CheckModel(resource));
  if (kind == "endpoint") RETURN_IF_ERROR(CheckEndpoint(resource));
  return resource;
}

}  // namespace

Result<ResourceFile> ParseResources(std::string_view yaml, const ResourcePlaces& places) {
  ASSIGN_OR_RETURN(const Json json, YamlToJson(yaml));
  if (!json.is_object()) {
    return WithHint(
        Fail(ErrorCode::kInvalidArgument,
             "a resource file holds `format: 1` and `resources:`, found {}", KindOf(json)),
        Msg("`aimass export` writes such a file; docs/formats/solution.md describes it"));
  }
  RETURN_IF_ERROR(RejectUnknown(json, {"format", "name", "title", "story", "files", "resources"}));
  ASSIGN_OR_RETURN(const std::int64_t format, GetInteger(json, "format"));
  if (format != kFormat) {
    return Fail(ErrorCode::kUnsupported, "the resource file has format {}, expected {}", format,
                kFormat);
  }
  ResourceFile file;
  ASSIGN_OR_RETURN(file.name, GetString(json, "name", ""));
  const Json resources = json.value("resources", Json());
  if (!resources.is_array()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", "resources",
                Word{"a list"}, KindOf(resources));
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (const Json& entry : resources) {
    ASSIGN_OR_RETURN(Resource resource, CheckResource(entry, file.resources.size() + 1, places));
    if (!seen.emplace(resource.kind, resource.name).second) {
      return Fail(ErrorCode::kInvalidArgument, "{} '{}' is declared twice", Word{resource.kind},
                  resource.name);
    }
    file.resources.push_back(std::move(resource));
  }
  return file;
}

Result<ResourceTitle> ReadTitle(std::string_view yaml) {
  ASSIGN_OR_RETURN(const Json json, YamlToJson(yaml));
  return ResourceTitle{.title = json.value("title", Json()),
                       .story = json.value("story", Json()),
                       .files = json.value("files", Json::array())};
}

std::string ResourcesToYaml(const Json& file) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "format" << YAML::Value << kFormat << YAML::Key
      << "resources" << YAML::Value << YAML::BeginSeq;
  for (const Json& resource : file.at("resources")) {
    out << YAML::BeginMap;
    // Kind and name first, as people write it.
    for (const char* key : {"kind", "name"}) {
      out << YAML::Key << key << YAML::Value << YAML::DoubleQuoted
          << resource.at(key).get<std::string>();
    }
    for (const auto& [key, value] : resource.items()) {
      if (key == "kind" || key == "name") continue;
      out << YAML::Key << key << YAML::Value;
      if (value.is_string() &&
          value.get_ref<const std::string&>().find('\n') != std::string::npos) {
        out << YAML::Literal << value.get<std::string>();
      } else {
        out << YAML::Load(value.dump());  // JSON is YAML
      }
    }
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;
  return out.c_str();
}

}  // namespace aimass::cli
