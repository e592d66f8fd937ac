#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/registry.h"
#include "store/database.h"

namespace aimass {

/// A file or folder that metadata says must exist.
struct FileReference {
  std::string path;         // absolute
  std::string sha256;       // of a file; empty: not known
  std::int64_t bytes = -1;  // of a file; -1: not known
  bool folder = false;
  bool contents = true;  // of a folder: all that lies in it belongs to it too
  std::string owner;     // for the message: "dataset 'sales'"
};

/// Who references files: a module adds one, and lists the folders in which everything must be
/// referenced (patterns with `*` for one path segment, relative to the data folder:
/// "workspaces/*/models/*"). What lies at such a place and is referenced by nobody is an orphan,
/// once it is older than an hour. So are, anywhere, what WriteFileAtomic and its like were writing
/// when their process ended (`….tmp-<id>`). What is, or lies behind, a symbolic link never is.
struct FileOwner {
  std::string_view name;  // "models"
  std::vector<std::string> places;
  std::function<Result<std::vector<FileReference>>(Database&)> references;
};
using FileOwnerRegistry = Registry<FileOwner>;

/// Adds every owner of this build, as of the data folder at `folder`.
using AddFileOwners = std::function<void(FileOwnerRegistry& owners, const std::string& folder)>;

/// What all owners reference by the metadata in `database`.
[[nodiscard]] Result<std::vector<FileReference>> AllReferences(const FileOwnerRegistry& owners,
                                                               Database& database);

/// Why what is referenced is not in order: missing, of another size, and with `deep` of another
/// checksum. None where it is.
[[nodiscard]] std::optional<Error> CheckReference(const FileReference& reference, bool deep);

struct Orphans {
  std::vector<std::string> paths;  // absolute, sorted, each once
  std::vector<std::string> links;  // to folders: what lies behind them was not looked at
};

/// What lies in the data folder at a place of an owner and is not among `references`.
[[nodiscard]] Orphans FindOrphans(const std::string& data_folder, const FileOwnerRegistry& owners,
                                  const std::vector<FileReference>& references);

}  // namespace aimass
