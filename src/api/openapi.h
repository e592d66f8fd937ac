#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"

namespace aimass {

/// api/openapi.yaml, which the binary carries, as JSON. Converted at the first call. Threads: any.
[[nodiscard]] Result<std::string> OpenApiJson();

/// A YAML document as JSON by YAML's core schema; key order is not kept. Errors: kInvalidArgument
/// with the line.
[[nodiscard]] Result<Json> YamlToJson(std::string_view yaml);

}  // namespace aimass
