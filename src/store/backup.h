#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "store/database.h"
#include "store/references.h"

namespace aimass {

struct BackupSummary {
  std::int64_t files = 0;
  std::int64_t bytes = 0;
};
using BackupProgress = std::function<void(const BackupSummary& so_far, const BackupSummary& total)>;

/// Copies metadata and every file that it references to `target` while the server runs.
///
/// `target` is a new folder, or a new file whose name ends in .tar, .tar.gz or .tar.zst. The
/// metadata is copied first, the files after it; files are immutable and deletions wait
/// (DeletionGate), so every file that the copied metadata references is in the backup. It holds
/// manifest.json with the SHA-256 of each file. The metadata is a SQLite file in it, whatever
/// database it came from (`schema`: every migration of this build). It contains hashes of keys but
/// neither a key nor admin.key. Folders that are links below workspaces/ are followed; what lies on
/// another disk is copied to DATA/tmp meanwhile. `add_owners`: whose files must all be in it.
/// Errors   kConflict where `target` exists; kStorageFull; kUnprocessable where a file that the
///          metadata references is not in the folder.
[[nodiscard]] Result<BackupSummary> Backup(Database& database, const std::vector<Migration>& schema,
                                           const std::string& data_folder,
                                           const std::string& target,
                                           const CancelToken& cancel = {},
                                           const BackupProgress& progress = {},
                                           const AddFileOwners& add_owners = {});

struct RestoreInto {
  Database& database;
  std::vector<Migration> schema;  // every migration of this build
};

/// Unpacks a backup into `data_folder`, which must not exist or be empty; nothing is left there
/// unless every file has the checksum of the manifest. All of it is its owner's alone (0700, 0600).
/// What no backup holds, such as a key, is refused. With `into`, a PostgreSQL database that is
/// empty, the metadata goes there and not into the folder.
/// Errors   kConflict: not empty; kUnprocessable: not a backup, or damaged, naming the file;
///          kUnsupported: of a newer release.
[[nodiscard]] Result<BackupSummary> Restore(const std::string& source,
                                            const std::string& data_folder,
                                            const RestoreInto* into = nullptr,
                                            const CancelToken& cancel = {});

/// The same checks without writing the data anywhere.
[[nodiscard]] Result<BackupSummary> VerifyBackup(const std::string& source,
                                                 const CancelToken& cancel = {});

}  // namespace aimass
