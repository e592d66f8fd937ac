#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// A file that was stored under its content.
struct BlobRef {
  std::string sha256;  // 64 lower-case hex digits: its name
  std::int64_t bytes = 0;
};

/// Immutable files of one workspace, addressed by the SHA-256 of their content:
/// DATA/workspaces/<id>/blobs/ab/abcdef…. The same content is stored once.
///
/// Threads, processes: any.
class BlobStore {
 public:
  BlobStore(std::string data_folder, std::string workspace);

  /// Durable when it returns. Errors: kStorageFull, kPermissionDenied.
  [[nodiscard]] Result<BlobRef> Put(std::string_view content);
  /// Copies the file at `path` (by hard link where the file system can, so `path` must not change
  /// later).
  [[nodiscard]] Result<BlobRef> PutFile(const std::string& path);
  /// The path of the blob. Errors: kInvalidArgument for a malformed name, kNotFound.
  [[nodiscard]] Result<std::string> Path(std::string_view sha256) const;
  [[nodiscard]] Result<std::string> Get(std::string_view sha256) const;
  /// Deleting what does not exist is no error.
  [[nodiscard]] Status Delete(std::string_view sha256);

 private:
  [[nodiscard]] std::string PathOf(std::string_view sha256) const;

  std::string data_folder_;
  std::string folder_;
};

}  // namespace aimass
