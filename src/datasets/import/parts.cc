#include "datasets/import/parts.h"

#include <filesystem>
#include <map>

#include "base/file.h"
#include "base/id.h"

namespace aimass {

std::int64_t MemoryOf(const JobSpec& spec) {
  return spec.limits.memory_bytes > 0 ? spec.limits.memory_bytes / 2 : std::int64_t{1} << 30;
}

int ThreadsOf(const JobSpec& spec) { return spec.limits.threads > 0 ? spec.limits.threads : 2; }

Status CheckColumns(const Schema& schema) {
  if (schema.columns.empty()) return Fail(ErrorCode::kUnprocessable, "there are no columns");
  std::map<std::string, std::string_view> seen;
  for (const ColumnInfo& column : schema.columns) {
    const auto [at, added] = seen.emplace(NameKey(column.name), column.name);
    if (added) continue;
    return Fail(ErrorCode::kUnprocessable,
                "two columns have one name, '{}' and '{}'; give one of them another (AS …)",
                at->second, column.name);
  }
  return {};
}

std::string RejectsPath(const JobSpec& spec) { return spec.work_folder + "/rejected.ndjson"; }

Result<std::string> KeepRejects(const JobSpec& spec, const std::string& folder) {
  const std::filesystem::path target =
      std::filesystem::path(folder) / "_rejected" / (spec.id + ".ndjson");
  RETURN_IF_ERROR(MakeFolder(target.parent_path()));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(RejectsPath(spec), std::size_t{16} << 30));
  RETURN_IF_ERROR(WriteFileAtomic(target, text));
  return "_rejected/" + spec.id + ".ndjson";
}

}  // namespace aimass
