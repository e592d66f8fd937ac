#include "store/blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/id.h"
#include "store/data_folder.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

Status CheckName(std::string_view sha256) {
  const bool hex = std::ranges::all_of(
      sha256, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (sha256.size() == 64 && hex) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "a blob is named by 64 lower-case hex digits, found '{}'", sha256);
}

}  // namespace

BlobStore::BlobStore(std::string data_folder, std::string workspace)
    : data_folder_(std::move(data_folder)),
      folder_(data_folder_ + "/workspaces/" + std::move(workspace) + "/blobs") {}

std::string BlobStore::PathOf(std::string_view sha256) const {
  return folder_ + "/" + std::string(sha256.substr(0, 2)) + "/" + std::string(sha256);
}

Result<BlobRef> BlobStore::Put(std::string_view content) {
  BlobRef ref{.sha256 = Sha256(content), .bytes = static_cast<std::int64_t>(content.size())};
  const fs::path path = PathOf(ref.sha256);
  RETURN_IF_ERROR(MakeFolder(path.parent_path()));
  // Whoever was first wrote the same bytes.
  const auto created = CreateFileAtomic(path, content, 0444);
  if (!created && created.error().code != ErrorCode::kConflict)
    return std::unexpected(created.error());
  return ref;
}

Result<BlobRef> BlobStore::PutFile(const std::string& source) {
  struct stat info{};
  if (stat(source.c_str(), &info) != 0) return std::unexpected(SystemError(errno, "read", source));
  if (!S_ISREG(info.st_mode))
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a file", source);
  ASSIGN_OR_RETURN(std::string sha256, Sha256File(source));
  const fs::path path = PathOf(sha256);
  RETURN_IF_ERROR(MakeFolder(path.parent_path()));
  BlobRef ref{.sha256 = std::move(sha256), .bytes = info.st_size};
  if (link(source.c_str(), path.c_str()) == 0) {
    RETURN_IF_ERROR(SyncPath(path));
    RETURN_IF_ERROR(SyncPath(path.parent_path()));
    return ref;
  }
  if (errno == EEXIST) return ref;
  fs::path temporary = path;
  temporary += ".tmp-" + NewId();
  std::error_code error;
  fs::copy_file(source, temporary, error);
  Status done;
  if (error) done = std::unexpected(SystemError(error.value(), "copy", source));
  if (done) done = SyncPath(temporary);
  if (done && link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    done = std::unexpected(SystemError(errno, "create", path));
  }
  fs::remove(temporary, error);
  if (done) done = SyncPath(path.parent_path());
  RETURN_IF_ERROR(done);
  return ref;
}

Result<std::string> BlobStore::Path(std::string_view sha256) const {
  RETURN_IF_ERROR(CheckName(sha256));
  std::string path = PathOf(sha256);
  if (access(path.c_str(), F_OK) != 0) return Fail(ErrorCode::kNotFound, "no blob '{}'", sha256);
  return path;
}

Result<std::string> BlobStore::Get(std::string_view sha256) const {
  ASSIGN_OR_RETURN(const std::string path, Path(sha256));
  return ReadFile(path, std::size_t{1} << 34);
}

Status BlobStore::Delete(std::string_view sha256) {
  RETURN_IF_ERROR(CheckName(sha256));
  return DeleteFiles(data_folder_, {PathOf(sha256)});
}

}  // namespace aimass
