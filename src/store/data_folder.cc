#include "store/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/clock.h"
#include "base/json.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kFormatFile = "aimass.json";
constexpr std::string_view kLockFile = "lock";
constexpr std::array kFolders{"workspaces", "jobs", "tmp"};

// Reads the format of an existing folder, or accepts an empty one.
Result<bool> IsOurs(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path / kFormatFile, error)) {
    for (const auto& entry : fs::directory_iterator(path, error)) {
      const std::string name = entry.path().filename().string();
      if (name == kLockFile || name == "lost+found" || name.find(".tmp-") != std::string::npos)
        continue;
      return WithHint(Fail(ErrorCode::kInvalidArgument,
                           "'{}' is neither empty nor a data folder: it has '{}' but no {}",
                           path.string(), name, kFormatFile),
                      Msg("name an empty folder, or one that does not exist yet"));
    }
    if (error) return std::unexpected(SystemError(error.value(), "list", path));
    return false;
  }
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path / kFormatFile, 1 << 16));
  const auto json = ParseJson(text);
  const auto format = json ? GetInteger(*json, "format") : std::unexpected(json.error());
  if (!format) {
    return Fail(ErrorCode::kUnprocessable, "'{}' is damaged: {}", (path / kFormatFile).string(),
                format.error().ToString());
  }
  if (*format > DataFolder::kFormat) {
    return WithHint(
        Fail(ErrorCode::kUnsupported, "'{}' has format {}, this release reads up to format {}",
             path.string(), *format, DataFolder::kFormat),
        Msg("the data was used by a newer release: start that release, or restore a backup"));
  }
  return true;
}

Result<FileDescriptor> TakeLock(const fs::path& path) {
  FileDescriptor lock(open((path / kLockFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.valid()) return std::unexpected(SystemError(errno, "create", path / kLockFile));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) return std::unexpected(SystemError(error, "lock", path / kLockFile));
    return WithHint(Fail(ErrorCode::kConflict, "the data folder '{}' is in use by process {}",
                         path.string(), DataFolderHolder(path.string())),
                    Msg("stop that process, or reach it with --server"));
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return std::unexpected(SystemError(errno, "write", path / kLockFile));
  }
  return lock;
}

}  // namespace

Result<DataFolder> DataFolder::Open(const std::string& given) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(given, error), error);
  if (error || path.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a usable path of a data folder", given);
  }
  if (fs::exists(path, error) && !fs::is_directory(path, error)) {
    return Fail(ErrorCode::kInvalidArgument, "the data folder '{}' is not a folder", path.string());
  }
  RETURN_IF_ERROR(MakeFolder(path));
  ASSIGN_OR_RETURN(const bool before,
                   IsOurs(path));  // first, so that nothing is left in a stranger's folder
  ASSIGN_OR_RETURN(FileDescriptor lock, TakeLock(path));
  if (!before) {
    // Ours alone from the first byte. Later the mode is the operator's (a group for backups); where
    // it may not be set, as on a mounted disk of root's, the doctor says so.
    static_cast<void>(chmod(path.c_str(), S_IRWXU));
    const auto created =
        CreateFileAtomic(path / kFormatFile, Json{{"format", kFormat}}.dump() + "\n");
    if (!created && created.error().code != ErrorCode::kConflict)
      return std::unexpected(created.error());
  }
  fs::remove_all(path / "tmp", error);
  for (const char* folder : kFolders) RETURN_IF_ERROR(MakeFolder(path / folder));
  // What is read-only shows here and not in the middle of an import.
  const fs::path probe = path / "tmp" / "writable";
  RETURN_IF_ERROR(WriteFileAtomic(probe, "1"));
  fs::remove(probe, error);
  return DataFolder(path.string(), std::move(lock));
}

std::string DataFolder::DatabaseUrl() const { return "sqlite://" + path_ + "/metadata.db"; }

std::string DataFolder::WorkspaceFolder(std::string_view workspace) const {
  return path_ + "/workspaces/" + std::string(workspace);
}

std::int64_t DataFolderHolder(const std::string& path) {
  const fs::path file = fs::path(path) / kLockFile;
  const FileDescriptor lock(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock.valid()) return 0;
  if (flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return 0;  // freed again when `lock` closes
  const auto text = ReadFile(file, 64);
  std::int64_t pid = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid;
}

Result<DeletionGate> DeletionGate::Enter(const std::string& data_folder, std::int64_t timeout_ms) {
  const fs::path file = fs::path(data_folder) / "deletion.lock";
  FileDescriptor lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.valid()) return std::unexpected(SystemError(errno, "create", file));
  const std::int64_t deadline = SteadyMs() + timeout_ms;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return std::unexpected(SystemError(errno, "lock", file));
    if (SteadyMs() >= deadline) {
      return Fail(ErrorCode::kUnavailable,
                  "files cannot be deleted while a backup is being taken; waited {} s",
                  timeout_ms / 1000);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return DeletionGate(std::move(lock));
}

namespace {

// That `path` lies below `root`, a real name, and that no link leads it to other files of the
// folder, which have a name and perhaps a use of their own. A folder that was moved to another disk
// with a link in its place is in order.
Status CheckDeletable(const fs::path& root, const std::string& path) {
  std::error_code error;
  fs::path given = fs::absolute(path, error).lexically_normal();
  if (!given.has_filename()) given = given.parent_path();
  fs::path above;
  fs::path relative;
  bool inside = false;
  for (const fs::path& part : given) {
    if (inside) {
      relative /= part;
      continue;
    }
    above /= part;
    inside = fs::weakly_canonical(above, error) == root;
  }
  if (relative.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' does not lie in the data folder '{}'", path,
                root.string());
  }
  const fs::path real = fs::weakly_canonical(given.parent_path(), error);
  if (real == (root / relative).parent_path()) return {};
  const fs::path other = real.lexically_relative(root);
  if (other.empty() || *other.begin() == "..") return {};
  return Fail(ErrorCode::kInvalidArgument,
              "'{}' is not deleted: a symbolic link leads it to '{}', which has its own place",
              path, (real / given.filename()).string());
}

}  // namespace

Status DeleteFiles(const std::string& data_folder, const std::vector<std::string>& paths) {
  std::error_code error;
  const fs::path root = fs::weakly_canonical(fs::absolute(data_folder, error), error);
  for (const std::string& path : paths) RETURN_IF_ERROR(CheckDeletable(root, path));
  ASSIGN_OR_RETURN(const DeletionGate gate, DeletionGate::Enter(data_folder));
  for (const std::string& path : paths) {
    fs::remove_all(path, error);
    if (error) return std::unexpected(SystemError(error.value(), "delete", path));
  }
  return {};
}

}  // namespace aimass
