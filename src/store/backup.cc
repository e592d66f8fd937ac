#include "store/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "store/backup_file.h"
#include "store/data_folder.h"
#include "store/transfer.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr int kFormat = 1;
constexpr std::string_view kManifest = "manifest.json";
constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 30;

// A moment of the data folder, made of hard links below DATA/tmp; removed at the end.
class Snapshot {
 public:
  explicit Snapshot(const std::string& data_folder)
      : data_(data_folder), folder_(fs::path(data_folder) / "tmp" / ("backup-" + NewId())) {}
  ~Snapshot() {
    std::error_code error;
    fs::remove_all(folder_, error);
  }

  Status Take(Database& database, const std::vector<Migration>& schema) {
    RETURN_IF_ERROR(MakeFolder(folder_));
    ASSIGN_OR_RETURN(const DeletionGate gate, DeletionGate::Enter(data_.string()));
    // Metadata first: what it references is there already, and nothing is deleted before the gate
    // opens.
    RETURN_IF_ERROR(SaveMetadata(database, schema, (folder_ / "metadata.db").string()));
    RETURN_IF_ERROR(LinkFile("aimass.json"));
    RETURN_IF_ERROR(LinkTree("workspaces", {}));
    std::error_code error;
    for (const auto& job : fs::directory_iterator(data_ / "jobs", error)) {
      const fs::path log = fs::path("jobs") / job.path().filename() / "log.ndjson";
      if (fs::exists(data_ / log, error)) RETURN_IF_ERROR(LinkFile(log));
    }
    return {};
  }

  // That every file which the metadata of the snapshot references is in it.
  Status Check(const AddFileOwners& add_owners) const {
    FileOwnerRegistry owners("file owner");
    add_owners(owners, folder_.string());
    ASSIGN_OR_RETURN(const auto metadata,
                     Database::Open("sqlite://" + (folder_ / "metadata.db").string()));
    ASSIGN_OR_RETURN(const auto references, AllReferences(owners, *metadata));
    for (const FileReference& reference : references) {
      if (!CheckReference(reference, false)) continue;
      const fs::path path = data_ / fs::path(reference.path).lexically_relative(folder_);
      return WithHint(
          Fail(ErrorCode::kUnprocessable,
               "no backup was made, it would not be whole: '{}' of {} is missing or has another "
               "size",
               path.string(), reference.owner),
          Msg("aimass doctor lists all that is missing: bring it back, or delete what refers to "
              "it"));
    }
    return {};
  }

  struct File {
    std::string path;  // relative
    std::int64_t bytes;
  };
  Result<std::vector<File>> Files() const {
    std::vector<File> files;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder_, error)) {
      if (!entry.is_regular_file()) continue;
      files.push_back({entry.path().lexically_relative(folder_).string(),
                       static_cast<std::int64_t>(entry.file_size())});
    }
    if (error) return std::unexpected(SystemError(error.value(), "list", folder_));
    return files;
  }
  std::string PathOf(const File& file) const { return (folder_ / file.path).string(); }

 private:
  // `way`: the folders, by their real names, that led here.
  Status LinkTree(const fs::path& relative, std::vector<fs::path> way) {
    const fs::path folder = data_ / relative;
    std::error_code error;
    fs::path real = fs::canonical(folder, error);
    const auto leads_back = [&real](const fs::path& before) {
      return std::ranges::mismatch(real, before).in1 == real.end();
    };
    if (!error && std::ranges::any_of(way, leads_back)) return {};  // a link without an end
    way.push_back(std::move(real));
    const auto each = [&](auto visit) -> Status {
      if (error) return {};
      auto entry =
          fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
      for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const fs::path name = entry->path().filename();
        if (name.string().find(".tmp-") != std::string::npos) continue;  // being written
        RETURN_IF_ERROR(visit(*entry, relative / name));
      }
      return {};
    };
    std::error_code gone;
    // Folders first: the log of a table lies in one, and a file that it names is there before it.
    RETURN_IF_ERROR(each([&](const fs::directory_entry& entry, const fs::path& path) -> Status {
      return entry.is_directory(gone) ? LinkTree(path, way) : Status();
    }));
    RETURN_IF_ERROR(each([&](const fs::directory_entry& entry, const fs::path& path) -> Status {
      return entry.is_regular_file(gone) ? LinkFile(path) : Status();
    }));
    // A folder that a running job removed meanwhile was referenced by nothing.
    if (error && error != std::errc::no_such_file_or_directory)
      return std::unexpected(SystemError(error.value(), "list", folder));
    return {};
  }

  Status LinkFile(const fs::path& relative) {
    const fs::path from = data_ / relative;
    const fs::path to = folder_ / relative;
    RETURN_IF_ERROR(MakeFolder(to.parent_path()));
    // Of a file that is a link, the content.
    if (linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0 ||
        errno == ENOENT)
      return {};
    std::error_code error;  // another file system, or one without hard links
    fs::copy_file(from, to, error);
    if (error && error != std::errc::no_such_file_or_directory) {
      return std::unexpected(SystemError(error.value(), "copy", from));
    }
    return {};
  }

  const fs::path data_;
  const fs::path folder_;
};

