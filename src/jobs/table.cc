#include "jobs/table.h"

#include <algorithm>

#include "base/clock.h"
#include "store/json.h"

namespace aimass::jobs {
namespace {

constexpr std::string_view kColumns =
    "id, kind, caller, workspace, parameters, limits, state, phase, progress, result, output, "
    "error, attempt, "
    "failures, memory_failures, restarts, max_attempts, not_before_ms, cancel_requested, "
    "job_group, owner, "
    "created_ms, started_ms, finished_ms, lease_until_ms";

// Beyond every back-off: what shall wait longer than this was written before the clock was set
// back.
constexpr std::int64_t kLongestWaitMs = 120'000;

// Stands for the data folder at the front of a stored path.
constexpr std::string_view kDataFolder = "aimass-data:";

// A text that only looks like a stored path gets the mark too, so that the way back is exact.
void KeepPaths(Json& json, const std::string& data_folder) {
  if (json.is_structured()) {
    for (Json& child : json) KeepPaths(child, data_folder);
  } else if (json.is_string()) {
    auto& text = json.get_ref<std::string&>();
    if (text == data_folder || text.starts_with(data_folder + "/")) {
      text.replace(0, data_folder.size(), kDataFolder);
    } else if (text.starts_with(kDataFolder)) {
      text.insert(0, kDataFolder);
    }
  }
}

void FindPaths(Json& json, const std::string& data_folder) {
  if (json.is_structured()) {
    for (Json& child : json) FindPaths(child, data_folder);
  } else if (json.is_string()) {
    auto& text = json.get_ref<std::string&>();
    if (!text.starts_with(kDataFolder)) return;
    text.erase(0, kDataFolder.size());
    if (text.empty() || text.starts_with('/')) text.insert(0, data_folder);
  }
}

constexpr std::int64_t kEndedStatesBatch = 500;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::vector<Migration> Table::Migrations() {
  return {{.module = "jobs", .number = 1, .sql = R"(
    CREATE TABLE jobs (
      id TEXT PRIMARY KEY, kind TEXT NOT NULL, caller TEXT NOT NULL, workspace TEXT NOT NULL,
      parameters TEXT NOT NULL, limits TEXT NOT NULL, state TEXT NOT NULL, phase BIGINT NOT NULL DEFAULT 0,
      progress TEXT NOT NULL, result TEXT NOT NULL, output TEXT NOT NULL, error TEXT NOT NULL,
      attempt BIGINT NOT NULL DEFAULT 0, failures BIGINT NOT NULL DEFAULT 0,
      memory_failures BIGINT NOT NULL DEFAULT 0, restarts BIGINT NOT NULL DEFAULT 0,
      max_attempts BIGINT NOT NULL, not_before_ms BIGINT NOT NULL DEFAULT 0,
      cancel_requested BIGINT NOT NULL DEFAULT 0, job_group TEXT NOT NULL, idempotency_key TEXT NOT NULL,
      owner TEXT NOT NULL DEFAULT '', lease_until_ms BIGINT NOT NULL DEFAULT 0, created_ms BIGINT NOT NULL,
      started_ms BIGINT NOT NULL DEFAULT 0, finished_ms BIGINT NOT NULL DEFAULT 0);
    CREATE INDEX jobs_by_workspace ON jobs (workspace, id);
    CREATE INDEX jobs_by_state ON jobs (state, workspace, id);
    CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (workspace, idempotency_key)
      WHERE idempotency_key <> ''
  )"}};
}

Json Table::Kept(Json json) const {
  KeepPaths(json, data_folder_);
  return json;
}

Json Table::Found(Json json) const {
  FindPaths(json, data_folder_);
  return json;
}

Row Table::FromRow(const SqlRow& sql) const {
  Row row;
  row.job.id = sql.Text(0);
  row.job.kind = sql.Text(1);
  row.job.caller = CallerFromJson(JsonOf(sql, 2));
  row.job.caller.workspace = sql.Text(3);
  row.job.parameters = Found(JsonOf(sql, 4));
  const Json limits = JsonOf(sql, 5);
  row.limits.memory_bytes = limits.value("memory_bytes", std::int64_t{0});
  row.limits.threads = limits.value("threads", 0);
  row.limits.time_ms = limits.value("time_ms", std::int64_t{0});
  row.job.state = StateFromName(sql.Text(6)).value_or(JobState::kFailed);
  row.phase = static_cast<Phase>(std::clamp<std::int64_t>(sql.Integer(7), 0, 2));
  row.job.progress = ProgressFromJson(JsonOf(sql, 8));
  row.result = Found(JsonOf(sql, 9));
  row.job.output = JsonOf(sql, 10);
  if (!sql.Text(11).empty()) row.job.error = ErrorFromJson(JsonOf(sql, 11));
  row.job.attempt = static_cast<int>(sql.Integer(12));
  row.failures = static_cast<int>(sql.Integer(13));
  row.memory_failures = static_cast<int>(sql.Integer(14));
  row.restarts = static_cast<int>(sql.Integer(15));
  row.max_attempts = static_cast<int>(sql.Integer(16));
  row.not_before_ms = sql.Integer(17);
  row.cancel_requested = sql.Integer(18) != 0;
  row.group = sql.Text(19);
  row.owner = sql.Text(20);
  row.job.created_ms = sql.Integer(21);
  row.job.started_ms = sql.Integer(22);
  row.job.finished_ms = sql.Integer(23);
  row.lease_until_ms = sql.Integer(24);
  return row;
}

std::vector<Row> Table::FromRows(const std::vector<SqlRow>& rows) const {
  std::vector<Row> found;
  found.reserve(rows.size());
  for (const SqlRow& row : rows) found.push_back(FromRow(row));
  return found;
}

std::optional<Row> Table::First(const std::vector<SqlRow>& rows) const {
  if (rows.empty()) return std::nullopt;
  return FromRow(rows[0]);
}

Status Table::Insert(const Row& row, const std::string& idempotency_key) {
  const Json limits{{"memory_bytes", row.limits.memory_bytes},
                    {"threads", row.limits.threads},
                    {"time_ms", row.limits.time_ms}};
  RETURN_IF_ERROR(database_.Execute(
      "INSERT INTO jobs (id, kind, caller, workspace, parameters, limits, state, progress, result, "
      "output, "
      "error, max_attempts, job_group, idempotency_key, created_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, 'null', 'null', '', ?, ?, ?, ?)",
      {row.job.id, row.job.kind, Text(ToJson(row.job.caller)), row.job.caller.workspace,
       Text(Kept(row.job.parameters)), Text(limits), Text(ToJson(row.job.progress)),
       std::int64_t{row.max_attempts}, row.group, idempotency_key, row.job.created_ms}));
  return {};
}

Result<std::optional<Row>> Table::Find(std::string_view id) const {
  ASSIGN_OR_RETURN(const auto rows,
                   database_.Select(fmt::format("SELECT {} FROM jobs WHERE id = ?", kColumns),
                                    {std::string(id)}));
  return First(rows);
}

Result<std::optional<Row>> Table::FindByKey(std::string_view workspace,
                                            std::string_view idempotency_key) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM jobs WHERE workspace = ? AND idempotency_key = ? "
                      "AND idempotency_key <> ''",
                      kColumns),
          {std::string(workspace), std::string(idempotency_key)}));
  return First(rows);
}

