#pragma once

#include <string>

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "store/backup.h"

namespace aimass {

/// What `aimass doctor`, `aimass backup` and `aimass restore` do: on the data folder itself,
/// whether or not a server runs on it, so that they also help where none starts. Threads: one.

/// {"healthy","findings":[{"probe","severity","message","hint","paths"}]}, texts in `language`.
/// With `clean`, files that nothing references are deleted.
[[nodiscard]] Result<Json> ExamineData(const Config& config, bool deep, bool clean,
                                       Language language);

/// A backup of the folder's metadata and files at `target` (see store/backup.h).
[[nodiscard]] Result<BackupSummary> BackUpData(const Config& config, const std::string& target,
                                               const BackupProgress& progress);

/// A new data folder from a backup; where `store.url` names a PostgreSQL database, the metadata
/// goes there (see store/backup.h).
[[nodiscard]] Result<BackupSummary> RestoreData(const Config& config, const std::string& source);

}  // namespace aimass
