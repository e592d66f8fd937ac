#include "datasets/catalog.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "datasets/delta/log.h"
#include "store/data_folder.h"
#include "store/json.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

constexpr int kCommitAttempts = 20;
constexpr std::string_view kDatasetColumns =
    "id, name, workspace, version, row_count, byte_count, rejected_rows, origin, created_ms, "
    "updated_ms";
constexpr std::string_view kVersionColumns =
    "version, operation, row_count, byte_count, added_rows, rejected_rows, rejected_file, origin, "
    "inputs, "
    "details, job_id, created_ms";

DatasetVersion VersionOf(const SqlRow& row) {
  return {.version = row.Integer(0),
          .operation = row.Text(1),
          .rows = row.Integer(2),
          .bytes = row.Integer(3),
          .added_rows = row.Integer(4),
          .rejected_rows = row.Integer(5),
          .rejected_file = row.Text(6),
          .origin = JsonOf(row, 7),
          .inputs = JsonOf(row, 8),
          .details = JsonOf(row, 9),
          .job_id = row.Text(10),
          .created_ms = row.Integer(11)};
}

Result<std::vector<delta::FileEntry>> FilesOf(const Json& files) {
  std::vector<delta::FileEntry> entries;
  for (const Json& file : files) {
    delta::FileEntry entry;
    ASSIGN_OR_RETURN(entry.path, GetString(file, "path"));
    ASSIGN_OR_RETURN(entry.bytes, GetInteger(file, "bytes"));
    ASSIGN_OR_RETURN(entry.rows, GetInteger(file, "rows"));
    ASSIGN_OR_RETURN(entry.stats, GetString(file, "stats"));
    entry.tags = file.value("tags", Json::object()).get<std::map<std::string, std::string>>();
    entries.push_back(std::move(entry));
  }
  return entries;
}

// A log forgets no `txn`: those of positions that no longer hold are overwritten.
void VoidPositions(const delta::State& base, const std::map<std::string, std::int64_t>& given,
                   delta::Change& change) {
  for (const auto& [app, version] : base.txns) {
    if (app.starts_with(delta::kPositionPrefix) && !given.contains(app))
      change.positions[app] = delta::kNoPosition;
  }
}

// The whole numbers by size, so that "fits into" is an order.
int IntegerRank(TypeKind kind) {
  switch (kind) {
    case TypeKind::kInt8:
      return 1;
    case TypeKind::kInt16:
      return 2;
    case TypeKind::kInt32:
      return 3;
    case TypeKind::kInt64:
      return 4;
    default:
      return 0;
  }
}

std::unexpected<Error> NoDataset(std::string_view name, const std::vector<SqlRow>& known) {
  std::vector<std::string_view> names;
  for (const SqlRow& row : known) names.emplace_back(row.Text(0));
  auto failure = Fail(ErrorCode::kNotFound, "no dataset '{}'", name);
  if (const std::string nearest = Nearest(name, names); !nearest.empty()) {
    return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  }
  return failure;
}

}  // namespace

