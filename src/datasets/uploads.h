#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "access/caller.h"
#include "base/error.h"

namespace aimass {

/// A file that arrives piece by piece (tus 1.0), for an import to read when it is complete.
struct Upload {
  std::string id;
  std::string path;                    // of the bytes so far
  std::string name;                    // the file's name, as its sender calls it; may be empty
  std::string metadata;                // tus Upload-Metadata, as it was sent
  std::optional<std::int64_t> length;  // unknown until the sender says it
  std::int64_t offset = 0;             // bytes that are safely on disk
  std::int64_t expires_ms = 0;         // Unix milliseconds
  [[nodiscard]] bool complete() const { return length && *length == offset; }
};

/// Uploads of all workspaces: DATA/workspaces/<id>/uploads/<upload>.part and .json. What is there
/// after a restart goes on; what nobody touched for a day expires.
///
/// Threads  any; one upload takes one piece at a time.
class UploadStore {
 public:
  explicit UploadStore(std::string data_folder);

  /// Errors   kPayloadTooLarge over the limit, kInvalidArgument for metadata that is not tus's.
  [[nodiscard]] Result<Upload> Create(const Caller& caller, std::optional<std::int64_t> length,
                                      std::string_view metadata);
  /// Errors   kNotFound, also when it expired.
  [[nodiscard]] Result<Upload> Get(const Caller& caller, std::string_view id) const;
  /// Appends the content of the file `piece` at `offset`; `length` where it became known now.
  /// Errors   kConflict where `offset` is not where it stands, or another piece is being written;
  ///          kPayloadTooLarge beyond its length; kStorageFull, and then the offset is as it was.
  [[nodiscard]] Result<Upload> Append(const Caller& caller, std::string_view id,
                                      std::int64_t offset, std::optional<std::int64_t> length,
                                      const std::string& piece);
  /// Errors   kNotFound; kConflict while a piece is being written.
  [[nodiscard]] Status Delete(const Caller& caller, std::string_view id);
  /// Removes what expired, in all workspaces: how many.
  [[nodiscard]] Result<std::int64_t> DeleteExpired();

  static constexpr std::int64_t kMaxBytes = std::int64_t{1} << 40;

 private:
  [[nodiscard]] std::string Folder(const Caller& caller) const;
  [[nodiscard]] Status Save(const Caller& caller, const Upload& upload) const;
  std::string data_folder_;
};

/// The pairs of a tus Upload-Metadata field: "filename d29ybGQ=,is_confidential".
/// Errors   kInvalidArgument naming the pair.
[[nodiscard]] Result<std::map<std::string, std::string>> ParseUploadMetadata(std::string_view text);

}  // namespace aimass
