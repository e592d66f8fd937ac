#include "models/registry.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "models/folder.h"
#include "store/data_folder.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModelColumns = "id, name, workspace, task, created_ms";
constexpr std::string_view kChampion = "champion";

ModelInfo InfoOf(const SqlRow& row) {
  return {.id = row.Text(0),
          .name = row.Text(1),
          .workspace = row.Text(2),
          .task = row.Text(3),
          .aliases = {},
          .versions = {},
          .created_ms = row.Integer(4)};
}

Json JsonColumn(const SqlRow& row, std::size_t column) {
  return ParseJson(row.Text(column)).value_or(Json::object());
}

/// The model row of `name` in the caller's workspace; `Session` is a Database or a transaction.
template <typename Session>
Result<std::optional<ModelInfo>> FindModel(Session& session, const Caller& caller,
                                           std::string_view name) {
  ASSIGN_OR_RETURN(const std::vector<SqlRow> rows,
                   session.Select("SELECT " + std::string(kModelColumns) +
                                      " FROM models WHERE workspace = ? AND name_key = ?",
                                  {caller.workspace, NameKey(name)}));
  if (rows.empty()) return std::optional<ModelInfo>();
  return std::optional(InfoOf(rows.front()));
}

Result<std::int64_t> ToNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a number", text);
  }
  return number;
}

std::string VersionsText(const ModelInfo& model) {
  std::string text;
  for (const ModelVersion& version : model.versions) {
    text += (text.empty() ? "" : " ") + std::to_string(version.version);
  }
  for (const auto& [alias, version] : model.aliases) text += (text.empty() ? "" : " ") + alias;
  return text.empty() ? "-" : text;
}

Status SetMode(const fs::path& path, mode_t mode) {
  if (::chmod(path.c_str(), mode) == 0) return {};
  return std::unexpected(SystemError(errno, "change the mode of", path));
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

bool IsLink(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(path, error);
}

std::string RealName(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return error ? path.string() : real.string();
}

/// What lies in `folder`; empty where there is none.
std::vector<fs::path> Children(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    paths.push_back(entry->path());
  }
  return paths;
}

/// Nothing in a registered version changes; the modes say so to everybody.
Status MakeReadOnly(const std::string& folder) {
  for (const fs::path& file : Children(folder)) RETURN_IF_ERROR(SetMode(file, 0444));
  RETURN_IF_ERROR(SetMode(folder, 0555));
  return SyncPath(folder);
}

Status MakeWritable(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(folder, error))) return {};
  RETURN_IF_ERROR(SetMode(folder, 0755));
  for (const fs::path& child : Children(folder)) RETURN_IF_ERROR(MakeWritable(child));
  return {};
}

}  // namespace

ModelRegistry::ModelRegistry(Database& database, std::string data_folder)
    : database_(database), data_folder_(std::move(data_folder)) {}

