#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace aimass::cli {

/// "MODEL[:VERSION|:ALIAS][=WEIGHT]" each, as [{"model","version","weight"}]. Version is a text: a
/// number or an alias, "champion" unless given. Weights are 100 for a single route and must be
/// given for several. Errors   kInvalidArgument naming the part.
[[nodiscard]] Result<Json> ParseRoutes(const std::vector<std::string>& models);

/// "churn:3" → {"churn", "3"}; "churn" → {"churn", ""}.
struct ModelReference {
  std::string model;
  std::string version;
};
[[nodiscard]] ModelReference ParseModel(const std::string& text);

}  // namespace aimass::cli
