#pragma once

#include <memory>
#include <string>

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/uploads.h"
#include "models/registry.h"
#include "models/service.h"

namespace aimass {

/// What every handler of /api/v1/models works with.
struct ModelParts {
  ModelRegistry& registry;
  ModelService& service;
  const UploadStore& uploads;
  std::string data_folder;
  Pool& io;
};

using ModelHandler = Task<Result<http::Response>> (*)(ModelParts&, const http::Request&);

/// A route's handler: `handler` with the parts.
http::Handler Bind(std::shared_ptr<ModelParts> parts, ModelHandler handler);

Json ModelJson(const ModelInfo& model);
/// Everything about one version that fits on a page. Reads the version's folder.
Result<Json> VersionPage(const ModelInfo& model, const ModelVersion& version);
/// The file's JSON; kNotFound, or what is wrong in it with line and column.
Result<Json> ReadJson(const std::string& path);

}  // namespace aimass