std::vector<Migration> ModelRegistry::Migrations() {
  return {{.module = "models", .number = 1, .sql = R"sql(
    CREATE TABLE models (
      id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL,
      task TEXT NOT NULL, next_version BIGINT NOT NULL, created_ms BIGINT NOT NULL);
    CREATE UNIQUE INDEX models_name ON models (workspace, name_key);
    CREATE TABLE model_versions (
      workspace TEXT NOT NULL, model_id TEXT NOT NULL, version BIGINT NOT NULL, state TEXT NOT NULL,
      folder TEXT NOT NULL, staged TEXT NOT NULL, checksum TEXT NOT NULL, metrics TEXT NOT NULL,
      lineage TEXT NOT NULL, created_ms BIGINT NOT NULL, PRIMARY KEY (workspace, model_id, version));
    CREATE UNIQUE INDEX model_versions_staged ON model_versions (workspace, staged);
    CREATE TABLE model_aliases (
      workspace TEXT NOT NULL, model_id TEXT NOT NULL, alias TEXT NOT NULL, version BIGINT NOT NULL,
      PRIMARY KEY (workspace, model_id, alias))
  )sql"}};
}

Status ModelRegistry::FillVersions(std::vector<ModelInfo>& models) const {
  if (models.empty()) return {};
  std::string marks;
  SqlParams ids;
  std::map<std::string, ModelInfo*> by_id;
  for (ModelInfo& model : models) {
    marks += marks.empty() ? "?" : ", ?";
    ids.emplace_back(model.id);
    by_id[model.id] = &model;
  }
  ASSIGN_OR_RETURN(
      const std::vector<SqlRow> versions,
      database_.Select(
          "SELECT model_id, version, state, folder, checksum, metrics, lineage, created_ms "
          "FROM model_versions WHERE state = 'ready' AND model_id IN (" +
              marks + ") ORDER BY version DESC",
          ids));
  for (const SqlRow& row : versions) {
    by_id[row.Text(0)]->versions.push_back({.version = row.Integer(1),
                                            .state = row.Text(2),
                                            .folder = data_folder_ + "/" + row.Text(3),
                                            .checksum = row.Text(4),
                                            .metrics = JsonColumn(row, 5),
                                            .lineage = JsonColumn(row, 6),
                                            .created_ms = row.Integer(7)});
  }
  ASSIGN_OR_RETURN(const std::vector<SqlRow> aliases,
                   database_.Select("SELECT model_id, alias, version FROM model_aliases "
                                    "WHERE model_id IN (" +
                                        marks + ") ORDER BY alias",
                                    ids));
  for (const SqlRow& row : aliases) by_id[row.Text(0)]->aliases[row.Text(1)] = row.Integer(2);
  return {};
}

Result<ModelInfo> ModelRegistry::Get(const Caller& caller, std::string_view name) const {
  ASSIGN_OR_RETURN(const auto found, FindModel(database_, caller, name));
  if (found) {
    std::vector<ModelInfo> one{*found};
    RETURN_IF_ERROR(FillVersions(one));
    return std::move(one.front());
  }
  ASSIGN_OR_RETURN(
      const std::vector<SqlRow> rows,
      database_.Select("SELECT name FROM models WHERE workspace = ? ORDER BY name LIMIT 1000",
                       {caller.workspace}));
  std::vector<std::string_view> names;
  for (const SqlRow& row : rows) names.push_back(row.Text(0));
  const std::string nearest = Nearest(name, names);
  if (nearest.empty()) return Fail(ErrorCode::kNotFound, "no model '{}'", name);
  return Fail(ErrorCode::kNotFound, "no model '{}'; did you mean '{}'?", name, nearest);
}

Result<std::vector<ModelInfo>> ModelRegistry::List(const Caller& caller, int limit,
                                                   std::string_view cursor) const {
  if (!cursor.empty() && !IsId(cursor)) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a cursor of this list", cursor);
  }
  // Ids are UUIDv7: their order is the order of creation.
  SqlParams parameters{caller.workspace};
  std::string sql = "SELECT " + std::string(kModelColumns) + " FROM models WHERE workspace = ?";
  if (!cursor.empty()) {
    sql += " AND id < ?";
    parameters.emplace_back(std::string(cursor));
  }
  parameters.emplace_back(static_cast<std::int64_t>(limit));
  ASSIGN_OR_RETURN(const std::vector<SqlRow> rows,
                   database_.Select(sql + " ORDER BY id DESC LIMIT ?", parameters));
  std::vector<ModelInfo> models;
  for (const SqlRow& row : rows) models.push_back(InfoOf(row));
  RETURN_IF_ERROR(FillVersions(models));
  return models;
}

Result<ModelVersion> ModelRegistry::Resolve(const Caller& caller, std::string_view name,
                                            std::string_view version) const {
  ASSIGN_OR_RETURN(ModelInfo model, Get(caller, name));
  if (model.versions.empty())
    return Fail(ErrorCode::kNotFound, "model '{}' has no versions", model.name);
  const auto alias = model.aliases.find(std::string(version.empty() ? kChampion : version));
  std::optional<std::int64_t> wanted;
  if (alias != model.aliases.end()) {
    wanted = alias->second;
  } else if (version.empty() || version == kChampion) {  // the champion was deleted
    wanted = model.versions.front().version;
  } else if (const Result<std::int64_t> number = ToNumber(version)) {
    wanted = *number;
  }
  for (ModelVersion& found : model.versions) {
    if (wanted == found.version) return std::move(found);
  }
  return Fail(ErrorCode::kNotFound, "model '{}' has no version '{}'; it has: {}", model.name,
              version, VersionsText(model));
}

