#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "store/database.h"

namespace aimass {

struct ModelVersion {
  std::int64_t version = 0;
  std::string state;     // "ready"
  std::string folder;    // absolute; immutable
  std::string checksum;  // SHA-256 over SHA256SUMS
  Json metrics;          // {"auc":0.91,…}
  Json lineage;          // dataset id, name, version, job, seed …
  std::int64_t created_ms = 0;
};

struct ModelInfo {
  std::string id;
  std::string name;
  std::string workspace;
  std::string task;
  std::map<std::string, std::int64_t> aliases;  // "champion" → version
  std::vector<ModelVersion> versions;           // newest first
  std::int64_t created_ms = 0;
};

/// Models and their immutable versions. Threads: any.
class ModelRegistry {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  ModelRegistry(Database& database, std::string data_folder);

  /// Ends what a crash interrupted and removes folders that no version owns. Once, after the
  /// migrations and before anything else.
  [[nodiscard]] Status Recover();

  /// Moves `staged_folder` into the registry as the next version of `name` (created where new), in
  /// one step: a crash leaves either nothing or the whole version. The first version becomes
  /// `champion`. The same staged folder again gives the version that it became: a repeated commit
  /// adds nothing. Errors   kUnprocessable where a file does not fit SHA256SUMS; kConflict where
  /// the model predicts another
  ///          task; kInvalidArgument for the name.
  [[nodiscard]] Result<ModelVersion> AddVersion(const Caller& caller, std::string_view name,
                                                std::string_view task,
                                                const std::string& staged_folder,
                                                const Json& metrics, const Json& lineage);
  [[nodiscard]] Result<ModelInfo> Get(const Caller& caller, std::string_view name) const;
  [[nodiscard]] Result<std::vector<ModelInfo>> List(const Caller& caller, int limit,
                                                    std::string_view cursor) const;
  /// `version` is a number, an alias, or empty (champion, else the newest).
  [[nodiscard]] Result<ModelVersion> Resolve(const Caller& caller, std::string_view name,
                                             std::string_view version) const;
  [[nodiscard]] Status SetAlias(const Caller& caller, std::string_view name, std::string_view alias,
                                std::int64_t version);
  /// Errors   kConflict where the new name is taken.
  [[nodiscard]] Result<ModelInfo> Rename(const Caller& caller, std::string_view name,
                                         std::string_view new_name);
  /// Really deletes rows and files. `in_use` asks the right-hand modules (registered with
  /// AddUseCheck) which endpoints route to it: kConflict naming them.
  [[nodiscard]] Status Delete(const Caller& caller, std::string_view name,
                              std::optional<std::int64_t> version);
  /// What the endpoints that route to a model are called.
  using UseCheck = std::function<Result<std::vector<std::string>>(
      const Caller&, const std::string& model_id, std::optional<std::int64_t> version)>;
  void AddUseCheck(UseCheck check);

  /// The name of the model `id`. Errors: kNotFound.
  [[nodiscard]] Result<std::string> NameOf(const Caller& caller, std::string_view id) const;
  /// Told after versions, aliases or names of a workspace changed, on the thread that changed them,
  /// before it goes on: who serves models has swapped them when the change is answered.
  using ChangeListener = std::function<void(const Caller& caller)>;
  void AddChangeListener(ChangeListener listener);

 private:
  void Changed(const Caller& caller) const;
  [[nodiscard]] Status FillVersions(std::vector<ModelInfo>& models) const;
  [[nodiscard]] Status MoveIn(const std::string& staged, const std::string& folder) const;
  [[nodiscard]] Status Finish(const std::string& model_id, std::int64_t version);

  Database& database_;
  std::string data_folder_;
  std::vector<UseCheck> use_checks_;
  std::vector<ChangeListener> listeners_;
};

}  // namespace aimass