Result<std::vector<Row>> Table::List(std::string_view workspace, const JobFilter& filter,
                                     int limit) const {
  std::string where = "workspace = ?";
  SqlParams params{std::string(workspace)};
  if (!filter.kind.empty()) {
    where += " AND kind = ?";
    params.emplace_back(filter.kind);
  }
  if (filter.state) {
    where += " AND state = ?";
    params.emplace_back(std::string(StateName(*filter.state)));
  }
  if (!filter.cursor.empty()) {
    where += " AND id < ?";
    params.emplace_back(filter.cursor);
  }
  params.emplace_back(std::int64_t{limit});
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM jobs WHERE {} ORDER BY id DESC LIMIT ?", kColumns, where),
          params));
  return FromRows(rows);
}

Result<std::int64_t> Table::CountQueued(std::string_view workspace) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      workspace.empty()
          ? database_.Select("SELECT COUNT(*) FROM jobs WHERE state = 'queued'")
          : database_.Select("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND workspace = ?",
                             {std::string(workspace)}));
  return rows.at(0).Integer(0);
}

Result<bool> Table::HasOpen(std::string_view workspace, std::string_view group) const {
  ASSIGN_OR_RETURN(const auto rows,
                   database_.Select("SELECT id FROM jobs WHERE state IN ('queued', 'running') AND "
                                    "workspace = ? AND job_group = ? LIMIT 1",
                                    {std::string(workspace), std::string(group)}));
  return !rows.empty();
}