Status ModelRegistry::SetAlias(const Caller& caller, std::string_view name, std::string_view alias,
                               std::int64_t version) {
  ASSIGN_OR_RETURN(const std::string checked, CheckName("alias", alias));
  if (ToNumber(checked)) {
    return Fail(ErrorCode::kInvalidArgument, "an alias must not be a number, got '{}'", checked);
  }
  ASSIGN_OR_RETURN(const ModelInfo model, Get(caller, name));
  const bool exists = std::ranges::any_of(
      model.versions, [&](const ModelVersion& found) { return found.version == version; });
  if (!exists) {
    return Fail(ErrorCode::kNotFound, "model '{}' has no version '{}'; it has: {}", model.name,
                version, VersionsText(model));
  }
  RETURN_IF_ERROR(database_.Transact([&](SqlSession& session) -> Status {
    RETURN_IF_ERROR(session.Execute(
        "DELETE FROM model_aliases WHERE workspace = ? AND model_id = ? AND alias = ?",
        {caller.workspace, model.id, checked}));
    RETURN_IF_ERROR(session.Execute(
        "INSERT INTO model_aliases (workspace, model_id, alias, version) VALUES (?, ?, ?, ?)",
        {caller.workspace, model.id, checked, version}));
    return {};
  }));
  Changed(caller);
  return {};
}

Result<ModelInfo> ModelRegistry::Rename(const Caller& caller, std::string_view name,
                                        std::string_view new_name) {
  ASSIGN_OR_RETURN(const std::string checked, CheckName("model", new_name));
  ASSIGN_OR_RETURN(const ModelInfo model, Get(caller, name));
  const auto changed = database_.Execute("UPDATE models SET name = ?, name_key = ? WHERE id = ?",
                                         {checked, NameKey(checked), model.id});
  if (!changed) {
    if (changed.error().code != ErrorCode::kConflict) return std::unexpected(changed.error());
    return Fail(ErrorCode::kConflict, "a model '{}' exists already", checked);
  }
  Changed(caller);
  return Get(caller, checked);
}

Status ModelRegistry::MoveIn(const std::string& staged, const std::string& folder) const {
  if (Exists(folder)) return MakeReadOnly(folder);  // an earlier attempt got this far
  RETURN_IF_ERROR(MakeFolder(fs::path(folder).parent_path()));
  if (std::rename(staged.c_str(), folder.c_str()) != 0) {
    if (errno != EXDEV) return std::unexpected(SystemError(errno, "move", staged));
    const std::string copy = folder + ".incoming";
    std::error_code error;
    fs::remove_all(copy, error);
    fs::copy(staged, copy, fs::copy_options::recursive, error);
    if (error) return std::unexpected(SystemError(error.value(), "copy", staged));
    for (const fs::path& file : Children(copy)) RETURN_IF_ERROR(SyncPath(file));
    if (std::rename(copy.c_str(), folder.c_str()) != 0) {
      return std::unexpected(SystemError(errno, "move", copy));
    }
    fs::remove_all(staged, error);
  }
  RETURN_IF_ERROR(SyncPath(fs::path(folder).parent_path()));
  return MakeReadOnly(folder);
}

Status ModelRegistry::Finish(const std::string& model_id, std::int64_t version) {
  return database_.Transact([&](SqlSession& session) -> Status {
    ASSIGN_OR_RETURN(const auto ready,
                     session.Select("SELECT workspace FROM model_versions WHERE model_id = ? AND "
                                    "state = 'ready' LIMIT 1",
                                    {model_id}));
    RETURN_IF_ERROR(session.Execute(
        "UPDATE model_versions SET state = 'ready' WHERE model_id = ? AND version = ?",
        {model_id, version}));
    if (!ready.empty()) return {};
    RETURN_IF_ERROR(session.Execute(
        "INSERT INTO model_aliases (workspace, model_id, alias, version) "
        "SELECT workspace, model_id, 'champion', version FROM model_versions "
        "WHERE model_id = ? AND version = ? AND NOT EXISTS (SELECT 1 FROM model_aliases a "
        "WHERE a.model_id = model_versions.model_id AND a.alias = 'champion')",
        {model_id, version}));
    return {};
  });
}