std::vector<Migration> DatasetCatalog::Migrations() {
  return {{.module = "datasets", .number = 1, .sql = R"sql(
    CREATE TABLE datasets (
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL,
      name TEXT NOT NULL,
      name_key TEXT NOT NULL,
      version BIGINT NOT NULL,
      row_count BIGINT NOT NULL,
      byte_count BIGINT NOT NULL,
      rejected_rows BIGINT NOT NULL,
      origin TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      updated_ms BIGINT NOT NULL,
      UNIQUE (workspace, name_key)
    );
    CREATE TABLE dataset_versions (
      dataset TEXT NOT NULL REFERENCES datasets (id),
      version BIGINT NOT NULL,
      operation TEXT NOT NULL,
      row_count BIGINT NOT NULL,
      byte_count BIGINT NOT NULL,
      added_rows BIGINT NOT NULL,
      rejected_rows BIGINT NOT NULL,
      rejected_file TEXT NOT NULL,
      origin TEXT NOT NULL,
      inputs TEXT NOT NULL,
      details TEXT NOT NULL,
      job_id TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      PRIMARY KEY (dataset, version),
      UNIQUE (dataset, job_id)
    )
  )sql"}};
}

DatasetCatalog::DatasetCatalog(Database& database, std::string data_folder)
    : database_(database), data_folder_(std::move(data_folder)) {}

std::string DatasetCatalog::Folder(std::string_view workspace, std::string_view id) const {
  return fmt::format("{}/workspaces/{}/datasets/{}", data_folder_, workspace, id);
}

Result<DatasetInfo> DatasetCatalog::Create(const Caller& caller, std::string_view name,
                                           const Json& origin) {
  ASSIGN_OR_RETURN(const std::string checked, CheckDatasetName(name));
  const std::int64_t now = NowUnixMs();
  DatasetInfo info{.id = NewId(),
                   .name = checked,
                   .workspace = caller.workspace,
                   .origin = origin,
                   .created_ms = now,
                   .updated_ms = now};
  info.folder = Folder(caller.workspace, info.id);
  const auto inserted = database_.Execute(
      "INSERT INTO datasets (id, workspace, name, name_key, version, row_count, byte_count, "
      "rejected_rows, origin, "
      "created_ms, updated_ms) VALUES (?, ?, ?, ?, -1, 0, 0, 0, ?, ?, ?)",
      {info.id, info.workspace, info.name, NameKey(info.name), origin.dump(), now, now});
  if (!inserted) {
    if (inserted.error().code != ErrorCode::kConflict) return std::unexpected(inserted.error());
    return Fail(ErrorCode::kConflict, "there is a dataset '{}' already", checked);
  }
  return info;
}

Result<std::string> DatasetCatalog::NameOf(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(const auto rows,
                   database_.Select("SELECT name FROM datasets WHERE workspace = ? AND id = ?",
                                    {caller.workspace, std::string(id)}));
  if (rows.empty()) return Fail(ErrorCode::kNotFound, "dataset {} was deleted", id);
  return rows.front().Text(0);
}

Result<DatasetInfo> DatasetCatalog::Get(const Caller& caller, std::string_view name) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(fmt::format("SELECT {} FROM datasets WHERE workspace = ? AND name_key = ?",
                                   kDatasetColumns),
                       {caller.workspace, NameKey(name)}));
  if (rows.empty()) {
    ASSIGN_OR_RETURN(const auto known,
                     database_.Select("SELECT name FROM datasets WHERE workspace = ? ORDER BY name",
                                      {caller.workspace}));
    return NoDataset(name, known);
  }
  const SqlRow& row = rows.front();
  return DatasetInfo{.id = row.Text(0),
                     .name = row.Text(1),
                     .workspace = row.Text(2),
                     .folder = Folder(row.Text(2), row.Text(0)),
                     .version = row.Integer(3),
                     .rows = row.Integer(4),
                     .bytes = row.Integer(5),
                     .rejected_rows = row.Integer(6),
                     .origin = JsonOf(row, 7),
                     .created_ms = row.Integer(8),
                     .updated_ms = row.Integer(9)};
}

Result<DatasetPage> DatasetCatalog::Page(const Caller& caller, int limit,
                                         std::string_view cursor) const {
  SqlParams params{caller.workspace};
  std::string sql = fmt::format("SELECT {} FROM datasets WHERE workspace = ?", kDatasetColumns);
  if (!cursor.empty()) {
    if (!IsId(cursor))
      return Fail(ErrorCode::kInvalidArgument, "'{}' is not a cursor that a list gave", cursor);
    sql += " AND id < ?";
    params.emplace_back(std::string(cursor));
  }
  sql += " ORDER BY id DESC LIMIT ?";
  params.emplace_back(std::int64_t{limit} + 1);
  ASSIGN_OR_RETURN(const auto rows, database_.Select(sql, params));
  DatasetPage page;
  for (const SqlRow& row : rows) {
    if (static_cast<int>(page.items.size()) == limit) {
      page.next_cursor = page.items.back().id;
      break;
    }
    page.items.push_back({.id = row.Text(0),
                          .name = row.Text(1),
                          .workspace = row.Text(2),
                          .folder = Folder(row.Text(2), row.Text(0)),
                          .version = row.Integer(3),
                          .rows = row.Integer(4),
                          .bytes = row.Integer(5),
                          .rejected_rows = row.Integer(6),
                          .origin = JsonOf(row, 7),
                          .created_ms = row.Integer(8),
                          .updated_ms = row.Integer(9)});
  }
  return page;
}

Result<std::vector<DatasetInfo>> DatasetCatalog::List(const Caller& caller, int limit,
                                                      std::string_view cursor) const {
  ASSIGN_OR_RETURN(DatasetPage page, Page(caller, limit, cursor));
  return std::move(page.items);
}

