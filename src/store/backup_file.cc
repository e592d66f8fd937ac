#include "store/backup_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/id.h"

namespace aimass::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

bool IsArchiveName(std::string_view name) {
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tar.zst");
}

// What somebody would take for a file of its own kind, and which would become a folder.
bool IsOtherArchiveName(std::string_view name) {
  constexpr std::array<std::string_view, 8> kEndings{".zip", ".7z",  ".rar", ".tgz",
                                                     ".gz",  ".zst", ".xz",  ".bz2"};
  return !IsArchiveName(name) && std::ranges::any_of(kEndings, [name](std::string_view ending) {
    return name.ends_with(ending);
  });
}

// Reads `source` to its end, hands on every block; exactly `bytes` bytes, though the file may be
// growing.
template <typename F>
Result<std::string> Pump(const std::string& source, std::int64_t bytes, F write_block) {
  const FileDescriptor fd(open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "open", source));
  Sha256Sum sum;
  std::vector<char> block(kBlockBytes);
  std::int64_t left = bytes;
  while (left > 0) {
    const ssize_t got = read(fd.get(), block.data(),
                             std::min<std::size_t>(block.size(), static_cast<std::size_t>(left)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(SystemError(errno, "read", source));
    if (got == 0) {
      return Fail(ErrorCode::kInternal, "'{}' became shorter while it was copied", source);
    }
    const std::string_view piece(block.data(), static_cast<std::size_t>(got));
    sum.Add(piece);
    RETURN_IF_ERROR(write_block(piece));
    left -= got;
  }
  return sum.Hex();
}

Status WriteAll(int fd, std::string_view piece, const fs::path& path) {
  while (!piece.empty()) {
    const ssize_t written = write(fd, piece.data(), piece.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(SystemError(errno, "write", path));
    piece.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

class FolderWriter final : public BackupWriter {
 public:
  explicit FolderWriter(std::string target)
      : target_(std::move(target)), folder_(target_ + ".tmp-" + NewId()) {}
  ~FolderWriter() override {
    std::error_code error;
    if (!finished_) fs::remove_all(folder_, error);
  }

  Result<std::string> Add(const std::string& path, const std::string& source,
                          std::int64_t bytes) override {
    const fs::path copy = fs::path(folder_) / path;
    RETURN_IF_ERROR(MakeFolder(copy.parent_path()));
    const FileDescriptor fd(open(copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd.valid()) return std::unexpected(SystemError(errno, "create", copy));
    ASSIGN_OR_RETURN(std::string sha256, Pump(source, bytes, [&](std::string_view piece) {
                       return WriteAll(fd.get(), piece, copy);
                     }));
    if (fsync(fd.get()) != 0) return std::unexpected(SystemError(errno, "sync", copy));
    return sha256;
  }

  Status Finish() override {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder_, error)) {
      if (entry.is_directory()) RETURN_IF_ERROR(SyncPath(entry.path()));
    }
    RETURN_IF_ERROR(SyncPath(folder_));
    // rename() replaces an empty folder only, so a backup that came first is never overwritten.
    if (rename(folder_.c_str(), target_.c_str()) != 0) {
      return std::unexpected(SystemError(errno == ENOTEMPTY ? EEXIST : errno, "create", target_));
    }
    finished_ = true;
    return SyncPath(fs::path(target_).parent_path());
  }

 private:
  const std::string target_;
  const std::string folder_;
  bool finished_ = false;
};

// libarchive converts names by the locale of the thread; in "C" it dies of a name that is not
// ASCII.
class Utf8Locale {
 public:
  Utf8Locale()
      : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", static_cast<locale_t>(nullptr))),
        before_(uselocale(locale_)) {}
  ~Utf8Locale() {
    uselocale(before_);
    if (locale_ != nullptr) freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_;
  locale_t before_;
};

using WriteArchive = std::unique_ptr<archive, int (*)(archive*)>;
using Entry = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

class ArchiveWriter final : public BackupWriter {
 public:
  explicit ArchiveWriter(std::string target)
      : target_(std::move(target)),
        file_(target_ + ".tmp-" + NewId()),
        archive_(nullptr, &archive_write_free) {}
  ~ArchiveWriter() override {
    archive_.reset();
    unlink(file_.c_str());
  }

  Status Start() {
    fd_ = FileDescriptor(open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd_.valid()) return std::unexpected(SystemError(errno, "create", target_));
    archive_.reset(archive_write_new());
    archive_write_set_format_pax_restricted(archive_.get());
    if (target_.ends_with(".gz")) archive_write_add_filter_gzip(archive_.get());
    if (target_.ends_with(".zst")) archive_write_add_filter_zstd(archive_.get());
    return Check(archive_write_open_fd(archive_.get(), fd_.get()));
  }

  Result<std::string> Add(const std::string& path, const std::string& source,
                          std::int64_t bytes) override {
    const Utf8Locale utf8;
    const Entry entry(archive_entry_new(), &archive_entry_free);
    archive_entry_set_pathname_utf8(entry.get(), path.c_str());
    archive_entry_set_size(entry.get(), bytes);
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0600);
    RETURN_IF_ERROR(Check(archive_write_header(archive_.get(), entry.get())));
    return Pump(source, bytes, [this](std::string_view piece) -> Status {
      if (archive_write_data(archive_.get(), piece.data(), piece.size()) < 0)
        return Check(ARCHIVE_FATAL);
      return {};
    });
  }

  Status Finish() override {
    RETURN_IF_ERROR(Check(archive_write_close(archive_.get())));
    if (fsync(fd_.get()) != 0) return std::unexpected(SystemError(errno, "sync", target_));
    if (link(file_.c_str(), target_.c_str()) != 0)
      return std::unexpected(SystemError(errno, "create", target_));
    return SyncPath(fs::path(target_).parent_path());
  }

 private:
  Status Check(int result) {
    if (result >= ARCHIVE_WARN) return {};
    const int number = archive_errno(archive_.get());
    if (number == ENOSPC || number == EDQUOT)
      return std::unexpected(SystemError(number, "write", target_));
    const char* text = archive_error_string(archive_.get());
    return Fail(ErrorCode::kInternal, "cannot write the archive '{}': {}", target_,
                text == nullptr ? "" : text);
  }

  const std::string target_;
  const std::string file_;
  FileDescriptor fd_;
  WriteArchive archive_;
};

Status ReadFolder(const std::string& source,
                  const std::function<Status(const std::string&, const NextBlock&)>& visit) {
  std::error_code error;
  std::vector<char> block(kBlockBytes);
  for (const auto& entry : fs::recursive_directory_iterator(source, error)) {
    if (!entry.is_regular_file()) continue;
    const FileDescriptor fd(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return std::unexpected(SystemError(errno, "open", entry.path()));
    const auto next = [&]() -> Result<std::string_view> {
      for (;;) {
        const ssize_t got = read(fd.get(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(SystemError(errno, "read", entry.path()));
        return std::string_view(block.data(), static_cast<std::size_t>(got));
      }
    };
    RETURN_IF_ERROR(visit(entry.path().lexically_relative(source).string(), next));
  }
  if (error) return std::unexpected(SystemError(error.value(), "list", source));
  return {};
}

Status ReadTar(const std::string& source,
               const std::function<Status(const std::string&, const NextBlock&)>& visit) {
  const Utf8Locale utf8;
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  const auto damaged = [&] {
    const char* text = archive_error_string(reader.get());
    return Fail(ErrorCode::kUnprocessable, "'{}' is not a backup, or it is damaged: {}", source,
                text == nullptr ? "" : text);
  };
  if (archive_read_open_filename(reader.get(), source.c_str(), kBlockBytes) != ARCHIVE_OK)
    return damaged();
  std::vector<char> block(kBlockBytes);
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return {};
    if (result != ARCHIVE_OK) return damaged();
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG) {
      return Fail(ErrorCode::kUnprocessable,
                  "'{}' is not a backup: it has an entry that is not a file", source);
    }
    const auto next = [&]() -> Result<std::string_view> {
      const la_ssize_t got = archive_read_data(reader.get(), block.data(), block.size());
      if (got < 0) return damaged();
      return std::string_view(block.data(), static_cast<std::size_t>(got));
    };
    RETURN_IF_ERROR(visit(name, next));
  }
}

}  // namespace

bool IsSafePath(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos)
    return false;
  for (const fs::path& part : fs::path(path)) {
    if (part.empty() || part == ".." || part == ".") return false;
  }
  return true;
}

Result<std::unique_ptr<BackupWriter>> BackupWriter::Open(const std::string& target) {
  std::error_code error;
  const fs::path path = fs::absolute(target, error).lexically_normal();
  if (fs::exists(path, error)) {
    return WithHint(Fail(ErrorCode::kConflict, "the target '{}' exists", target),
                    Msg("name a file or folder that does not exist yet"));
  }
  if (IsOtherArchiveName(target)) {
    return WithHint(
        Fail(ErrorCode::kInvalidArgument,
             "a backup is a folder, or a .tar, .tar.gz or .tar.zst file; found '{}'", target),
        Msg("name a file that ends with .tar.zst"));
  }
  // Not made silently: a mistyped path, or a disk that is not mounted, must not swallow a backup.
  if (!fs::is_directory(path.parent_path(), error)) {
    return WithHint(Fail(ErrorCode::kNotFound, "the folder '{}' of the backup does not exist",
                         path.parent_path().string()),
                    Msg("make it first, or mount its disk"));
  }
  if (!IsArchiveName(target)) {
    auto writer = std::make_unique<FolderWriter>(path.string());
    return writer;
  }
  auto writer = std::make_unique<ArchiveWriter>(path.string());
  RETURN_IF_ERROR(writer->Start());
  return writer;
}

Status ReadBackup(const std::string& source,
                  const std::function<Status(const std::string&, const NextBlock&)>& visit) {
  std::error_code error;
  if (!fs::exists(source, error))
    return Fail(ErrorCode::kNotFound, "there is no backup '{}'", source);
  return fs::is_directory(source, error) ? ReadFolder(source, visit) : ReadTar(source, visit);
}

}  // namespace aimass::store
