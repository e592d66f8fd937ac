#include "store/references.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/id.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr auto kOrphanAge = std::chrono::hours(1);  // younger ones may be about to be referenced

// What lies at `pattern` ("workspaces/*/models/*") below `root`. A link is no place of ours: the
// same files have another name, or are somebody else's.
std::vector<fs::path> Expand(const fs::path& root, const std::string& pattern,
                             std::set<std::string>& links) {
  std::vector<fs::path> level{root};
  for (const fs::path& part : fs::path(pattern)) {
    std::vector<fs::path> next;
    for (const fs::path& folder : level) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (fnmatch(part.c_str(), entry.path().filename().c_str(), FNM_PERIOD) != 0) continue;
        std::error_code gone;
        if (!entry.is_symlink(gone)) {
          next.push_back(entry.path());
        } else if (entry.is_directory(gone)) {
          links.insert(entry.path().lexically_normal().string());
        }
      }
    }
    level = std::move(next);
  }
  return level;
}

bool IsOld(const fs::path& path) {
  std::error_code error;
  const auto changed = fs::last_write_time(path, error);
  return !error && fs::file_time_type::clock::now() - changed > kOrphanAge;
}

// What was being written when its process ended: `….tmp-<id>`, perhaps with an ending behind it.
void AddUnfinished(const std::string& root, std::vector<std::string>& paths) {
  constexpr std::string_view kMark = ".tmp-";
  constexpr std::size_t kIdLength = 36;
  std::error_code error;
  auto walk =
      fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const std::string name = walk->path().filename().string();
    const std::size_t at = name.find(kMark);
    if (at == std::string::npos || !IsId(name.substr(at + kMark.size(), kIdLength))) continue;
    std::error_code gone;
    if (walk->is_symlink(gone)) continue;
    if (IsOld(walk->path())) paths.push_back(walk->path().lexically_normal().string());
  }
}

// The referenced files by their real names, so that one which is also reached through a link is
// known by each of its names.
class RealNames {
 public:
  explicit RealNames(const std::vector<FileReference>& references) {
    for (const FileReference& reference : references) {
      std::set<std::string> names{In(reference.path)};
      std::error_code error;
      if (fs::is_symlink(reference.path, error)) {
        names.insert(fs::weakly_canonical(reference.path, error).string());
      }
      for (const std::string& name : names) {
        if (reference.folder && reference.contents) folders_.push_back(name + "/");
        names_.insert(name);
      }
    }
    // Sorted, so that the folder which holds a path is the greatest one that is not after it.
    std::ranges::sort(folders_);
  }

  bool Have(const fs::path& path) {
    const std::string name = In(path);
    if (names_.contains(name)) return true;
    const auto after = std::ranges::upper_bound(folders_, name);
    return after != folders_.begin() && name.starts_with(*std::prev(after));
  }

 private:
  // The path with its folder's real name; a folder's is looked up once.
  std::string In(const fs::path& given) {
    fs::path path = given.lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    const std::string folder = path.parent_path().string();
    auto known = real_.find(folder);
    if (known == real_.end()) {
      std::error_code error;
      const fs::path real = fs::weakly_canonical(folder, error);
      known = real_.emplace(folder, error ? fs::path(folder) : real).first;
    }
    return (known->second / path.filename()).string();
  }

  std::map<std::string, fs::path> real_;
  std::set<std::string> names_;
  std::vector<std::string> folders_;
};

Error Broken(Error error) {
  error.hint = Msg("restore it from a backup, or delete what refers to it");
  return error;
}

}  // namespace

Result<std::vector<FileReference>> AllReferences(const FileOwnerRegistry& owners,
                                                 Database& database) {
  std::vector<FileReference> all;
  for (const auto& [name, owner] : owners.types()) {
    ASSIGN_OR_RETURN(auto references, owner.references(database));
    std::ranges::move(references, std::back_inserter(all));
  }
  return all;
}

std::optional<Error> CheckReference(const FileReference& reference, bool deep) {
  const auto broken = [](std::unexpected<Error> failed) {
    return Broken(std::move(failed.error()));
  };
  std::error_code error;
  if (reference.folder) {
    if (fs::is_directory(reference.path, error)) return std::nullopt;
    return broken(Fail(ErrorCode::kNotFound, "{}: the folder '{}' is missing", reference.owner,
                       reference.path));
  }
  const auto bytes = fs::file_size(reference.path, error);
  if (error) {
    return broken(Fail(ErrorCode::kNotFound, "{}: the file '{}' is missing", reference.owner,
                       reference.path));
  }
  if (reference.bytes >= 0 && bytes != static_cast<std::uintmax_t>(reference.bytes)) {
    return broken(Fail(ErrorCode::kUnprocessable, "{}: the file '{}' has {} bytes, expected {}",
                       reference.owner, reference.path, bytes, reference.bytes));
  }
  if (deep && !reference.sha256.empty()) {
    const auto sha256 = Sha256File(reference.path);
    if (!sha256 || *sha256 != reference.sha256) {
      return broken(Fail(ErrorCode::kUnprocessable, "{}: the file '{}' is damaged", reference.owner,
                         reference.path));
    }
  }
  return std::nullopt;
}

Orphans FindOrphans(const std::string& data_folder, const FileOwnerRegistry& owners,
                    const std::vector<FileReference>& references) {
  RealNames referenced(references);
  std::set<std::string> links;
  Orphans found;
  for (const auto& [name, owner] : owners.types()) {
    for (const std::string& place : owner.places) {
      for (const fs::path& path : Expand(data_folder, place, links)) {
        if (!referenced.Have(path) && IsOld(path))
          found.paths.push_back(path.lexically_normal().string());
      }
    }
  }
  AddUnfinished(data_folder, found.paths);
  std::ranges::sort(found.paths);
  found.paths.erase(std::ranges::unique(found.paths).begin(), found.paths.end());
  found.links.assign(links.begin(), links.end());
  return found;
}

}  // namespace aimass
