#include "api/model_parts.h"

#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "models/features/pipeline.h"
#include "models/folder.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

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
  const fs::path folder(version.folder);
  Json full = VersionJson(version);
  full["model"] = model.name;
  full["task"] = model.task;
  full["lineage"] = version.lineage;
  full["aliases"] = Json::array();
  for (const auto& [alias, number] : model.aliases) {
    if (number == version.version) full["aliases"].push_back(alias);
  }
  ASSIGN_OR_RETURN(const Json described, ReadModelJson(version.folder));
  for (const std::string_view key : {"target", "labels", "link", "members", "interval"}) {
    full[key] = described.value(key, Json());
  }
  ASSIGN_OR_RETURN(const Json features, ReadJson(folder / "features.json"));
  ASSIGN_OR_RETURN(const FeaturePipeline pipeline, FeaturePipeline::FromJson(features));
  full["columns"] = Json::array();
  for (std::size_t i = 0; i < pipeline.columns().size(); ++i) {
    full["columns"].push_back(
        {{"name", pipeline.columns()[i]},
         {"type", i < pipeline.types().size() ? Json(pipeline.types()[i]) : Json()}});
  }
  full["example"] = nullptr;
  if (const auto golden = ReadJson(folder / "golden.json");
      golden && golden->contains("rows") && !(*golden)["rows"].empty()) {
    Json row = Json::object();
    for (std::size_t i = 0; i < (*golden)["columns"].size() && i < (*golden)["rows"][0].size();
         ++i) {
      row[(*golden)["columns"][i].get<std::string>()] = (*golden)["rows"][0][i];
    }
    full["example"] = std::move(row);
  }
  const auto trials = ReadJson(folder / "trials.json");
  full["trials"] = trials ? trials->value("trials", Json::array()) : Json::array();
  full["has_report"] = fs::exists(folder / "report.json");
  return full;
}

}  // namespace aimass
