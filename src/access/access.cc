#include "access/access.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <array>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/id.h"
#include "base/log.h"
#include "base/zone.h"

namespace aimass {
namespace {

constexpr std::string_view kKeyPrefix = "aim_";
constexpr std::size_t kKeyLength = 4 + 43;  // the prefix and 256 bits in base64url
constexpr std::int64_t kCacheMs =
    10'000;  // another server on the same database sees a revoked key by then
constexpr std::string_view kKeyColumns =
    "id, name, workspace, prefix, role, created_ms, revoked_ms FROM access_keys ";

Result<std::string> RandomKey() {
  std::array<unsigned char, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Fail(ErrorCode::kInternal, "the system gave no random numbers");
  }
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string key(kKeyPrefix);
  unsigned int buffer = 0;
  int bits = 0;
  for (const unsigned char byte : bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      key += kAlphabet[(buffer >> bits) & 63];
    }
  }
  key += kAlphabet[(buffer << (6 - bits)) & 63];
  return key;
}

AccessKey KeyFromRow(const SqlRow& row) {
  return AccessKey{.id = row.Text(0),
                   .name = row.Text(1),
                   .workspace = row.Text(2),
                   .prefix = row.Text(3),
                   .role = row.Text(4),
                   .created_ms = row.Integer(5),
                   .revoked_ms = row.Integer(6)};
}

std::unexpected<Error> WrongKey() {
  return WithHint(Fail(ErrorCode::kUnauthenticated, "the key is missing, unknown or revoked"),
                  Msg("send 'Authorization: Bearer KEY'; the first key is in the file admin.key of "
                      "the data folder"));
}

struct Cached {
  std::string hash;
  Caller caller;
  std::int64_t until_ms = 0;  // steady clock
};

}  // namespace

struct Access::State {
  State(Database& db, std::string folder, std::string zone)
      : database(db), data_folder(std::move(folder)), time_zone(std::move(zone)) {}

  Database& database;
  std::string data_folder;
  std::string time_zone;
  Guarded<std::map<std::string, Cached>> cache;  // by the hash of the key
  Guarded<std::optional<Caller>> local;
  std::mutex naming;  // from looking whether a key's name is free to its key

  Result<NewKey> AddKey(const std::string& org, const std::string& workspace,
                        std::string_view name);
  Result<Caller> Lookup(std::string_view key);
  Status EnsureAdminKey(const Caller& local_caller);
};

