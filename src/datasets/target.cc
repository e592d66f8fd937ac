#include "datasets/target.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "base/id.h"

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

void RemoveUnnamedFiles(const DatasetCatalog& catalog, const Job& job) {
  const std::string id = job.parameters.value("dataset", "");
  if (id.empty()) return;
  const fs::path folder = catalog.Folder(job.caller.workspace, id);
  const std::string prefix = "part-" + job.id;
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(prefix)) left.push_back(at->path());
  }
  for (const fs::path& path : left) fs::remove(path, error);
  if (fs::is_empty(folder, error) && !error) fs::remove(folder, error);
}

}  // namespace aimass
