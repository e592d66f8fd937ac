#include "store/doctor.h"

#include <fnmatch.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/file.h"
#include "store/data_folder.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr auto kOrphanAge = std::chrono::hours(1);  // younger ones may be about to be referenced
constexpr std::uint64_t kFewBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kNoBytes = std::uint64_t{100} << 20;
constexpr std::uint64_t kFewInodes = 10'000;

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

Finding Found(Severity severity, Message message, Message hint = {}) {
  return {.severity = severity,
          .probe = {},
          .message = std::move(message),
          .hint = std::move(hint),
          .paths = {}};
}

Result<std::vector<Finding>> CheckFormat(const DoctorContext& context) {
  const fs::path file = fs::path(context.data_folder) / "aimass.json";
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 1 << 16));
  ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  ASSIGN_OR_RETURN(const std::int64_t format, GetInteger(json, "format"));
  if (format > DataFolder::kFormat) {
    return std::vector{
        Found(Severity::kError,
              Msg("the data folder has format {}, this release reads up to format {}", format,
                  DataFolder::kFormat),
              Msg("use the newer release"))};
  }
  return std::vector{Found(Severity::kOk, Msg("the data folder has format {}", format))};
}

Result<std::vector<Finding>> CheckLock(const DoctorContext& context) {
  const std::int64_t pid = DataFolderHolder(context.data_folder);
  return std::vector{pid == 0 ? Found(Severity::kOk, Msg("no process holds the data folder"))
                              : Found(Severity::kOk, Msg("process {} holds the data folder", pid))};
}

Result<std::vector<Finding>> CheckMetadata(const DoctorContext& context) {
  std::vector<Finding> findings;
  if (context.database.dialect() != "sqlite") {
    RETURN_IF_ERROR(context.database.Select("SELECT COUNT(*) FROM aimass_migrations"));
    findings.push_back(Found(Severity::kOk, Msg("the metadata database answers")));
    return findings;
  }
  const Message hint = Msg("restore the newest backup: aimass restore BACKUP --data NEW_FOLDER");
  ASSIGN_OR_RETURN(const auto rows, context.database.Select("PRAGMA integrity_check"));
  for (const SqlRow& row : rows) {
    if (row.Text(0) != "ok") {
      findings.push_back(
          Found(Severity::kError, Msg("the metadata is damaged: {}", row.Text(0)), hint));
    }
  }
  ASSIGN_OR_RETURN(const auto broken, context.database.Select("PRAGMA foreign_key_check"));
  if (!broken.empty()) {
    findings.push_back(
        Found(Severity::kError,
              Msg("{} rows of the metadata refer to rows that do not exist, the first in '{}'",
                  broken.size(), broken[0].Text(0)),
              hint));
  }
  if (findings.empty()) findings.push_back(Found(Severity::kOk, Msg("the metadata is whole")));
  return findings;
}

Result<std::vector<Finding>> CheckSpace(const DoctorContext& context) {
  struct statvfs disk{};
  if (statvfs(context.data_folder.c_str(), &disk) != 0) {
    return std::unexpected(SystemError(errno, "examine", context.data_folder));
  }
  const std::uint64_t bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const Message hint = Msg("free some space on that disk, or move the data folder to a larger one");
  std::vector<Finding> findings{Found(
      bytes < kNoBytes ? Severity::kError
                       : (bytes < kFewBytes ? Severity::kWarning : Severity::kOk),
      Msg("{} GB are free on the disk", fmt::format("{:.1f}", static_cast<double>(bytes) / 1e9)),
      bytes < kFewBytes ? hint : Message{})};
  // Some file systems have no fixed number of inodes and say 0 of 0.
  if (disk.f_files > 0 && disk.f_favail < kFewInodes) {
    findings.push_back(Found(disk.f_favail == 0 ? Severity::kError : Severity::kWarning,
                             Msg("{} inodes are free on the disk", std::uint64_t{disk.f_favail}),
                             hint));
  }
  return findings;
}

