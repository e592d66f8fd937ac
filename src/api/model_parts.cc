#include "api/model_parts.h"

#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "models/describe.h"

namespace aimass {
namespace {

Json VersionJson(const ModelVersion& version) {
  return {{"version", version.version},
          {"state", version.state},
          {"metrics", version.metrics},
          {"checksum", version.checksum},
          {"created_at", ToRfc3339(version.created_ms)}};
}

}  // namespace

http::Handler Bind(std::shared_ptr<ModelParts> parts, ModelHandler handler) {
  return [parts = std::move(parts), handler](const http::Request& request) {
    return handler(*parts, request);
  };
}

Json ModelJson(const ModelInfo& model) {
  Json versions = Json::array();
  for (const ModelVersion& version : model.versions) versions.push_back(VersionJson(version));
  return {{"id", model.id},
          {"name", model.name},
          {"task", model.task},
          {"aliases", model.aliases},
          {"versions", std::move(versions)},
          {"created_at", ToRfc3339(model.created_ms)}};
}

Result<Json> ReadJson(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text);
}

Result<Json> VersionPage(const ModelInfo& model, const ModelVersion& version) {
  Json full = VersionJson(version);
  full["model"] = model.name;
  full["task"] = model.task;
  full["lineage"] = version.lineage;
  full["aliases"] = Json::array();
  for (const auto& [alias, number] : model.aliases) {
    if (number == version.version) full["aliases"].push_back(alias);
  }
  ASSIGN_OR_RETURN(const Json described, DescribeFolder(version.folder));
  full.update(described);
  return full;
}

}  // namespace aimass
