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
  std::string time_zone;  // "Asia/Shanghai": what people there mean by 2:00
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
  /// `time_zone`: of a workspace that is made; empty: the machine's.
  Access(Database& database, std::string data_folder, std::string time_zone = "UTC");
  ~Access();

  /// At first start: the default organisation, its workspace "default" and an admin key in
  /// DATA/admin.key (0600). Later: makes admin.key anew where it is missing or no longer valid.
  [[nodiscard]] Status Start();

  /// The caller behind `Bearer KEY` or `KEY`. Answers come from a cache; revoking a key empties it.
  /// Errors   kUnauthenticated, the same words whatever is wrong with the key.
  [[nodiscard]] Result<Caller> Authenticate(std::string_view bearer) const;

  /// The caller as its key is now, for what is done later on its behalf.
  /// Errors   kUnauthenticated naming the key, where it was revoked.
  [[nodiscard]] Result<Caller> Renew(const Caller& caller) const;

  /// Who works in the data folder itself, without a key (the CLI of the folder's owner).
  /// Errors   kUnavailable before Start().
  [[nodiscard]] Result<Caller> LocalCaller() const;

  [[nodiscard]] Result<NewKey> CreateKey(const Caller& caller, std::string_view name);
  [[nodiscard]] Result<std::vector<AccessKey>> ListKeys(const Caller& caller) const;
  /// Errors   kNotFound; kConflict for the key that the caller itself uses.
  [[nodiscard]] Status RevokeKey(const Caller& caller, std::string_view id_or_name);

  [[nodiscard]] Result<std::vector<Workspace>> ListWorkspaces(const Caller& caller) const;
  /// Errors   kNotFound unless `name` is the caller's own workspace; kUnprocessable for the zone.
  [[nodiscard]] Result<Workspace> SetTimeZone(const Caller& caller, std::string_view name,
                                              std::string_view time_zone);
  [[nodiscard]] Result<std::string> TimeZoneOf(std::string_view workspace) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aimass
