#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass::store {

/// The next piece of a file; an empty one ends it. Valid until the next call.
using NextBlock = std::function<Result<std::string_view>()>;

/// Where a backup is written to. Nothing stands at the target's name before Finish().
class BackupWriter {
 public:
  virtual ~BackupWriter() = default;  // without Finish(): what was written is removed
  /// Adds the file `source` as `path`, relative, of `bytes` bytes; its SHA-256 as read.
  [[nodiscard]] virtual Result<std::string> Add(const std::string& path, const std::string& source,
                                                std::int64_t bytes) = 0;
  /// Makes it durable and gives it its name.
  [[nodiscard]] virtual Status Finish() = 0;

  /// A folder, or an archive where the name ends in .tar, .tar.gz or .tar.zst. Errors: kConflict.
  [[nodiscard]] static Result<std::unique_ptr<BackupWriter>> Open(const std::string& target);
};

/// Hands every file of a backup, folder or archive, to `visit`, in the order in which they lie
/// there. Errors   kNotFound, kUnprocessable where it is no backup or damaged.
[[nodiscard]] Status ReadBackup(
    const std::string& source,
    const std::function<Status(const std::string& path, const NextBlock& next)>& visit);

/// Whether `path` is relative, has no `..` and no empty parts.
[[nodiscard]] bool IsSafePath(std::string_view path);

}  // namespace aimass::store
