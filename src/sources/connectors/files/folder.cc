#include "sources/connectors/files/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "sources/glob.h"
#include "store/user_path.h"

namespace aimass::connectors::files {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kMaxFiles = 1'000'000;
constexpr int kMaxDepth = 64;

// What archivers and desktops leave; hidden files no pattern matches anyway.
bool IsLitter(std::string_view name) {
  return name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini";
}

SourceFile Described(const std::string& path, const struct stat& info) {
  return {.path = path,
          .name = path,
          .bytes = info.st_size,
          .state = fmt::format("{}.{:09}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec),
          .modified_ms = info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000};
}

bool Same(const SourceFile& a, const SourceFile& b) {
  return a.bytes == b.bytes && a.state == b.state;
}

std::unexpected<Error> StillWritten(const std::string& path) {
  return WithHint(Fail(ErrorCode::kUnavailable, "file '{}' changed while it was read", path),
                  Msg("write files under another name, and rename them when they are whole"));
}

class Folder final : public FileConnection {
 public:
  explicit Folder(fs::path root) : root_(std::move(root)) {}

  Result<std::vector<Check>> Test() override {
    ASSIGN_OR_RETURN(const std::vector<SourceFile> files, All(CancelToken()));
    std::vector<Check> checks;
    checks.push_back({.ok = !files.empty(),
                      .message = Msg("{} files in '{}' may be read", files.size(), root_.string()),
                      .hint = {}});
    if (files.empty()) checks.back().hint = Msg("hidden files and folders are left out");
    if (outside_ > 0) {
      checks.push_back(
          {.ok = true,
           .message = Msg("{} links lead out of the folder and are left out", outside_),
           .hint = {}});
    }
    if (unreadable_ > 0) {
      checks.push_back({.ok = false,
                        .message = Msg("{} files or folders may not be read", unreadable_),
                        .hint = Msg("let the user that the server runs as read them: chmod a+rX")});
    }
    return checks;
  }

  Result<std::vector<SourceTable>> ListTables() override {
    ASSIGN_OR_RETURN(const std::vector<SourceFile> files, All(CancelToken()));
    return TablesOf(files);
  }

  Result<std::vector<SourceFile>> ListFiles(const std::string& table,
                                            const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const Glob glob, Glob::Parse(table));
    if (!glob.literal()) return Walk(glob, cancel);
    const auto opened = OpenBelow(table);
    if (!opened && opened.error().code == ErrorCode::kNotFound) return std::vector<SourceFile>();
    if (!opened) return std::unexpected(opened.error());
    struct stat info{};
    if (fstat(opened->get(), &info) != 0)
      return std::unexpected(SystemError(errno, "read", root_ / table));
    return std::vector<SourceFile>{Described(table, info)};
  }

  Result<FetchedFile> Fetch(const SourceFile& file, const FetchRequest& request) override {
    ASSIGN_OR_RETURN(const FileDescriptor from, OpenBelow(file.path));
    struct stat info{};
    if (fstat(from.get(), &info) != 0)
      return std::unexpected(SystemError(errno, "read", root_ / file.path));
    const SourceFile before = Described(file.path, info);
    if (before.bytes > request.max_bytes) {
      return Fail(ErrorCode::kPayloadTooLarge, "file '{}' has {} bytes, more than the {} allowed",
                  file.path, before.bytes, request.max_bytes);
    }
    FileDescriptor to;
    if (!request.only_hash) {
      to = FileDescriptor(open(request.to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (!to.valid()) return std::unexpected(SystemError(errno, "create", request.to));
    }
    std::int64_t bytes = 0;
    ASSIGN_OR_RETURN(std::string sum, Copy(from, to, before, request, &bytes));
    if (fstat(from.get(), &info) != 0)
      return std::unexpected(SystemError(errno, "read", root_ / file.path));
    const SourceFile after = Described(file.path, info);
    if (!Same(before, after) || bytes != after.bytes) return StillWritten(file.path);
    return FetchedFile{.file = after, .sha256 = std::move(sum)};
  }

 private:
  Result<std::vector<SourceFile>> All(const CancelToken& cancel) {
    ASSIGN_OR_RETURN(const Glob all, Glob::Parse("**"));
    return Walk(all, cancel);
  }

  Result<std::vector<SourceFile>> Walk(const Glob& glob, const CancelToken& cancel) {
    std::vector<SourceFile> files;
    outside_ = unreadable_ = 0;
    RETURN_IF_ERROR(WalkBelow(glob, "", 0, cancel, files));
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
  }

  Status WalkBelow(const Glob& glob, const std::string& folder, int depth,
                   const CancelToken& cancel, std::vector<SourceFile>& files) {
    RETURN_IF_ERROR(cancel.Check());
    std::error_code error;
    fs::directory_iterator at(root_ / folder, error);
    if (error && depth == 0) return std::unexpected(SystemError(error.value(), "list", root_));
    if (error) {
      ++unreadable_;
      return {};
    }
    for (; at != fs::directory_iterator(); at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (IsLitter(name)) continue;
      const std::string path = folder.empty() ? name : folder + "/" + name;
      if (!at->is_symlink(error) && at->is_directory(error)) {
        if (depth < kMaxDepth && !Hidden(glob, path) && glob.MayMatchBelow(path))
          RETURN_IF_ERROR(WalkBelow(glob, path, depth + 1, cancel, files));
        continue;
      }
      if (!glob.Matches(path)) continue;
      if (files.size() == kMaxFiles) {
        return Fail(ErrorCode::kUnprocessable, "'{}' matches more than {} files", glob.text(),
                    kMaxFiles);
      }
      AddFile(path, at->is_symlink(error), files);
    }
    if (error) return std::unexpected(SystemError(error.value(), "list", root_ / folder));
    return {};
  }

  // A hidden folder is entered only where the pattern names it.
  static bool Hidden(const Glob& glob, const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    return path[name] == '.' && !glob.text().starts_with(path);
  }

  void AddFile(const std::string& path, bool link, std::vector<SourceFile>& files) {
    struct stat info{};
    if (!link) {
      if (lstat((root_ / path).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
      if (access((root_ / path).c_str(), R_OK) != 0) ++unreadable_;
      files.push_back(Described(path, info));
      return;
    }
    const auto opened = OpenBelow(path);
    if (!opened) {
      if (opened.error().code == ErrorCode::kPermissionDenied) ++outside_;
      return;
    }
    if (fstat(opened->get(), &info) == 0) files.push_back(Described(path, info));
  }

  // Where the open file really lies is asked of the system, behind all links.
  Result<FileDescriptor> OpenBelow(const std::string& path) const {
    const fs::path whole = root_ / path;
    FileDescriptor fd(open(whole.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) {
      if (errno == ENOENT || errno == ENOTDIR)
        return Fail(ErrorCode::kNotFound, "there is no file '{}'", path);
      return std::unexpected(SystemError(errno, "open", whole));
    }
    std::error_code error;
    const fs::path real = fs::read_symlink(fmt::format("/proc/self/fd/{}", fd.get()), error);
    const auto [end, ignored] = std::mismatch(root_.begin(), root_.end(), real.begin(), real.end());
    if (error || end != root_.end()) {
      return Fail(ErrorCode::kPermissionDenied, "'{}' leads out of the folder of the source", path);
    }
    struct stat info{};
    if (fstat(fd.get(), &info) != 0) return std::unexpected(SystemError(errno, "read", whole));
    if (!S_ISREG(info.st_mode)) return Fail(ErrorCode::kNotFound, "there is no file '{}'", path);
    return fd;
  }

  static Result<std::string> Copy(const FileDescriptor& from, const FileDescriptor& to,
                                  const SourceFile& file, const FetchRequest& request,
                                  std::int64_t* bytes) {
    Sha256Sum sum;
    std::vector<char> buffer(kPiece);
    for (;;) {
      RETURN_IF_ERROR(request.cancel.Check());
      const ssize_t got = read(from.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::unexpected(SystemError(errno, "read", file.path));
      if (got == 0) return sum.Hex();
      std::string_view left(buffer.data(), static_cast<std::size_t>(got));
      sum.Add(left);
      *bytes += got;
      // It may grow as fast as it is read: there is no use in waiting for its end.
      if (*bytes > file.bytes) return StillWritten(file.path);
      while (to.valid() && !left.empty()) {
        const ssize_t written = write(to.get(), left.data(), left.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return std::unexpected(SystemError(errno, "write", request.to));
        left.remove_prefix(static_cast<std::size_t>(written));
      }
      if (request.progress) request.progress(*bytes);
    }
  }

  fs::path root_;  // with every link followed
  std::int64_t outside_ = 0;
  std::int64_t unreadable_ = 0;
};

}  // namespace

Result<std::unique_ptr<FileConnection>> OpenFolder(const std::string& folder,
                                                   const Surroundings& here) {
  ASSIGN_OR_RETURN(fs::path root, UserPath(folder, here.data_folder));
  std::error_code error;
  if (!fs::is_directory(root, error))
    return Fail(ErrorCode::kUnprocessable, "'{}' is no folder", folder);
  return std::make_unique<Folder>(std::move(root));
}

}  // namespace aimass::connectors::files