Result<DatasetInfo> DatasetCatalog::Rename(const Caller& caller, std::string_view name,
                                           std::string_view new_name) {
  ASSIGN_OR_RETURN(const DatasetInfo info, Get(caller, name));
  ASSIGN_OR_RETURN(const std::string checked, CheckDatasetName(new_name));
  const auto changed =
      database_.Execute("UPDATE datasets SET name = ?, name_key = ?, updated_ms = ? WHERE id = ?",
                        {checked, NameKey(checked), NowUnixMs(), info.id});
  if (!changed) {
    if (changed.error().code != ErrorCode::kConflict) return std::unexpected(changed.error());
    return Fail(ErrorCode::kConflict, "there is a dataset '{}' already", checked);
  }
  return Get(caller, checked);
}

Status DatasetCatalog::Delete(const Caller& caller, std::string_view name) {
  ASSIGN_OR_RETURN(const DatasetInfo info, Get(caller, name));
  RETURN_IF_ERROR(database_.Transact([&](SqlSession& session) -> Status {
    RETURN_IF_ERROR(session.Execute("DELETE FROM dataset_versions WHERE dataset = ?", {info.id}));
    for (const DeleteListener& listener : delete_listeners_)
      RETURN_IF_ERROR(listener(session, info.id));
    RETURN_IF_ERROR(session.Execute("DELETE FROM datasets WHERE id = ?", {info.id}));
    return {};
  }));
  return DeleteFiles(data_folder_, {info.folder});
}

Result<DatasetSnapshot> DatasetCatalog::Snapshot(const Caller& caller, std::string_view name,
                                                 std::optional<std::int64_t> version) const {
  ASSIGN_OR_RETURN(const DatasetInfo info, Get(caller, name));
  if (info.version < 0)
    return Fail(ErrorCode::kConflict, "dataset '{}' has no rows yet", info.name);
  if (version && (*version < 0 || *version > info.version)) {
    return Fail(ErrorCode::kNotFound, "dataset '{}' has no version {}; it has 0 to {}", info.name,
                *version, info.version);
  }
  const std::int64_t wanted = version.value_or(info.version);
  ASSIGN_OR_RETURN(const delta::State state, delta::Log(info.folder).Read(wanted));
  DatasetSnapshot snapshot{.id = info.id,
                           .name = info.name,
                           .workspace = info.workspace,
                           .version = wanted,
                           .schema = state.schema};
  for (const delta::FileEntry& file : state.files) {
    if (file.rows < 0) {
      return Fail(ErrorCode::kUnprocessable, "the log of the Delta table is damaged: {}",
                  file.path);
    }
    snapshot.files.push_back(
        {.path = info.folder + "/" + file.path, .rows = file.rows, .bytes = file.bytes});
    snapshot.rows += file.rows;
  }
  return snapshot;
}

Result<std::vector<DatasetVersion>> DatasetCatalog::Versions(const Caller& caller,
                                                             std::string_view name) const {
  ASSIGN_OR_RETURN(const DatasetInfo info, Get(caller, name));
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM dataset_versions WHERE dataset = ? ORDER BY version DESC",
                      kVersionColumns),
          {info.id}));
  std::vector<DatasetVersion> versions;
  for (const SqlRow& row : rows) versions.push_back(VersionOf(row));
  RETURN_IF_ERROR(NameInputs(caller, versions));
  return versions;
}

// Lineage follows ids: an input is called what it is called now, and "as" keeps the name that the
// SQL has for it.
Status DatasetCatalog::NameInputs(const Caller& caller,
                                  std::vector<DatasetVersion>& versions) const {
  const bool any = std::any_of(versions.begin(), versions.end(), [](const DatasetVersion& version) {
    return !version.inputs.empty();
  });
  if (!any) return {};
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select("SELECT id, name FROM datasets WHERE workspace = ?", {caller.workspace}));
  std::map<std::string, std::string> names;
  for (const SqlRow& row : rows) names[row.Text(0)] = row.Text(1);
  for (DatasetVersion& version : versions) {
    for (Json& input : version.inputs) {
      const auto now = names.find(input.value("id", ""));
      const std::string then = input.value("name", "");
      if (now == names.end() || now->second == then) continue;
      if (!input.contains("as")) input["as"] = then;
      input["name"] = now->second;
    }
  }
  return {};
}

Result<std::optional<DatasetVersion>> DatasetCatalog::VersionOfJob(std::string_view dataset,
                                                                   std::string_view job) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM dataset_versions WHERE dataset = ? AND job_id = ?",
                      kVersionColumns),
          {std::string(dataset), std::string(job)}));
  if (rows.empty()) return std::optional<DatasetVersion>();
  return std::optional<DatasetVersion>(VersionOf(rows.front()));
}