struct Expected {
  std::int64_t bytes = 0;
  std::string sha256;
};

Result<std::map<std::string, Expected>> ParseManifest(const std::string& text,
                                                      const std::string& source) {
  const auto damaged = [&source] {
    return Fail(ErrorCode::kUnprocessable, "the manifest of the backup '{}' is damaged", source);
  };
  const auto json = ParseJson(text);
  const auto format = json ? GetInteger(*json, "format") : std::unexpected(json.error());
  if (!format) return damaged();
  if (*format > kFormat) {
    return Fail(ErrorCode::kUnsupported,
                "the backup has format {}, this release reads up to format {}", *format, kFormat);
  }
  std::map<std::string, Expected> files;
  for (const Json& file : json->value("files", Json::array())) {
    auto path = GetString(file, "path");
    auto sha256 = GetString(file, "sha256");
    const auto bytes = GetInteger(file, "bytes");
    if (!path || !sha256 || !bytes || !store::IsSafePath(*path)) return damaged();
    files.emplace(std::move(*path), Expected{.bytes = *bytes, .sha256 = std::move(*sha256)});
  }
  return files;
}

// Whether a backup holds such a file. A key or a lock that somebody put there must not come alive.
bool IsPart(const std::string& path) {
  return path == kManifest || path == "metadata.db" || path == "aimass.json" ||
         path.starts_with("workspaces/") || path.starts_with("jobs/");
}

