#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "models/registry.h"

namespace aimass {

/// A model version as one file, to carry to another installation: docs/formats/bundle.md.

/// Writes the version's files into `path` as a bundle. The folder is verified against its checksum
/// first. Errors   kUnprocessable where the folder was changed; kStorageFull.
[[nodiscard]] Status WriteBundle(const ModelInfo& model, const ModelVersion& version,
                                 const std::string& path);

struct Unpacked {
  std::string name;  // what the model was called
  std::string task;
  Json metrics;
  Json lineage;  // where it came from; its own lineage is inside
};

/// Unpacks and checks a bundle into the new folder `folder`, ready for ModelRegistry::AddVersion.
/// Nothing in it is trusted: names, sizes, order and every SHA-256 are checked while it is read.
/// Errors   kUnsupported for a file that is no bundle or of a newer format; kUnprocessable naming
/// what was
///          tampered with; kPayloadTooLarge.
[[nodiscard]] Result<Unpacked> ReadBundle(const std::string& path, const std::string& folder);

}  // namespace aimass
