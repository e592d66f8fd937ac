#include "main/maintenance.h"

#include <filesystem>
#include <memory>

#include "datasets/files.h"
#include "jobs/files.h"
#include "main/schema.h"
#include "models/files.h"
#include "store/database.h"
#include "store/doctor.h"

namespace aimass {
namespace {

struct Opened {
  std::string folder;
  std::unique_ptr<Database> database;
};

Result<Opened> OpenExisting(const Config& config) {
  std::error_code error;
  Opened opened{
      .folder = std::filesystem::absolute(config.Text("data"), error).lexically_normal().string(),
      .database = nullptr};
  const std::string file = opened.folder + "/metadata.db";
  const std::string& url = config.Text("store.url");
  if (url.empty() && !std::filesystem::exists(file, error)) {
    return WithHint(
        Fail(ErrorCode::kNotFound, "'{}' is no data folder: it has no metadata.db", opened.folder),
        Msg("name the data folder with --data"));
  }
  ASSIGN_OR_RETURN(opened.database, Database::Open(url.empty() ? "sqlite://" + file : url));
  return opened;
}

void AddOwners(FileOwnerRegistry& owners, const std::string& folder) {
  owners.Add(JobFiles(folder));
  owners.Add(DatasetFiles(folder));
  owners.Add(ModelFiles(folder));
}

}  // namespace

Result<Json> ExamineData(const Config& config, bool deep, bool clean, Language language) {
  ASSIGN_OR_RETURN(const Opened opened, OpenExisting(config));
  FileOwnerRegistry owners("file owner");
  AddOwners(owners, opened.folder);
  ProbeRegistry probes("probe");
  RegisterStoreProbes(probes, owners);
  const DoctorContext context{
      .data_folder = opened.folder, .database = *opened.database, .deep = deep};
  ASSIGN_OR_RETURN(const DoctorReport report, RunDoctor(probes, context, clean));
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(ToJson(finding, language));
  return Json{{"healthy", report.healthy()}, {"findings", findings}};
}

Result<BackupSummary> BackUpData(const Config& config, const std::string& target,
                                 const BackupProgress& progress) {
  ASSIGN_OR_RETURN(const Opened opened, OpenExisting(config));
  return Backup(*opened.database, AllMigrations(), opened.folder, target, {}, progress, AddOwners);
}

Result<BackupSummary> RestoreData(const Config& config, const std::string& source) {
  const std::string& url = config.Text("store.url");
  if (url.empty()) return Restore(source, config.Text("data"));
  ASSIGN_OR_RETURN(const auto database, Database::Open(url));
  const RestoreInto into{.database = *database, .schema = AllMigrations()};
  return Restore(source, config.Text("data"), &into);
}

}  // namespace aimass