Result<DatasetVersion> DatasetCatalog::Commit(const Caller& caller, const DatasetCommit& commit) {
  ASSIGN_OR_RETURN(auto before, VersionOfJob(commit.id, commit.job_id));
  if (before) return std::move(*before);
  ASSIGN_OR_RETURN(const std::string name, CheckName("dataset", commit.name));
  ASSIGN_OR_RETURN(const auto named,
                   database_.Select("SELECT id FROM datasets WHERE workspace = ? AND name_key = ?",
                                    {caller.workspace, NameKey(name)}));
  if (!named.empty() && named.front().Text(0) != commit.id) {
    return Fail(ErrorCode::kConflict, "there is a dataset '{}' already", name);
  }
  ASSIGN_OR_RETURN(const auto existing,
                   database_.Select("SELECT name FROM datasets WHERE id = ?", {commit.id}));
  if (existing.empty() && commit.mode == WriteMode::kAppend) {
    return Fail(ErrorCode::kConflict, "dataset '{}' was deleted while rows for it were read", name);
  }

  const std::string folder = Folder(caller.workspace, commit.id);
  RETURN_IF_ERROR(MakeFolder(folder));
  const delta::Log log(folder);
  delta::Change change{
      .operation = commit.mode == WriteMode::kCreate ? "CREATE TABLE AS SELECT" : "WRITE",
      .parameters = {{"mode", commit.mode == WriteMode::kAppend ? "Append" : "Overwrite"}},
      .replace = commit.mode != WriteMode::kAppend,
      .positions = commit.positions,
      .app_id = commit.job_id,
      .app_version = 1};
  ASSIGN_OR_RETURN(change.files, FilesOf(commit.files));
  if (commit.merge) {
    change.operation = "MERGE";
    change.removed = commit.merge->removed;
  }
  delta::State state;
  for (int attempt = 0;; ++attempt) {
    delta::State base;
    ASSIGN_OR_RETURN(const std::int64_t latest, log.Latest());
    if (latest >= 0) {
      ASSIGN_OR_RETURN(base, log.Read());
    }
    if (base.txns.contains(commit.job_id)) {  // a crash came between the log and the catalogue
      state = std::move(base);
      break;
    }
    if (commit.merge && base.version != commit.merge->base_version) {
      return Fail(ErrorCode::kConflict,
                  "another writer was first with version {} of the Delta table",
                  commit.merge->base_version + 1);
    }
    if (change.replace) VoidPositions(base, commit.positions, change);
    change.schema.reset();
    if (commit.mode == WriteMode::kAppend) {
      RETURN_IF_ERROR(CheckAppend(base.schema, commit.schema));
    } else if (base.version < 0 || base.schema != commit.schema) {
      change.schema = commit.schema;
    }
    auto committed = log.Commit(base, change);
    if (committed) {
      state = std::move(*committed);
      break;
    }
    if (committed.error().code != ErrorCode::kConflict || attempt == kCommitAttempts) {
      return std::unexpected(std::move(committed).error());
    }
  }

  DatasetVersion version{.version = state.version,
                         .operation = std::string(WriteModeName(commit.mode)),
                         .rejected_rows = commit.rejected_rows,
                         .rejected_file = commit.rejected_file,
                         .origin = commit.origin,
                         .inputs = commit.inputs,
                         .details = commit.details,
                         .job_id = commit.job_id,
                         .created_ms = NowUnixMs()};
  for (const delta::FileEntry& file : state.files) {
    version.rows += file.rows;
    version.bytes += file.bytes;
  }
  for (const delta::FileEntry& file : change.files) version.added_rows += file.rows;
  if (commit.merge) {  // without the rows that only moved
    ASSIGN_OR_RETURN(const delta::State base, log.Read(commit.merge->base_version));
    version.added_rows = version.rows;
    for (const delta::FileEntry& file : base.files) version.added_rows -= file.rows;
    version.added_rows = std::max<std::int64_t>(0, version.added_rows);
  }
  const Status recorded = database_.Transact([&](SqlSession& session) -> Status {
    if (existing.empty()) {
      RETURN_IF_ERROR(session.Execute(
          "INSERT INTO datasets (id, workspace, name, name_key, version, row_count, byte_count, "
          "rejected_rows, "
          "origin, created_ms, updated_ms) VALUES (?, ?, ?, ?, -1, 0, 0, 0, ?, ?, ?)",
          {commit.id, caller.workspace, name, NameKey(name), commit.origin.dump(),
           version.created_ms, version.created_ms}));
    }
    RETURN_IF_ERROR(session.Execute(
        fmt::format("INSERT INTO dataset_versions (dataset, {}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
                    "?, ?, ?, ?)",
                    kVersionColumns),
        {commit.id, version.version, version.operation, version.rows, version.bytes,
         version.added_rows, version.rejected_rows, version.rejected_file, version.origin.dump(),
         version.inputs.dump(), version.details.dump(), version.job_id, version.created_ms}));
    std::string sql =
        "UPDATE datasets SET version = ?, row_count = ?, byte_count = ?, rejected_rows = ?, "
        "updated_ms = ?";
    SqlParams params{version.version, version.rows, version.bytes, version.rejected_rows,
                     version.created_ms};
    if (commit.mode != WriteMode::kAppend || commit.merge) {
      sql += ", origin = ?";
      params.emplace_back(commit.origin.dump());
    }
    params.emplace_back(commit.id);
    params.emplace_back(version.version);
    RETURN_IF_ERROR(session.Execute(sql + " WHERE id = ? AND version < ?", params));
    return {};
  });
  if (!recorded) return std::unexpected(recorded.error());
  return version;
}

