#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "datasets/dataset.h"
#include "store/database.h"

namespace aimass {

struct DatasetInfo {
  std::string id;
  std::string name;
  std::string workspace;
  std::string folder;             // its Delta table
  std::int64_t version = -1;      // the latest
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t rejected_rows = 0;  // of the latest import
  Json origin;                    // {"kind":"import","source":…} or {"kind":"sql","sql":…}
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
};

/// The datasets of a workspace: names, folders, versions and lineage. Rows are read through read.h.
///
/// Threads  any.
class DatasetCatalog {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  DatasetCatalog(Database& database, std::string data_folder);

  /// Errors   kConflict where the name exists.
  [[nodiscard]] Result<DatasetInfo> Create(const Caller& caller, std::string_view name, const Json& origin);
  /// Errors   kNotFound naming the nearest existing name.
  [[nodiscard]] Result<DatasetInfo> Get(const Caller& caller, std::string_view name) const;
  [[nodiscard]] Result<std::vector<DatasetInfo>> List(const Caller& caller, int limit,
                                                      std::string_view cursor) const;
  [[nodiscard]] Result<DatasetInfo> Rename(const Caller& caller, std::string_view name,
                                           std::string_view new_name);
  [[nodiscard]] Status Delete(const Caller& caller, std::string_view name);
  /// The version `version`, or the latest. Errors: kNotFound naming the versions there are.
  [[nodiscard]] Result<DatasetSnapshot> Snapshot(const Caller& caller, std::string_view name,
                                                 std::optional<std::int64_t> version = {}) const;

 private:
  Database& database_;
  std::string data_folder_;
};

}  // namespace aimass