Result<ModelVersion> ModelRegistry::AddVersion(const Caller& caller, std::string_view name,
                                               std::string_view task,
                                               const std::string& staged_folder,
                                               const Json& metrics, const Json& lineage) {
  ASSIGN_OR_RETURN(const std::string checked, CheckName("model", name));
  const std::string staged = fs::path(staged_folder).lexically_normal().string();
  std::string model_id;
  std::string folder;
  std::int64_t version = 0;
  std::string state;
  {
    ASSIGN_OR_RETURN(const auto known,
                     database_.Select("SELECT model_id, version, folder, state FROM model_versions "
                                      "WHERE workspace = ? AND staged = ?",
                                      {caller.workspace, staged}));
    if (!known.empty()) {
      model_id = known[0].Text(0);
      version = known[0].Integer(1);
      folder = known[0].Text(2);
      state = known[0].Text(3);
    }
  }
  if (model_id.empty()) {
    ASSIGN_OR_RETURN(const std::string checksum, VerifyFolder(staged));
    RETURN_IF_ERROR(ReadModelJson(staged));
    RETURN_IF_ERROR(database_.Transact([&](SqlSession& session) -> Status {
      ASSIGN_OR_RETURN(const auto existing, FindModel(session, caller, checked));
      model_id = existing ? existing->id : NewId();
      if (existing && existing->task != task) {
        return WithHint(
            Fail(ErrorCode::kConflict, "model '{}' is a {} model; the new version is {}",
                 existing->name, existing->task, task),
            Msg("give the new one another name"));
      }
      if (!existing) {
        RETURN_IF_ERROR(session.Execute(
            "INSERT INTO models (id, workspace, name, name_key, task, next_version, created_ms) "
            "VALUES (?, ?, ?, ?, ?, 1, ?)",
            {model_id, caller.workspace, checked, NameKey(checked), std::string(task),
             NowUnixMs()}));
      }
      RETURN_IF_ERROR(session.Execute(
          "UPDATE models SET next_version = next_version + 1 WHERE id = ?", {model_id}));
      ASSIGN_OR_RETURN(const auto next,
                       session.Select("SELECT next_version FROM models WHERE id = ?", {model_id}));
      version = next[0].Integer(0) - 1;
      folder =
          "workspaces/" + caller.workspace + "/models/" + model_id + "/" + std::to_string(version);
      RETURN_IF_ERROR(session.Execute(
          "INSERT INTO model_versions (workspace, model_id, version, state, folder, staged, "
          "checksum, "
          "metrics, lineage, created_ms) VALUES (?, ?, ?, 'adding', ?, ?, ?, ?, ?, ?)",
          {caller.workspace, model_id, version, folder, staged, checksum, metrics.dump(),
           lineage.dump(), NowUnixMs()}));
      return {};
    }));
  }
  if (state != "ready") {
    RETURN_IF_ERROR(MoveIn(staged, data_folder_ + "/" + folder));
    RETURN_IF_ERROR(Finish(model_id, version));
  }
  std::vector<ModelInfo> one(1);
  one.front().id = model_id;
  RETURN_IF_ERROR(FillVersions(one));
  for (ModelVersion& added : one.front().versions) {
    if (added.version != version) continue;
    Changed(caller);
    return std::move(added);
  }
  return Fail(ErrorCode::kInternal, "version {} of model '{}' vanished while it was added", version,
              checked);
}