Result<std::string> CheckDatasetName(std::string_view name) {
  ASSIGN_OR_RETURN(std::string checked, CheckName("dataset", name));
  const std::size_t at = checked.find_last_not_of("0123456789");
  if (at != std::string::npos && checked[at] == '@' && at + 1 < checked.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a dataset's name must not end in @ and digits, as '{}' does: that names a version",
                checked);
  }
  return checked;
}

Result<WriteMode> WriteModeFromName(std::string_view name) {
  if (name == "create") return WriteMode::kCreate;
  if (name == "append") return WriteMode::kAppend;
  if (name == "replace") return WriteMode::kReplace;
  return Fail(ErrorCode::kUnprocessable, "mode must be create, append or replace; got '{}'", name);
}

std::string_view WriteModeName(WriteMode mode) {
  switch (mode) {
    case WriteMode::kCreate:
      return "create";
    case WriteMode::kAppend:
      return "append";
    case WriteMode::kReplace:
      return "replace";
  }
  return "create";
}

bool FitsInto(const Type& from, const Type& into) {
  if (from == into || from.kind == TypeKind::kNull) return true;
  if (into.kind == TypeKind::kText) return from.children.empty() && from.kind != TypeKind::kBinary;
  const int rank = IntegerRank(from.kind);
  if (rank > 0 && IntegerRank(into.kind) >= rank) return true;
  if (into.kind == TypeKind::kFloat64) return rank > 0 || from.kind == TypeKind::kFloat32;
  if (into.kind == TypeKind::kFloat32) return rank > 0 && rank <= 2;
  if (into.kind == TypeKind::kDecimal) {
    if (from.kind == TypeKind::kDecimal) {
      return from.scale <= into.scale && from.precision - from.scale <= into.precision - into.scale;
    }
    constexpr std::array kDigits{0, 3, 5, 10, 19};
    return rank > 0 && kDigits[static_cast<std::size_t>(rank)] <= into.precision - into.scale;
  }
  return into.kind == TypeKind::kTimestamp && from.kind == TypeKind::kDate;
}

Status CheckAppend(const Schema& table, const Schema& added) {
  std::string problems;
  const auto note = [&problems](const std::string& problem) {
    if (problems.size() < 1000) problems += (problems.empty() ? "" : "; ") + problem;
  };
  for (const ColumnInfo& column : table.columns) {
    const auto at = added.Find(column.name);
    if (!at) {
      note(fmt::format("'{}' is missing", column.name));
    } else if (const Type& type = added.columns[*at].type; !FitsInto(type, column.type)) {
      note(fmt::format("'{}': {} → {}", column.name, TypeName(type), TypeName(column.type)));
    }
  }
  for (const ColumnInfo& column : added.columns) {
    if (!table.Find(column.name)) note(fmt::format("'{}' is new", column.name));
  }
  if (problems.empty()) return {};
  return WithHint(Fail(ErrorCode::kUnprocessable,
                       "the rows do not fit the columns of the dataset: {}", problems),
                  Msg("give the file the same columns, or replace the dataset"));
}

}  // namespace aimass
