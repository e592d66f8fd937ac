#include "datasets/files.h"

#include <filesystem>
#include <set>

#include "base/id.h"
#include "base/json.h"
#include "datasets/delta/log.h"

namespace aimass {
namespace {

// A first import makes its table before the catalogue knows it.
Status AddUnfinished(Database& database, const std::string& data,
                     std::vector<FileReference>& references) {
  ASSIGN_OR_RETURN(
      const auto jobs,
      database.Select("SELECT id, parameters FROM jobs WHERE state IN ('queued', 'running')"));
  for (const SqlRow& job : jobs) {
    const auto parameters = ParseJson(job.Text(1));
    if (!parameters || !parameters->is_object()) continue;
    for (const char* key : {"folder", "into"}) {
      const auto found = parameters->find(key);
      std::error_code error;
      if (found == parameters->end() || !found->is_string()) continue;
      // By its tail: the job may know the data folder by another path than we do (a link).
      const auto given = found->get<std::string>();
      const std::size_t tail = given.rfind("/workspaces/");
      if (tail == std::string::npos) continue;
      const std::string path = data + given.substr(tail);
      if (!std::filesystem::exists(path, error)) continue;
      references.push_back({.path = path, .folder = true, .owner = "job " + job.Text(0)});
    }
  }
  return {};
}

// What the jobs of its versions wrote: their names begin with the job's id
// (docs/formats/dataset.md). Files of older versions are in no current state of the table, and yet
// readable.
Status AddVersions(Database& database, const std::string& id, const std::string& folder,
                   const std::string& owner, std::vector<FileReference>& references) {
  constexpr std::string_view kPart = "part-";
  constexpr std::size_t kIdLength = 36;
  ASSIGN_OR_RETURN(const auto rows,
                   database.Select("SELECT job_id FROM dataset_versions WHERE dataset = ?", {id}));
  std::set<std::string, std::less<>> jobs;
  for (const SqlRow& row : rows) jobs.insert(row.Text(0));
  const auto add = [&](const std::string& place, std::size_t from) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(place, error)) {
      const std::string name = entry.path().filename().string();
      if (from > 0 && !name.starts_with(kPart)) continue;
      const std::string job = name.substr(from, kIdLength);
      // A name of somebody else's making is nobody's leftover.
      if (!IsId(job) || jobs.contains(job)) {
        references.push_back({.path = entry.path().string(), .owner = owner});
      }
    }
  };
  add(folder, kPart.size());
  add(folder + "/_rejected", 0);
  return {};
}

}  // namespace

FileOwner DatasetFiles(std::string data_folder) {
  return {
      .name = "datasets",
      .places = {"workspaces/*/datasets/*", "workspaces/*/datasets/*/part-*",
                 "workspaces/*/datasets/*/_rejected/*"},
      .references = [data = std::move(data_folder)](
                        Database& database) -> Result<std::vector<FileReference>> {
        std::vector<FileReference> references;
        ASSIGN_OR_RETURN(const auto rows,
                         database.Select("SELECT id, workspace, name, version FROM datasets"));
        for (const SqlRow& row : rows) {
          const std::string folder =
              fmt::format("{}/workspaces/{}/datasets/{}", data, row.Text(1), row.Text(0));
          const std::string owner = fmt::format("dataset '{}'", row.Text(2));
          std::error_code error;
          // Before its first import has ended, there may be no table yet.
          if (row.Integer(3) < 0 && !std::filesystem::exists(folder, error)) continue;
          references.push_back({.path = folder, .folder = true, .contents = false, .owner = owner});
          if (row.Integer(3) < 0) continue;
          RETURN_IF_ERROR(AddVersions(database, row.Text(0), folder, owner, references));
          const auto state = delta::Log(folder).Read();
          if (!state) {  // the folder itself is reported where it is missing
            references.push_back({.path = folder + "/_delta_log", .folder = true, .owner = owner});
            continue;
          }
          for (const delta::FileEntry& file : state->files) {
            references.push_back(
                {.path = folder + "/" + file.path, .bytes = file.bytes, .owner = owner});
          }
        }
        RETURN_IF_ERROR(AddUnfinished(database, data, references));
        return references;
      }};
}

}  // namespace aimass