Status ModelRegistry::Recover() {
  ASSIGN_OR_RETURN(const auto open,
                   database_.Select("SELECT model_id, version, folder, staged FROM model_versions "
                                    "WHERE state = 'adding'"));
  for (const SqlRow& row : open) {
    const std::string folder = data_folder_ + "/" + row.Text(2);
    if (Exists(folder)) {
      RETURN_IF_ERROR(MakeReadOnly(folder));
      RETURN_IF_ERROR(Finish(row.Text(0), row.Integer(1)));
    } else if (!Exists(row.Text(3))) {
      RETURN_IF_ERROR(
          database_.Execute("DELETE FROM model_versions WHERE model_id = ? AND version = ?",
                            {row.Text(0), row.Integer(1)}));
    }
  }
  ASSIGN_OR_RETURN(const auto rows, database_.Select("SELECT folder FROM model_versions"));
  std::set<std::string> owned;
  // By their real names: a workspace may have been moved and left a link.
  for (const SqlRow& row : rows) owned.insert(RealName(data_folder_ + "/" + row.Text(0)));
  std::vector<std::string> orphans;
  std::set<std::string> staged;
  for (const SqlRow& row : open) staged.insert(row.Text(3));
  for (const fs::path& workspace : Children(data_folder_ + "/workspaces")) {
    // Behind a link lies what has another name, or is somebody else's.
    if (IsLink(workspace) || IsLink(workspace / "models")) continue;
    // Copies that imports made: a waiting job may still read its own for a week.
    for (const fs::path& copy : Children(workspace / "imports")) {
      std::error_code error;
      const auto age = fs::file_time_type::clock::now() - fs::last_write_time(copy, error);
      if (!error && age > std::chrono::days(7) && !staged.contains(copy.string())) {
        orphans.push_back(copy.string());
      }
    }
    for (const fs::path& model : Children(workspace / "models")) {
      if (IsLink(model)) continue;
      bool used = false;
      for (const fs::path& version : Children(model)) {
        if (IsLink(version) || owned.contains(RealName(version))) {
          used = true;
        } else {
          orphans.push_back(version.string());
        }
      }
      if (!used) orphans.push_back(model.string());
    }
  }
  for (const std::string& orphan : orphans) {
    RETURN_IF_ERROR(MakeWritable(orphan));
    Log(LogLevel::kInfo, "model folder without a version removed", {{"folder", orphan}});
  }
  return orphans.empty() ? Status() : DeleteFiles(data_folder_, orphans);
}

Status ModelRegistry::Delete(const Caller& caller, std::string_view name,
                             std::optional<std::int64_t> version) {
  ASSIGN_OR_RETURN(const ModelInfo model, Get(caller, name));
  std::vector<std::string> folders;
  for (const ModelVersion& found : model.versions) {
    if (!version || *version == found.version) folders.push_back(found.folder);
  }
  if (version && folders.empty()) {
    return Fail(ErrorCode::kNotFound, "model '{}' has no version '{}'; it has: {}", model.name,
                *version, VersionsText(model));
  }
  for (const UseCheck& check : use_checks_) {
    ASSIGN_OR_RETURN(const std::vector<std::string> users, check(caller, model.id, version));
    if (users.empty()) continue;
    std::string text;
    for (const std::string& user : users) text += (text.empty() ? "'" : ", '") + user + "'";
    return WithHint(Fail(ErrorCode::kConflict, "model '{}' is used by {}", model.name, text),
                    Msg("take it out of their routes first"));
  }
  RETURN_IF_ERROR(database_.Transact([&](SqlSession& session) -> Status {
    const std::string which = version ? " AND version = ?" : "";
    SqlParams parameters{model.id};
    if (version) parameters.emplace_back(*version);
    RETURN_IF_ERROR(
        session.Execute("DELETE FROM model_aliases WHERE model_id = ?" + which, parameters));
    RETURN_IF_ERROR(
        session.Execute("DELETE FROM model_versions WHERE model_id = ?" + which, parameters));
    if (!version) RETURN_IF_ERROR(session.Execute("DELETE FROM models WHERE id = ?", {model.id}));
    return {};
  }));
  Changed(caller);
  // Rows first: after a crash here Recover() removes the folders that nobody owns.
  if (!version)
    folders.push_back(data_folder_ + "/workspaces/" + model.workspace + "/models/" + model.id);
  for (const std::string& folder : folders) RETURN_IF_ERROR(MakeWritable(folder));
  return DeleteFiles(data_folder_, folders);
}

void ModelRegistry::AddUseCheck(UseCheck check) { use_checks_.push_back(std::move(check)); }

Result<std::string> ModelRegistry::NameOf(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(const auto rows,
                   database_.Select("SELECT name FROM models WHERE workspace = ? AND id = ?",
                                    {caller.workspace, std::string(id)}));
  if (rows.empty()) return Fail(ErrorCode::kNotFound, "no model with id '{}'", id);
  return rows[0].Text(0);
}

void ModelRegistry::AddChangeListener(ChangeListener listener) {
  listeners_.push_back(std::move(listener));
}

void ModelRegistry::Changed(const Caller& caller) const {
  for (const ChangeListener& listener : listeners_) listener(caller);
}

}  // namespace aimass
