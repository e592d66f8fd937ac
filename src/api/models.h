#pragma once

#include <string>

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/uploads.h"
#include "models/registry.h"
#include "models/service.h"

namespace aimass {

/// /api/v1/models: train, list, versions, reports, aliases, compare, import, bundles, reproduce.
void BindModelsApi(ModelRegistry& registry, ModelService& service, const UploadStore& uploads,
                   std::string data_folder, Pool& io, http::Router& router);

}  // namespace aimass
