#include "datasets/target.h"

#include <filesystem>
#include <utility>

#include "base/id.h"
#include "datasets/delta/log.h"
#include "datasets/import/parts.h"

namespace aimass {
namespace fs = std::filesystem;

Result<WriteTarget> TargetOf(const DatasetCatalog& catalog, const Caller& caller,
                             const std::string& name, WriteMode mode) {
  WriteTarget target;
  ASSIGN_OR_RETURN(target.name, CheckName("dataset", name));
  auto existing = catalog.Get(caller, target.name);
  if (!existing) RETURN_IF_ERROR(CheckDatasetName(name));
  if (!existing && (existing.error().code != ErrorCode::kNotFound || mode == WriteMode::kAppend)) {
    return std::unexpected(std::move(existing).error());
  }
  if (existing && mode == WriteMode::kCreate) {
    return WithHint(Fail(ErrorCode::kConflict, "there is a dataset '{}' already", existing->name),
                    Msg("use mode append to add rows, or replace"));
  }
  if (existing) target.existing = *existing;
  target.id = existing ? existing->id : NewId();
  if (existing) target.name = existing->name;
  target.folder = catalog.Folder(caller.workspace, target.id);
  return target;
}

std::string WriteGroup(const Caller& caller, const std::string& name) {
  return fmt::format("dataset:{}/{}", caller.workspace, NameKey(name));
}

Result<DatasetCommit> CommitOf(const Job& job, const Json& output) {
  DatasetCommit commit{.job_id = job.id};
  ASSIGN_OR_RETURN(commit.id, GetString(job.parameters, "dataset"));
  ASSIGN_OR_RETURN(commit.name, GetString(job.parameters, "name"));
  ASSIGN_OR_RETURN(const std::string mode, GetString(job.parameters, "mode"));
  ASSIGN_OR_RETURN(commit.mode, WriteModeFromName(mode));
  ASSIGN_OR_RETURN(const std::string schema, GetString(output, "schema"));
  ASSIGN_OR_RETURN(commit.schema, delta::SchemaFromDelta(schema));
  ASSIGN_OR_RETURN(commit.rejected_rows, GetInteger(output, "rejected_rows"));
  ASSIGN_OR_RETURN(commit.rejected_file, GetString(output, "rejected_file"));
  commit.files = output.value("files", Json::array());
  return commit;
}

Json TextsFor(const Job& job, const Json& messages) {
  const Language language =
      job.parameters.value("language", "en") == "zh" ? Language::kChinese : Language::kEnglish;
  Json texts = Json::array();
  for (const Json& message : messages) texts.push_back(Render(MessageFromJson(message), language));
  return texts;
}

void RemoveUnnamedFiles(const DatasetCatalog& catalog, const Job& job) {
  const std::string id = job.parameters.value("dataset", "");
  if (id.empty()) return;
  const fs::path folder = catalog.Folder(job.caller.workspace, id);
  RemoveParts(folder, job.id);
  std::error_code error;
  if (fs::is_empty(folder, error) && !error) fs::remove(folder, error);
}

}  // namespace aimass
