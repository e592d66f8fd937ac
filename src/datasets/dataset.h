#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "table/schema.h"

namespace aimass {

struct DataFile {
  std::string path;  // absolute, or an s3:// address
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
};

/// One version of one dataset: everything that is needed to read it, without the metadata database.
/// It goes into job specs, so a job reads exactly the version that it was given.
struct DatasetSnapshot {
  std::string id;
  std::string name;
  std::string workspace;
  std::int64_t version = 0;
  Schema schema;
  std::vector<DataFile> files;
  std::int64_t rows = 0;
};
[[nodiscard]] Json ToJson(const DatasetSnapshot& snapshot);
[[nodiscard]] Result<DatasetSnapshot> SnapshotFromJson(const Json& json);

}  // namespace aimass
