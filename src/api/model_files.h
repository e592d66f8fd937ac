#pragma once

#include <memory>

#include "api/model_parts.h"

namespace aimass {

/// The routes by which models come and go as files: import, bundles.
void BindModelFilesApi(const std::shared_ptr<ModelParts>& parts, http::Router& router);

}  // namespace aimass
