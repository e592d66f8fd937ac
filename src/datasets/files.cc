#include "datasets/files.h"

#include <filesystem>

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

}  // namespace

FileOwner DatasetFiles(std::string data_folder) {
  return {
      .name = "datasets",
      .places = {"workspaces/*/datasets/*"},
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
          references.push_back({.path = folder, .folder = true, .owner = owner});
          if (row.Integer(3) < 0) continue;
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
