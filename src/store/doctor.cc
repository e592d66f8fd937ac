#include "store/doctor.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "store/data_folder.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

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

// Whoever may enter can read the data; the keys are for the owner alone in any case.
Result<std::vector<Finding>> CheckAccess(const DoctorContext& context) {
  std::vector<Finding> findings;
  const auto check = [&](const std::string& path, mode_t others, std::string_view right) {
    struct stat info{};
    if (stat(path.c_str(), &info) != 0 || (info.st_mode & others) == 0) return;
    findings.push_back(
        Found(Severity::kWarning,
              Msg("'{}' is open to other users of the machine: its mode is {}", path,
                  fmt::format("{:04o}", static_cast<unsigned>(info.st_mode & 07777))),
              Msg("close it: chmod {} {}", std::string(right), path)));
  };
  check(context.data_folder, S_IRWXO, "700");
  for (const char* key : {"admin.key", "secrets.key"})
    check(context.data_folder + "/" + key, S_IRWXG | S_IRWXO, "600");
  if (findings.empty())
    findings.push_back(Found(Severity::kOk, Msg("the data folder is closed to other users")));
  return findings;
}

Result<std::vector<Finding>> CheckFiles(const DoctorContext& context,
                                        const FileOwnerRegistry& owners) {
  std::vector<Finding> findings;
  ASSIGN_OR_RETURN(const auto references, AllReferences(owners, context.database));
  for (const FileReference& reference : references) {
    if (auto error = CheckReference(reference, context.deep))
      findings.push_back(Found(Severity::kError, error->message, error->hint));
  }
  Orphans orphans = FindOrphans(context.data_folder, owners, references);
  if (!orphans.paths.empty()) {
    Finding finding = Found(Severity::kWarning,
                            Msg("{} files or folders belong to nothing, the first is '{}'",
                                orphans.paths.size(), orphans.paths.front()),
                            Msg("aimass doctor --clean deletes them"));
    finding.paths = std::move(orphans.paths);
    findings.push_back(std::move(finding));
  }
  if (findings.empty()) {
    findings.push_back(
        Found(Severity::kOk, Msg("{} files and folders are in place", references.size())));
  }
  for (const std::string& link : orphans.links) {
    findings.push_back(
        Found(Severity::kOk, Msg("'{}' is a symbolic link: what belongs to nothing is not looked "
                                 "for behind it, and never deleted there",
                                 link)));
  }
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
  probes.Add({.name = "access", .label = {"Access", "访问权限"}, .run = CheckAccess});
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