Result<std::vector<std::string>> Table::WaitingWorkspaces(std::int64_t now_ms) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select("SELECT DISTINCT workspace FROM jobs WHERE state = 'queued' AND "
                       "(not_before_ms <= ? OR not_before_ms > ?) ORDER BY workspace",
                       {now_ms, now_ms + kLongestWaitMs}));
  std::vector<std::string> workspaces;
  for (const SqlRow& row : rows) workspaces.push_back(row.Text(0));
  return workspaces;
}

Result<std::optional<Row>> Table::NextIn(std::string_view workspace, std::int64_t now_ms) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM jobs WHERE state = 'queued' AND workspace = ? "
                      "AND (not_before_ms <= ? OR not_before_ms > ?) AND (job_group = '' OR "
                      "job_group NOT IN "
                      "(SELECT job_group FROM jobs WHERE state = 'running' AND workspace = ?)) "
                      "ORDER BY id LIMIT 1",
                      kColumns),
          {std::string(workspace), now_ms, now_ms + kLongestWaitMs, std::string(workspace)}));
  return First(rows);
}

Result<bool> Table::Claim(Row& row, const std::string& owner, std::int64_t lease_until_ms,
                          std::int64_t now_ms) {
  ASSIGN_OR_RETURN(
      const auto changed,
      database_.Execute(
          "UPDATE jobs SET state = 'running', phase = 0, attempt = attempt + 1, owner = ?, "
          "lease_until_ms = ?, started_ms = CASE WHEN started_ms = 0 THEN ? ELSE started_ms END "
          "WHERE id = ? AND state = 'queued' AND attempt = ?",
          {owner, lease_until_ms, now_ms, row.job.id, std::int64_t{row.job.attempt}}));
  if (changed == 0) return false;
  row.job.state = JobState::kRunning;
  row.job.attempt += 1;
  row.owner = owner;
  row.phase = Phase::kWorking;
  if (row.job.started_ms == 0) row.job.started_ms = now_ms;
  return true;
}

Status Table::Heartbeat(const std::vector<Beat>& beats, std::int64_t lease_until_ms) {
  if (beats.empty()) return {};
  return database_.Transact([&](SqlSession& session) -> Status {
    for (const Beat& beat : beats) {
      const std::int64_t attempt = beat.attempt;
      if (beat.progress) {
        RETURN_IF_ERROR(
            session.Execute("UPDATE jobs SET lease_until_ms = ?, progress = ? "
                            "WHERE id = ? AND attempt = ? AND state = 'running'",
                            {lease_until_ms, Text(ToJson(*beat.progress)), beat.id, attempt}));
      } else {
        RETURN_IF_ERROR(
            session.Execute("UPDATE jobs SET lease_until_ms = ? "
                            "WHERE id = ? AND attempt = ? AND state = 'running'",
                            {lease_until_ms, beat.id, attempt}));
      }
    }
    return {};
  });
}

