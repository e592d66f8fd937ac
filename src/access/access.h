#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "store/database.h"

namespace aimass {

struct Workspace {
  std::string id;
  std::string org;  // organisation id
  std::string name;
  std::int64_t created_ms = 0;
};

struct AccessKey {
  std::string id;
  std::string name;
  std::string workspace;
  std::string prefix;  // the first characters, so that people recognise it: "aim_x7Kf"
  std::string role;
  std::int64_t created_ms = 0;
  std::int64_t revoked_ms = 0;  // 0: valid
};

struct NewKey {
  AccessKey key;
  std::string secret;  // "aim_…": shown once, only its SHA-256 is kept
};

/// Organisations, workspaces and keys.
///
/// Threads  any.
class Access {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  Access(Database& database, std::string data_folder);
  ~Access();

  /// At first start: the default organisation, its workspace "default" and an admin key in
  /// DATA/admin.key (0600). Later: makes admin.key anew where it is missing or no longer valid.
  [[nodiscard]] Status Start();

  /// The caller behind `Bearer KEY` or `KEY`. Answers come from a cache; revoking a key empties it.
  /// Errors   kUnauthenticated, the same words whatever is wrong with the key.
  [[nodiscard]] Result<Caller> Authenticate(std::string_view bearer) const;

  /// Who works in the data folder itself, without a key (the CLI of the folder's owner).
  /// Errors   kUnavailable before Start().
  [[nodiscard]] Result<Caller> LocalCaller() const;

  [[nodiscard]] Result<NewKey> CreateKey(const Caller& caller, std::string_view name);
  [[nodiscard]] Result<std::vector<AccessKey>> ListKeys(const Caller& caller) const;
  /// Errors   kNotFound; kConflict for the key that the caller itself uses.
  [[nodiscard]] Status RevokeKey(const Caller& caller, std::string_view id_or_name);

  [[nodiscard]] Result<std::vector<Workspace>> ListWorkspaces(const Caller& caller) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aimass
