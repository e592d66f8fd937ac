#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/id.h"
#include "base/words.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

Status WriteAll(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(SystemError(errno, "write", path));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Writes a synced temporary file beside `path` and returns its name.
Result<fs::path> WriteTemporary(const fs::path& path, std::string_view content, int mode) {
  fs::path temporary = path;
  temporary += ".tmp-" + NewId();
  const FileDescriptor fd(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode)));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "create", path));
  Status written = WriteAll(fd.get(), content, path);
  if (written && fsync(fd.get()) != 0) written = std::unexpected(SystemError(errno, "sync", path));
  if (!written) {
    unlink(temporary.c_str());
    return std::unexpected(std::move(written).error());
  }
  return temporary;
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = other.Release();
  }
  return *this;
}

int FileDescriptor::Release() { return std::exchange(fd_, -1); }

void FileDescriptor::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

namespace {

// The reasons that people meet, in the words of the C library, so that they can be translated.
std::string ReasonOf(int error_number) {
  constexpr std::pair<int, const char*> kReasons[]{
      {ENOENT, "No such file or directory"},
      {EACCES, "Permission denied"},
      {EPERM, "Operation not permitted"},
      {EROFS, "Read-only file system"},
      {EEXIST, "File exists"},
      {EISDIR, "Is a directory"},
      {ENOTDIR, "Not a directory"},
      {ENOTEMPTY, "Directory not empty"},
      {ENOSPC, "No space left on device"},
      {EDQUOT, "Disk quota exceeded"},
      {ENAMETOOLONG, "File name too long"},
      {EMFILE, "Too many open files"},
      {EPIPE, "Broken pipe"},
      {EIO, "Input/output error"},
  };
  for (const auto& [number, reason] : kReasons) {
    if (number == error_number) return reason;
  }
  return std::system_category().message(error_number);
}

}  // namespace

Error SystemError(int error_number, std::string_view action, const fs::path& path) {
  ErrorCode code = ErrorCode::kInternal;
  Message hint;
  switch (error_number) {
    case ENOENT:
      code = ErrorCode::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kPermissionDenied;
      hint = Msg("check who owns the folder and whether it may be written");
      break;
    case EEXIST:
      code = ErrorCode::kConflict;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kStorageFull;
      hint = Msg("free some space (or inodes) on that disk and try again; nothing was changed");
      break;
    default:
      break;
  }
  return Error{.code = code,
               .message = Msg("cannot {} '{}': {}", Word{std::string(action)}, path.string(),
                              Word{ReasonOf(error_number)}),
               .hint = std::move(hint)};
}

Result<std::string> ReadFile(const fs::path& path, std::size_t max_bytes) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "open", path));
  std::string content;
  std::vector<char> block(std::size_t{1} << 16);
  for (;;) {
    const ssize_t got = read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(SystemError(errno, "read", path));
    if (got == 0) return content;
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return Fail(ErrorCode::kPayloadTooLarge, "'{}' is larger than {} bytes", path.string(),
                  max_bytes);
    }
  }
}

Status WriteFileAtomic(const fs::path& path, std::string_view content, int mode) {
  ASSIGN_OR_RETURN(const fs::path temporary, WriteTemporary(path, content, mode));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return std::unexpected(SystemError(error, "rename", path));
  }
  return SyncPath(path.parent_path());
}

Status CreateFileAtomic(const fs::path& path, std::string_view content, int mode) {
  ASSIGN_OR_RETURN(const fs::path temporary, WriteTemporary(path, content, mode));
  const int linked = link(temporary.c_str(), path.c_str());
  const int error = errno;
  unlink(temporary.c_str());
  if (linked != 0) return std::unexpected(SystemError(error, "create", path));
  return SyncPath(path.parent_path());
}

Status SyncPath(const fs::path& path) {
  const fs::path target = path.empty() ? fs::path(".") : path;
  const FileDescriptor fd(open(target.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "open", target));
  if (fsync(fd.get()) != 0) return std::unexpected(SystemError(errno, "sync", target));
  return {};
}

Status MakeFolder(const fs::path& path) {
  std::error_code error;
  if (path.empty() || fs::is_directory(path, error)) return {};
  RETURN_IF_ERROR(MakeFolder(path.parent_path()));
  const bool made = fs::create_directory(path, error);
  if (error) return std::unexpected(SystemError(error.value(), "create the folder", path));
  if (!made) return {};
  // A synced file in a folder whose own name is not on the disk is lost with it.
  return SyncPath(path.parent_path());
}

std::string Sha256(std::string_view content) {
  Sha256Sum sum;
  sum.Add(content);
  return sum.Hex();
}

Result<std::string> Sha256File(const fs::path& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "open", path));
  Sha256Sum sum;
  std::vector<char> block(std::size_t{1} << 20);
  for (;;) {
    const ssize_t got = read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(SystemError(errno, "read", path));
    if (got == 0) return sum.Hex();
    sum.Add(std::string_view(block.data(), static_cast<std::size_t>(got)));
  }
}

}  // namespace aimass
