#include "models/files.h"

#include <sstream>

#include "base/file.h"

namespace aimass {

FileOwner ModelFiles(std::string data_folder) {
  return {.name = "models",
          .places = {"workspaces/*/models/*/*"},
          .references = [data = std::move(data_folder)](
                            Database& database) -> Result<std::vector<FileReference>> {
            std::vector<FileReference> references;
            ASSIGN_OR_RETURN(
                const auto rows,
                database.Select("SELECT v.folder, m.name, v.version, v.state FROM model_versions v "
                                "JOIN models m ON m.id = v.model_id"));
            for (const SqlRow& row : rows) {
              const std::string folder = data + "/" + row.Text(0);
              const std::string owner =
                  fmt::format("model '{}', version {}", row.Text(1), row.Integer(2));
              if (row.Text(3) !=
                  "ready") {  // on its way in or out: the registry ends that at its next start
                std::error_code error;
                if (std::filesystem::exists(folder, error)) {
                  references.push_back({.path = folder, .folder = true, .owner = owner});
                }
                continue;
              }
              references.push_back({.path = folder, .folder = true, .owner = owner});
              const auto sums = ReadFile(folder + "/SHA256SUMS", std::size_t{1} << 20);
              if (!sums) {
                references.push_back({.path = folder + "/SHA256SUMS", .owner = owner});
                continue;
              }
              std::istringstream lines(*sums);
              for (std::string line; std::getline(lines, line);) {
                const std::size_t gap = line.find("  ");
                if (gap == std::string::npos) continue;
                references.push_back({.path = folder + "/" + line.substr(gap + 2),
                                      .sha256 = line.substr(0, gap),
                                      .owner = owner});
              }
            }
            return references;
          }};
}

}  // namespace aimass