Result<bool> Table::SaveResult(const Row& row, const Json& result) {
  ASSIGN_OR_RETURN(
      const auto changed,
      database_.Execute("UPDATE jobs SET phase = 1, result = ?, progress = ? "
                        "WHERE id = ? AND attempt = ? AND state = 'running' AND phase = 0",
                        {Text(Kept(result)), Text(ToJson(row.job.progress)), row.job.id,
                         std::int64_t{row.job.attempt}}));
  return changed > 0;
}

Result<bool> Table::SaveCommitted(const Row& row, const Json& output) {
  ASSIGN_OR_RETURN(const auto changed,
                   database_.Execute("UPDATE jobs SET phase = 2, output = ? "
                                     "WHERE id = ? AND attempt = ? AND state = 'running'",
                                     {Text(output), row.job.id, std::int64_t{row.job.attempt}}));
  return changed > 0;
}

Result<bool> Table::Leave(const Row& row) {
  ASSIGN_OR_RETURN(
      const auto changed,
      database_.Execute(
          "UPDATE jobs SET state = ?, phase = 0, owner = '', lease_until_ms = 0, error = ?, "
          "progress = ?, failures = ?, memory_failures = ?, restarts = ?, not_before_ms = ?, "
          "finished_ms = ?, result = 'null' WHERE id = ? AND attempt = ? AND state = 'running'",
          {std::string(StateName(row.job.state)),
           row.job.error ? Text(ToJson(*row.job.error)) : std::string(),
           Text(ToJson(row.job.progress)), std::int64_t{row.failures},
           std::int64_t{row.memory_failures}, std::int64_t{row.restarts}, row.not_before_ms,
           row.job.finished_ms, row.job.id, std::int64_t{row.job.attempt}}));
  return changed > 0;
}

Result<bool> Table::CancelQueued(std::string_view id, std::int64_t now_ms) {
  ASSIGN_OR_RETURN(
      const auto changed,
      database_.Execute(
          "UPDATE jobs SET state = 'cancelled', cancel_requested = 1, finished_ms = ?, "
          "error = '' WHERE id = ? AND state = 'queued'",
          {now_ms, std::string(id)}));
  return changed > 0;
}

Status Table::RequestCancel(std::string_view id) {
  RETURN_IF_ERROR(
      database_.Execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND state = 'running'",
                        {std::string(id)}));
  return {};
}

Result<std::vector<Row>> Table::OwnedByOthers(const std::string& owner) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(fmt::format("SELECT {} FROM jobs WHERE state = 'running' AND owner <> ? "
                                   "ORDER BY id",
                                   kColumns),
                       {owner}));
  return FromRows(rows);
}

Result<bool> Table::Adopt(const Row& row, const std::string& owner, std::int64_t lease_until_ms) {
  ASSIGN_OR_RETURN(
      const auto changed,
      database_.Execute(
          "UPDATE jobs SET owner = ?, lease_until_ms = ? "
          "WHERE id = ? AND attempt = ? AND state = 'running' AND owner = ?",
          {owner, lease_until_ms, row.job.id, std::int64_t{row.job.attempt}, row.owner}));
  return changed > 0;
}

Result<std::vector<std::string>> Table::DeleteOld(std::int64_t keep, std::int64_t before_ms) {
  std::vector<std::string> deleted;
  RETURN_IF_ERROR(database_.Transact([&](SqlSession& session) -> Status {
    deleted.clear();
    ASSIGN_OR_RETURN(const auto rows,
                     session.Select("SELECT id FROM (SELECT id, finished_ms, ROW_NUMBER() OVER "
                                    "(PARTITION BY workspace ORDER BY id DESC) AS place FROM jobs "
                                    "WHERE state IN ('succeeded', 'failed', 'cancelled')) AS ended "
                                    "WHERE place > ? OR finished_ms < ? ORDER BY id LIMIT ?",
                                    {keep, before_ms, kEndedStatesBatch}));
    for (const SqlRow& row : rows) {
      RETURN_IF_ERROR(session.Execute("DELETE FROM jobs WHERE id = ?", {row.Text(0)}));
      deleted.push_back(row.Text(0));
    }
    return {};
  }));
  return deleted;
}

}  // namespace aimass::jobs
