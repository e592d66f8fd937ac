#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "main/cli/client.h"

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

/// Whether something is at `path`. A name that cannot be one (too long, a slash) names nothing.
[[nodiscard]] Result<bool> IsThere(Client& server, const std::string& path);

/// What `text` means at the server: a model of that whole name (which may hold a colon), else
/// MODEL:VERSION. nullopt where there is no such model; whether the version exists is not looked
/// at.
[[nodiscard]] Result<std::optional<ModelReference>> FindModel(Client& server,
                                                              const std::string& text);

}  // namespace aimass::cli