std::vector<Migration> Access::Migrations() {
  return {{.module = "access", .number = 1, .sql = R"(
    CREATE TABLE organisations (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, created_ms BIGINT NOT NULL);
    CREATE TABLE workspaces (
      id TEXT PRIMARY KEY, org TEXT NOT NULL REFERENCES organisations(id), name TEXT NOT NULL,
      name_key TEXT NOT NULL, time_zone TEXT NOT NULL, currency TEXT NOT NULL, locale TEXT NOT NULL,
      created_ms BIGINT NOT NULL, UNIQUE (org, name_key));
    CREATE TABLE access_keys (
      id TEXT PRIMARY KEY, org TEXT NOT NULL REFERENCES organisations(id),
      workspace TEXT NOT NULL REFERENCES workspaces(id), name TEXT NOT NULL, prefix TEXT NOT NULL,
      hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, created_ms BIGINT NOT NULL,
      revoked_ms BIGINT NOT NULL DEFAULT 0);
    CREATE INDEX access_keys_by_workspace ON access_keys (workspace, id)
  )"}};
}

Access::Access(Database& database, std::string data_folder, std::string time_zone)
    : state_(std::make_unique<State>(database, std::move(data_folder), std::move(time_zone))) {}

Access::~Access() = default;

Status Access::Start() {
  if (state_->time_zone.empty()) state_->time_zone = Zone::OfMachine();
  RETURN_IF_ERROR(Zone::Find(state_->time_zone));
  Caller local{.kind = "system", .id = "local", .org = {}, .workspace = {}, .purpose = {}};
  RETURN_IF_ERROR(state_->database.Transact([&](SqlSession& session) -> Status {
    ASSIGN_OR_RETURN(const auto orgs,
                     session.Select("SELECT id FROM organisations WHERE name_key = 'default'"));
    local.org = orgs.empty() ? NewId() : orgs[0].Text(0);
    if (orgs.empty()) {
      RETURN_IF_ERROR(
          session.Execute("INSERT INTO organisations (id, name, name_key, created_ms) VALUES "
                          "(?, 'default', 'default', ?)",
                          {local.org, NowUnixMs()}));
    }
    ASSIGN_OR_RETURN(
        const auto workspaces,
        session.Select("SELECT id FROM workspaces WHERE org = ? AND name_key = 'default'",
                       {local.org}));
    local.workspace = workspaces.empty() ? NewId() : workspaces[0].Text(0);
    if (workspaces.empty()) {
      RETURN_IF_ERROR(
          session.Execute("INSERT INTO workspaces (id, org, name, name_key, time_zone, currency, "
                          "locale, created_ms) VALUES "
                          "(?, ?, 'default', 'default', ?, 'CNY', 'zh-CN', ?)",
                          {local.workspace, local.org, state_->time_zone, NowUnixMs()}));
    }
    return {};
  }));
  RETURN_IF_ERROR(MakeFolder(state_->data_folder + "/workspaces/" + local.workspace));
  RETURN_IF_ERROR(state_->EnsureAdminKey(local));
  state_->local.With([&](auto& slot) { slot = local; });
  return {};
}

Status Access::State::EnsureAdminKey(const Caller& local_caller) {
  const std::filesystem::path path = std::filesystem::path(data_folder) / "admin.key";
  if (const auto text = ReadFile(path, 4096)) {
    const std::string key = text->substr(0, text->find_last_not_of(" \r\n") + 1);
    const auto caller = Lookup(key);
    if (caller) return {};
    if (caller.error().code != ErrorCode::kUnauthenticated) return std::unexpected(caller.error());
  }
  ASSIGN_OR_RETURN(const NewKey key, AddKey(local_caller.org, local_caller.workspace, "admin"));
  RETURN_IF_ERROR(WriteFileAtomic(path, key.secret + "\n", 0600));
  Log(LogLevel::kInfo, "admin_key_written", {{"path", path.string()}, {"key", key.key.prefix}});
  return {};
}

Result<NewKey> Access::State::AddKey(const std::string& org, const std::string& workspace,
                                     std::string_view name) {
  ASSIGN_OR_RETURN(std::string secret, RandomKey());
  AccessKey key{.id = NewId(),
                .name = std::string(name),
                .workspace = workspace,
                .prefix = secret.substr(0, 8),
                .role = "admin",
                .created_ms = NowUnixMs()};
  RETURN_IF_ERROR(database.Execute(
      "INSERT INTO access_keys (id, org, workspace, name, prefix, hash, role, created_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {key.id, org, workspace, key.name, key.prefix, Sha256(secret), key.role, key.created_ms}));
  return NewKey{.key = std::move(key), .secret = std::move(secret)};
}

Result<Caller> Access::State::Lookup(std::string_view key) {
  // The form is checked before anything is hashed: a megabyte of header costs nothing.
  if (key.size() != kKeyLength || !key.starts_with(kKeyPrefix)) return WrongKey();
  // Only hashes are compared and looked up, so times tell nothing about a stored key.
  const std::string hash = Sha256(key);
  const auto cached = cache.With([&](auto& map) -> std::optional<Caller> {
    const auto found = map.find(hash);
    if (found == map.end() || found->second.until_ms < SteadyMs()) return std::nullopt;
    return found->second.caller;
  });
  if (cached) return *cached;
  ASSIGN_OR_RETURN(const auto rows,
                   database.Select("SELECT id, org, workspace, role, hash FROM access_keys "
                                   "WHERE hash = ? AND revoked_ms = 0",
                                   {hash}));
  if (rows.empty() || CRYPTO_memcmp(rows[0].Text(4).data(), hash.data(), hash.size()) != 0)
    return WrongKey();
  Caller caller{.kind = "key",
                .id = rows[0].Text(0),
                .org = rows[0].Text(1),
                .workspace = rows[0].Text(2),
                .purpose = {},
                .role = rows[0].Text(3)};
  cache.With([&](auto& map) {
    map.insert_or_assign(hash,
                         Cached{.hash = hash, .caller = caller, .until_ms = SteadyMs() + kCacheMs});
  });
  return caller;
}

Result<Caller> Access::Authenticate(std::string_view bearer) const {
  constexpr std::string_view kScheme = "bearer ";
  if (bearer.size() > kScheme.size()) {
    std::string scheme(bearer.substr(0, kScheme.size()));
    for (char& c : scheme) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (scheme == kScheme) bearer.remove_prefix(kScheme.size());
  }
  while (bearer.starts_with(' ')) bearer.remove_prefix(1);
  while (bearer.ends_with(' ')) bearer.remove_suffix(1);
  return state_->Lookup(bearer);
}

Result<Caller> Access::LocalCaller() const {
  const auto local = state_->local.With([](const auto& slot) { return slot; });
  if (!local) return Fail(ErrorCode::kUnavailable, "the workspaces are not loaded yet");
  return *local;
}

Result<NewKey> Access::CreateKey(const Caller& caller, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string checked, CheckName("key", name));
  // One process writes metadata, so this lock is enough for two requests at once.
  const std::lock_guard lock(state_->naming);
  ASSIGN_OR_RETURN(const std::vector<AccessKey> keys, ListKeys(caller));
  for (const AccessKey& key : keys) {
    if (key.revoked_ms != 0 || NameKey(key.name) != NameKey(checked)) continue;
    return WithHint(Fail(ErrorCode::kConflict, "a key '{}' exists already", key.name),
                    Msg("choose another name, or revoke that key first"));
  }
  return state_->AddKey(caller.org, caller.workspace, checked);
}

Result<std::vector<AccessKey>> Access::ListKeys(const Caller& caller) const {
  ASSIGN_OR_RETURN(const auto rows,
                   state_->database.Select(
                       fmt::format("SELECT {} WHERE workspace = ? ORDER BY id DESC", kKeyColumns),
                       {caller.workspace}));
  std::vector<AccessKey> keys;
  for (const SqlRow& row : rows) keys.push_back(KeyFromRow(row));
  return keys;
}

Status Access::RevokeKey(const Caller& caller, std::string_view id_or_name) {
  std::string id(id_or_name);
  if (!IsId(id)) {
    ASSIGN_OR_RETURN(
        const auto named,
        state_->database.Select("SELECT id FROM access_keys WHERE name = ? AND workspace = ? "
                                "AND revoked_ms = 0",
                                {id, caller.workspace}));
    if (named.size() > 1) {
      return Fail(ErrorCode::kConflict, "{} keys are called '{}'; name the id of one", named.size(),
                  id);
    }
    if (named.size() == 1) id = named.front().Text(0);
  }
  if (caller.kind == "key" && caller.id == id) {
    return Fail(ErrorCode::kConflict, "a key cannot revoke itself; use another one");
  }
  ASSIGN_OR_RETURN(
      const auto changed,
      state_->database.Execute(
          "UPDATE access_keys SET revoked_ms = ? WHERE id = ? AND workspace = ? AND revoked_ms = 0",
          {NowUnixMs(), id, caller.workspace}));
  if (changed == 0) return Fail(ErrorCode::kNotFound, "no valid key '{}' in this workspace", id);
  state_->cache.With([](auto& map) { map.clear(); });
  return {};
}

Result<Caller> Access::Renew(const Caller& caller) const {
  if (caller.kind != "key") return caller;
  ASSIGN_OR_RETURN(const auto rows,
                   state_->database.Select(
                       "SELECT name, role, revoked_ms FROM access_keys WHERE id = ?", {caller.id}));
  if (rows.empty() || rows.front().Integer(2) != 0) {
    return Fail(ErrorCode::kUnauthenticated, "the key '{}' was revoked",
                rows.empty() ? caller.id : rows.front().Text(0));
  }
  Caller renewed = caller;
  renewed.role = rows.front().Text(1);
  return renewed;
}

Result<std::vector<Workspace>> Access::ListWorkspaces(const Caller& caller) const {
  ASSIGN_OR_RETURN(const auto rows,
                   state_->database.Select("SELECT id, org, name, time_zone, created_ms FROM "
                                           "workspaces WHERE org = ? ORDER BY id DESC",
                                           {caller.org}));
  std::vector<Workspace> workspaces;
  for (const SqlRow& row : rows) {
    workspaces.push_back({.id = row.Text(0),
                          .org = row.Text(1),
                          .name = row.Text(2),
                          .time_zone = row.Text(3),
                          .created_ms = row.Integer(4)});
  }
  return workspaces;
}

Result<Workspace> Access::SetTimeZone(const Caller& caller, std::string_view name,
                                      std::string_view time_zone) {
  ASSIGN_OR_RETURN(const Zone zone, Zone::Find(time_zone));
  ASSIGN_OR_RETURN(
      const auto changed,
      state_->database.Execute("UPDATE workspaces SET time_zone = ? WHERE id = ? AND name_key = ?",
                               {zone.name(), caller.workspace, NameKey(name)}));
  if (changed > 0) {
    ASSIGN_OR_RETURN(const std::vector<Workspace> workspaces, ListWorkspaces(caller));
    for (const Workspace& workspace : workspaces) {
      if (workspace.id == caller.workspace) return workspace;
    }
  }
  return Fail(ErrorCode::kNotFound, "no workspace '{}' that this key belongs to", name);
}

Result<std::string> Access::TimeZoneOf(std::string_view workspace) const {
  ASSIGN_OR_RETURN(const auto rows,
                   state_->database.Select("SELECT time_zone FROM workspaces WHERE id = ?",
                                           {std::string(workspace)}));
  if (!rows.empty()) return rows.front().Text(0);
  return Fail(ErrorCode::kNotFound, "there is no workspace {}", workspace);
}

}  // namespace aimass