// What lies at `pattern` ("workspaces/*/models/*") below `root`.
std::vector<fs::path> Expand(const fs::path& root, const std::string& pattern) {
  std::vector<fs::path> level{root};
  for (const fs::path& part : fs::path(pattern)) {
    std::vector<fs::path> next;
    for (const fs::path& folder : level) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (fnmatch(part.c_str(), entry.path().filename().c_str(), FNM_PERIOD) == 0)
          next.push_back(entry.path());
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

std::optional<Finding> CheckReference(const FileReference& reference, bool deep) {
  std::error_code error;
  const Message hint = Msg("restore it from a backup, or delete what refers to it");
  if (reference.folder) {
    if (fs::is_directory(reference.path, error)) return std::nullopt;
    return Found(Severity::kError,
                 Msg("{}: the folder '{}' is missing", reference.owner, reference.path), hint);
  }
  const auto bytes = fs::file_size(reference.path, error);
  if (error)
    return Found(Severity::kError,
                 Msg("{}: the file '{}' is missing", reference.owner, reference.path), hint);
  if (reference.bytes >= 0 && bytes != static_cast<std::uintmax_t>(reference.bytes)) {
    return Found(Severity::kError,
                 Msg("{}: the file '{}' has {} bytes, expected {}", reference.owner, reference.path,
                     bytes, reference.bytes),
                 hint);
  }
  if (deep && !reference.sha256.empty()) {
    const auto sha256 = Sha256File(reference.path);
    if (!sha256 || *sha256 != reference.sha256) {
      return Found(Severity::kError,
                   Msg("{}: the file '{}' is damaged", reference.owner, reference.path), hint);
    }
  }
  return std::nullopt;
}

Result<std::vector<Finding>> CheckFiles(const DoctorContext& context,
                                        const FileOwnerRegistry& owners) {
  std::vector<Finding> findings;
  std::set<std::string> files;
  std::vector<std::string> folders;
  std::vector<std::string> places;
  for (const auto& [name, owner] : owners.types()) {
    places.insert(places.end(), owner.places.begin(), owner.places.end());
    ASSIGN_OR_RETURN(const auto references, owner.references(context.database));
    for (const FileReference& reference : references) {
      const std::string path = fs::path(reference.path).lexically_normal().string();
      if (reference.folder) folders.push_back(path.ends_with('/') ? path : path + "/");
      files.insert(path);
      if (auto finding = CheckReference(reference, context.deep))
        findings.push_back(std::move(*finding));
    }
  }
  // Sorted, so that the folder which holds a path is the greatest one that is not after it.
  std::ranges::sort(folders);
  const auto referenced = [&](const std::string& path) {
    if (files.contains(path)) return true;
    const auto after = std::ranges::upper_bound(folders, path);
    return after != folders.begin() && path.starts_with(*std::prev(after));
  };
  Finding orphans = Found(Severity::kWarning, {}, Msg("aimass doctor --clean deletes them"));
  for (const std::string& place : places) {
    for (const fs::path& path : Expand(context.data_folder, place)) {
      const std::string text = path.lexically_normal().string();
      if (!referenced(text) && IsOld(path)) orphans.paths.push_back(text);
    }
  }
  if (!orphans.paths.empty()) {
    std::ranges::sort(orphans.paths);
    orphans.paths.erase(std::ranges::unique(orphans.paths).begin(), orphans.paths.end());
    orphans.message = Msg("{} files or folders belong to nothing, the first is '{}'",
                          orphans.paths.size(), orphans.paths.front());
    findings.push_back(std::move(orphans));
  }
  if (findings.empty())
    findings.push_back(
        Found(Severity::kOk, Msg("{} files and folders are in place", files.size())));
  return findings;
}

}  // namespace

Json ToJson(const Finding& finding, Language language) {
  return Json{{"probe", finding.probe},
              {"severity", SeverityName(finding.severity)},
              {"message", Render(finding.message, language)},
              {"hint", finding.hint.empty() ? Json() : Json(Render(finding.hint, language))},
              {"paths", finding.paths}};
}

void RegisterStoreProbes(ProbeRegistry& probes, const FileOwnerRegistry& owners) {
  probes.Add({.name = "format", .label = {"Format", "格式"}, .run = CheckFormat});
  probes.Add({.name = "lock", .label = {"Lock", "锁"}, .run = CheckLock});
  probes.Add({.name = "metadata", .label = {"Metadata", "元数据"}, .run = CheckMetadata});
  probes.Add({.name = "space", .label = {"Free space", "可用空间"}, .run = CheckSpace});
  probes.Add(
      {.name = "files", .label = {"Files", "文件"}, .run = [&owners](const DoctorContext& context) {
         return CheckFiles(context, owners);
       }});
}

bool DoctorReport::healthy() const {
  return std::ranges::none_of(findings,
                              [](const Finding& f) { return f.severity == Severity::kError; });
}

Result<DoctorReport> RunDoctor(const ProbeRegistry& probes, const DoctorContext& context,
                               bool clean) {
  DoctorReport report;
  for (const auto& [name, probe] : probes.types()) {
    auto findings = probe.run(context);
    if (!findings) {
      findings =
          std::vector{Found(Severity::kError, findings.error().message, findings.error().hint)};
    }
    for (Finding& finding : *findings) {
      finding.probe = name;
      if (clean && !finding.paths.empty()) {
        RETURN_IF_ERROR(DeleteFiles(context.data_folder, finding.paths));
        finding.severity = Severity::kOk;
        finding.message =
            Msg("{} files or folders that belonged to nothing were deleted", finding.paths.size());
        finding.hint = {};
      }
      report.findings.push_back(std::move(finding));
    }
  }
  return report;
}

}  // namespace aimass
