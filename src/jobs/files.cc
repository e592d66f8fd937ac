#include "jobs/files.h"

#include <filesystem>

namespace aimass {

FileOwner JobFiles(std::string data_folder) {
  return {.name = "jobs",
          .places = {"jobs/*"},
          .references = [data = std::move(data_folder)](
                            Database& database) -> Result<std::vector<FileReference>> {
            ASSIGN_OR_RETURN(const auto rows, database.Select("SELECT id FROM jobs"));
            std::vector<FileReference> references;
            for (const SqlRow& row : rows) {
              // A job of a restored backup may have no folder: it is made when the job starts.
              const std::string path = data + "/jobs/" + row.Text(0);
              std::error_code error;
              if (!std::filesystem::exists(path, error)) continue;
              references.push_back({.path = path, .folder = true, .owner = "job " + row.Text(0)});
            }
            return references;
          }};
}

}  // namespace aimass
