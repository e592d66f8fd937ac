#include "datasets/import/parts.h"

#include <map>
#include <vector>

#include "base/file.h"
#include "base/id.h"

namespace aimass {
namespace fs = std::filesystem;

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

std::string PartPrefix(std::string_view job_id) { return fmt::format("part-{}", job_id); }

void RemoveParts(const fs::path& folder, std::string_view job_id) {
  const std::string prefix = PartPrefix(job_id);
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(prefix)) left.push_back(at->path());
  }
  for (const fs::path& path : left) fs::remove(path, error);
}

std::string RejectsPath(const JobSpec& spec) { return spec.work_folder + "/rejected.ndjson"; }

Result<std::string> KeepRejects(const JobSpec& spec, const std::string& folder) {
  const fs::path target = fs::path(folder) / "_rejected" / (spec.id + ".ndjson");
  RETURN_IF_ERROR(MakeFolder(target.parent_path()));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(RejectsPath(spec), std::size_t{16} << 30));
  RETURN_IF_ERROR(WriteFileAtomic(target, text));
  return "_rejected/" + spec.id + ".ndjson";
}

}  // namespace aimass
