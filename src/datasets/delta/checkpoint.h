#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace aimass::delta {

/// Reads the actions of a checkpoint's Parquet file: one JSON object per row, holding the actions
/// that are not null, in the order of the file.
[[nodiscard]] Result<std::vector<Json>> ReadCheckpoint(const std::string& path);

/// Writes `actions` (as they would stand in the log) as a checkpoint Parquet file; atomically.
[[nodiscard]] Status WriteCheckpointFile(const std::string& path, const std::vector<Json>& actions);

}  // namespace aimass::delta