// Reads a whole backup, writes its files below `into` (nowhere where that is empty) and compares
// everything with the manifest, which an archive has at its end.
Result<BackupSummary> Unpack(const std::string& source, const fs::path& into,
                             const CancelToken& cancel) {
  std::map<std::string, Expected> found;
  std::string manifest;
  BackupSummary summary;
  RETURN_IF_ERROR(store::ReadBackup(
      source, [&](const std::string& path, const store::NextBlock& next) -> Status {
        if (!store::IsSafePath(path) || !IsPart(path)) {
          return Fail(ErrorCode::kUnprocessable, "'{}' is not a backup: it has a file '{}'", source,
                      path);
        }
        const bool is_manifest = path == kManifest;
        FileDescriptor fd;
        const fs::path target = into / path;
        if (!into.empty() && !is_manifest) {
          RETURN_IF_ERROR(MakeFolder(target.parent_path()));
          fd = FileDescriptor(open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
          if (!fd.valid()) return std::unexpected(SystemError(errno, "create", target));
        }
        Sha256Sum sum;
        Expected file;
        for (;;) {
          RETURN_IF_ERROR(cancel.Check());
          ASSIGN_OR_RETURN(std::string_view piece, next());
          if (piece.empty()) break;
          file.bytes += static_cast<std::int64_t>(piece.size());
          sum.Add(piece);
          if (is_manifest) {
            manifest += piece;
            if (manifest.size() > kMaxManifestBytes) {
              return Fail(ErrorCode::kUnprocessable, "the manifest of the backup '{}' is damaged",
                          source);
            }
          }
          while (fd.valid() && !piece.empty()) {
            const ssize_t written = write(fd.get(), piece.data(), piece.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return std::unexpected(SystemError(errno, "write", target));
            piece.remove_prefix(static_cast<std::size_t>(written));
          }
        }
        if (fd.valid() && fsync(fd.get()) != 0)
          return std::unexpected(SystemError(errno, "sync", target));
        if (is_manifest) return {};
        file.sha256 = sum.Hex();
        summary.files += 1;
        summary.bytes += file.bytes;
        found.emplace(path, std::move(file));
        return {};
      }));
  if (manifest.empty()) {
    return Fail(ErrorCode::kUnprocessable, "'{}' is not a backup: it has no manifest.json", source);
  }
  ASSIGN_OR_RETURN(const auto expected, ParseManifest(manifest, source));
  for (const auto& [path, file] : expected) {
    const auto here = found.find(path);
    if (here == found.end()) {
      return Fail(ErrorCode::kUnprocessable, "the backup is damaged: '{}' is missing", path);
    }
    if (here->second.sha256 != file.sha256 || here->second.bytes != file.bytes) {
      return Fail(ErrorCode::kUnprocessable,
                  "the backup is damaged: '{}' has another checksum than the manifest says", path);
    }
  }
  for (const auto& [path, file] : found) {
    if (!expected.contains(path)) {
      return Fail(ErrorCode::kUnprocessable,
                  "the backup is damaged: the manifest does not know '{}'", path);
    }
  }
  return summary;
}

Status MoveMetadata(const fs::path& file, const RestoreInto& into) {
  {
    ASSIGN_OR_RETURN(const auto metadata, Database::Open("sqlite://" + file.string()));
    RETURN_IF_ERROR(TransferMetadata(*metadata, into.schema, into.database));
  }
  std::error_code error;
  fs::remove(file, error);
  if (error) return std::unexpected(SystemError(error.value(), "delete", file));
  return {};
}

}  // namespace

Result<BackupSummary> Backup(Database& database, const std::vector<Migration>& schema,
                             const std::string& data_folder, const std::string& target,
                             const CancelToken& cancel, const BackupProgress& progress,
                             const AddFileOwners& add_owners) {
  std::error_code error;
  const fs::path inside =
      fs::weakly_canonical(fs::absolute(target), error)
          .lexically_relative(fs::weakly_canonical(fs::absolute(data_folder), error));
  if (!inside.empty() && *inside.begin() != "..") {
    return WithHint(Fail(ErrorCode::kInvalidArgument,
                         "a backup cannot lie inside the data folder, found '{}'", target),
                    Msg("name a place on another disk"));
  }
  ASSIGN_OR_RETURN(const auto writer, store::BackupWriter::Open(target));
  Snapshot snapshot(data_folder);
  RETURN_IF_ERROR(snapshot.Take(database, schema));
  if (add_owners) RETURN_IF_ERROR(snapshot.Check(add_owners));
  ASSIGN_OR_RETURN(const auto files, snapshot.Files());
  BackupSummary total;
  for (const auto& file : files) {
    total.files += 1;
    total.bytes += file.bytes;
  }
  BackupSummary done;
  Json listed = Json::array();
  for (const auto& file : files) {
    RETURN_IF_ERROR(cancel.Check());
    ASSIGN_OR_RETURN(const std::string sha256,
                     writer->Add(file.path, snapshot.PathOf(file), file.bytes));
    listed.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", sha256}});
    done.files += 1;
    done.bytes += file.bytes;
    if (progress) progress(done, total);
  }
  const std::string manifest =
      Json{
          {"format", kFormat}, {"created_at", ToRfc3339(NowUnixMs())}, {"files", std::move(listed)}}
          .dump(1) +
      "\n";
  const fs::path manifest_path = fs::path(data_folder) / "tmp" / ("manifest-" + NewId());
  RETURN_IF_ERROR(WriteFileAtomic(manifest_path, manifest));
  const auto added = writer->Add(std::string(kManifest), manifest_path.string(),
                                 static_cast<std::int64_t>(manifest.size()));
  fs::remove(manifest_path, error);
  RETURN_IF_ERROR(added);
  RETURN_IF_ERROR(writer->Finish());
  return done;
}

Result<BackupSummary> Restore(const std::string& source, const std::string& data_folder,
                              const RestoreInto* into, const CancelToken& cancel) {
  std::error_code error;
  const fs::path target = fs::absolute(data_folder, error).lexically_normal();
  if (fs::exists(target, error) &&
      (!fs::is_directory(target, error) || !fs::is_empty(target, error))) {
    return WithHint(
        Fail(ErrorCode::kConflict, "the target '{}' is not empty", data_folder),
        Msg("name a folder that does not exist yet; what is there is never overwritten"));
  }
  RETURN_IF_ERROR(MakeFolder(target.parent_path()));
  const fs::path staged = target.string() + ".restore-" + NewId();
  const auto clean = [&staged] {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
  };
  if (mkdir(staged.c_str(), S_IRWXU) != 0)
    return std::unexpected(SystemError(errno, "create the folder", staged));
  auto summary = Unpack(source, staged, cancel);
  if (summary && into != nullptr) {
    if (auto moved = MoveMetadata(staged / "metadata.db", *into); !moved)
      summary = std::unexpected(std::move(moved).error());
  }
  if (!summary) {
    clean();
    return summary;
  }
  for (const auto& entry : fs::recursive_directory_iterator(staged, error)) {
    if (entry.is_directory()) RETURN_IF_ERROR(SyncPath(entry.path()));
  }
  RETURN_IF_ERROR(SyncPath(staged));
  if (rename(staged.c_str(), target.c_str()) != 0) {  // over an empty folder, or nothing
    const int number = errno;
    clean();
    return std::unexpected(SystemError(number == ENOTEMPTY ? EEXIST : number, "create", target));
  }
  RETURN_IF_ERROR(SyncPath(target.parent_path()));
  return summary;
}

Result<BackupSummary> VerifyBackup(const std::string& source, const CancelToken& cancel) {
  return Unpack(source, {}, cancel);
}

}  // namespace aimass
