#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/registry.h"
#include "store/database.h"
#include "store/references.h"

namespace aimass {

enum class Severity : std::uint8_t { kOk, kWarning, kError };

/// What a probe found. `paths` are files that may go: `--clean` deletes them.
struct Finding {
  Severity severity = Severity::kOk;
  std::string probe;
  Message message;
  Message hint;
  std::vector<std::string> paths;  // absolute
};
/// {"probe","severity":"ok|warning|error","message","hint","paths"}, texts in `language`.
[[nodiscard]] Json ToJson(const Finding& finding, Language language);

struct DoctorContext {
  std::string data_folder;
  Database& database;
  bool deep = false;  // read every file and compare its checksum
};

/// One thing to look at. Modules on the right add theirs at start.
struct Probe {
  std::string_view name;
  Label label;
  std::function<Result<std::vector<Finding>>(const DoctorContext&)> run;
};
using ProbeRegistry = Registry<Probe>;

/// The probes of the store itself: format, metadata integrity, who may enter the folder, referenced
/// files and orphans, free space and inodes. `owners` must outlive `probes`.
void RegisterStoreProbes(ProbeRegistry& probes, const FileOwnerRegistry& owners);

struct DoctorReport {
  std::vector<Finding> findings;
  [[nodiscard]] bool healthy() const;  // no kError
};

/// Runs every probe; one that fails becomes a finding. With `clean`, files named in `paths` are
/// deleted.
[[nodiscard]] Result<DoctorReport> RunDoctor(const ProbeRegistry& probes,
                                             const DoctorContext& context, bool clean);

}  // namespace aimass
