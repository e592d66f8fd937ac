#include "datasets/collect/service.h"

#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/words.h"
#include "datasets/target.h"
#include "store/json.h"

namespace aimass {
namespace {

constexpr std::string_view kRunColumns =
    "job, state, started_ms, finished_ms, rows_read, rows_written, rejected_rows, byte_count, "
    "reconciled, difference, version, error";
constexpr std::size_t kMaxRejects = std::size_t{16} << 30;  // bytes
constexpr std::size_t kNamed = 3;                           // of the rows that differ, in an error

// NULL where nothing is known.
SqlValue OptionalInteger(const std::optional<std::int64_t>& value) {
  return value ? SqlValue(*value) : SqlValue();
}

CollectRun RunOf(const SqlRow& row) {
  CollectRun run{.job_id = row.Text(0),
                 .state = row.Text(1),
                 .started_ms = row.Integer(2),
                 .finished_ms = row.Integer(3),
                 .rows_read = row.Integer(4),
                 .rows_written = row.Integer(5),
                 .rejected_rows = row.Integer(6),
                 .bytes = row.Integer(7),
                 .reconciled = std::nullopt,
                 .version = std::nullopt,
                 .error = std::nullopt};
  if (!row.IsNull(8)) run.reconciled = row.Integer(8) != 0;
  if (const Json difference = JsonOf(row, 9); difference.is_array()) run.difference = difference;
  if (!row.IsNull(10)) run.version = row.Integer(10);
  if (!row.Text(11).empty()) run.error = ErrorFromJson(JsonOf(row, 11));
  return run;
}

// "{"id":7} missing", the first few.
std::string Named(const Json& difference) {
  std::string text;
  for (std::size_t i = 0; i < difference.size() && i < kNamed; ++i) {
    text += fmt::format("{}{} {}", i > 0 ? "; " : "", difference[i].value("key", ""),
                        difference[i].value("what", ""));
  }
  return text;
}

std::string Trimmed(std::string_view query) {
  constexpr std::string_view kSpace = " \t\r\n;";
  const std::size_t end = query.find_last_not_of(kSpace);
  return std::string(query.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

}  // namespace

std::vector<Migration> CollectService::Migrations() {
  return {{.module = "collect", .number = 1, .sql = R"sql(
    CREATE TABLE collect_runs (
      job TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, dataset TEXT NOT NULL,
      state TEXT NOT NULL, started_ms BIGINT NOT NULL, finished_ms BIGINT NOT NULL,
      rows_read BIGINT NOT NULL, rows_written BIGINT NOT NULL, rejected_rows BIGINT NOT NULL,
      byte_count BIGINT NOT NULL, reconciled BIGINT, difference TEXT NOT NULL, version BIGINT,
      error TEXT NOT NULL);
    CREATE INDEX collect_runs_dataset ON collect_runs (dataset, job)
  )sql"}};
}

CollectService::CollectService(Database& database, DatasetCatalog& catalog, JobQueue& queue,
                               const SourceService& sources, const FormatRegistry& formats,
                               std::string data_folder)
    : database_(database),
      catalog_(catalog),
      queue_(queue),
      sources_(sources),
      formats_(formats),
      data_folder_(std::move(data_folder)) {}

void CollectService::RegisterCommits() {
  catalog_.OnDelete([](SqlSession& session, const std::string& id) -> Status {
    RETURN_IF_ERROR(session.Execute("DELETE FROM collect_runs WHERE dataset = ?", {id}));
    return {};
  });
  queue_.OnCommit("collect",
                  [this](const Job& job, const Json& output) { return CommitJob(job, output); });
  static_cast<void>(queue_.OnChange([this](const Job& job) {
    if (job.kind != "collect") return;
    if (job.state != JobState::kFailed && job.state != JobState::kCancelled) return;
    RemoveUnnamedFiles(catalog_, job);
    // A run whose commit said what differs is on record already.
    static_cast<void>(Record(job, {.job_id = job.id,
                                   .state = std::string(StateName(job.state)),
                                   .started_ms = job.started_ms,
                                   .finished_ms = job.finished_ms,
                                   .reconciled = std::nullopt,
                                   .version = std::nullopt,
                                   .error = job.error}));
  }));
}

Result<Job> CollectService::Collect(const Caller& caller, const CollectRequest& request) {
  if (request.table.empty() == request.query.empty()) {
    return Fail(ErrorCode::kUnprocessable,
                "a dataset from a source needs either a 'table' or a 'query'");
  }
  auto source = sources_.Get(caller, request.source);
  if (!source) {
    if (source.error().code == ErrorCode::kNotFound)
      source.error().code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(source).error());
  }
  ASSIGN_OR_RETURN(const Connector* const connector, sources_.connectors().Find(source->spec.kind));
  if (!request.query.empty() && !connector->can.query) {
    return Fail(ErrorCode::kUnprocessable, "a source of kind '{}' has tables only, no queries",
                source->spec.kind);
  }
  ASSIGN_OR_RETURN(const Json of_files, FileParameters(request, *connector));
  const bool by_cursor = request.cursor && !connector->can.files;
  if (by_cursor) RETURN_IF_ERROR(CheckCursor(caller, request, *connector));
  if (request.changes) RETURN_IF_ERROR(CheckChanges(request, *connector));
  ASSIGN_OR_RETURN(const WriteTarget target,
                   TargetOf(catalog_, caller, request.name, WriteMode::kReplace));
  if (target.existing && target.existing->origin.value("kind", "") != "source") {
    return Fail(ErrorCode::kConflict, "there is a dataset '{}' already", target.name);
  }
  Json parameters{
      {"dataset", target.id},
      {"name", target.name},
      {"folder", target.folder},
      {"data_folder", data_folder_},
      {"mode", WriteModeName(target.existing ? WriteMode::kReplace : WriteMode::kCreate)},
      {"source", ToJson(source->spec)},
      {"table", request.table},
      {"query", Trimmed(request.query)},
      {"allow_empty", request.allow_empty}};
  parameters.update(of_files);
  if (by_cursor) parameters.update(ToJson(*request.cursor));
  if (request.changes) parameters["changes"] = true;
  if (request.cursor || request.changes) parameters["anew"] = request.anew;
  if (!request.schedule.is_null()) parameters["schedule"] = request.schedule;
  return queue_.Submit(
      caller.For("collect"), "collect", std::move(parameters),
      {.idempotency_key = request.idempotency_key, .group = WriteGroup(caller, target.name)});
}

Result<Json> CollectService::FileParameters(const CollectRequest& request,
                                            const Connector& connector) const {
  if (!connector.can.files) {
    if (request.files == FileOptions()) return Json::object();
    return Fail(ErrorCode::kUnprocessable,
                "format, options, types and on_error go with a source of files, and '{}' is none",
                connector.name);
  }
  RETURN_IF_ERROR(CheckFileOptions(formats_, request.files));
  if (request.cursor && (!request.cursor->column.empty() || !request.cursor->key.empty() ||
                         request.cursor->overlap)) {
    return WithHint(Fail(ErrorCode::kUnprocessable,
                         "a source of kind '{}' is not collected by a cursor", connector.name),
                    Msg("mode incremental alone reads the files that are new or changed"));
  }
  Json parameters{{"files", ToJson(request.files)},
                  {"private_addresses", sources_.surroundings().private_addresses}};
  if (request.cursor) parameters["incremental"] = true;
  return parameters;
}

Status CollectService::CheckChanges(const CollectRequest& request, const Connector& connector) {
  if (!connector.can.changes) {
    return Fail(ErrorCode::kUnprocessable, "a source of kind '{}' does not tell which rows changed",
                connector.name);
  }
  if (request.table.empty())
    return Fail(ErrorCode::kUnprocessable, "mode changes is for a 'table', not for a 'query'");
  return {};
}

// What can be said before the source is asked for rows.
Status CollectService::CheckCursor(const Caller& caller, const CollectRequest& request,
                                   const Connector& connector) const {
  if (!connector.can.incremental) {
    return Fail(ErrorCode::kUnprocessable, "a source of kind '{}' is not collected by a cursor",
                connector.name);
  }
  if (request.cursor->column.empty()) {
    auto failure =
        Fail(ErrorCode::kUnprocessable,
             "mode incremental needs a 'cursor': a column that grows with every change of a row");
    if (request.table.empty()) return failure;
    ASSIGN_OR_RETURN(const TablePreview table,
                     sources_.Preview(caller, request.source, request.table, 0));
    const std::string candidates = CursorCandidates(table.description);
    if (candidates.empty()) return failure;
    return WithHint(std::move(failure), Msg("these may serve as a cursor: {}", candidates));
  }
  if (!request.query.empty() && request.cursor->key.empty()) {
    return Fail(
        ErrorCode::kUnprocessable,
        "mode incremental with a 'query' needs a 'key': the columns that tell its rows apart");
  }
  return {};
}

Result<Job> CollectService::Refresh(const Caller& caller, const DatasetInfo& dataset, bool anew,
                                    const std::string& idempotency_key) {
  const Json& origin = dataset.origin;
  const std::string id = origin.value("source", Json::object()).value("id", "");
  ASSIGN_OR_RETURN(const std::string source, sources_.NameOf(caller, id));
  std::optional<Cursor> cursor;
  if (origin.contains("cursor")) {
    ASSIGN_OR_RETURN(cursor, CursorFromJson(origin));
  } else if (origin.value("mode", "") == "incremental") {
    cursor = Cursor();
  }
  return Collect(caller, {.name = dataset.name,
                          .source = source,
                          .table = origin.value("table", ""),
                          .query = origin.value("query", ""),
                          .cursor = std::move(cursor),
                          .changes = origin.value("mode", "") == "changes",
                          .files = FileOptionsFromJson(origin.value("files", Json::object())),
                          .anew = anew,
                          .allow_empty = origin.value("allow_empty", false),
                          .schedule = {},
                          .idempotency_key = idempotency_key});
}

Status CollectService::Record(const Job& job, const CollectRun& run) {
  RETURN_IF_ERROR(database_.Execute(
      fmt::format("INSERT INTO collect_runs (workspace, dataset, {}) VALUES (?, ?, ?, ?, ?, ?, ?, "
                  "?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job) DO NOTHING",
                  kRunColumns),
      {job.caller.workspace, job.parameters.value("dataset", ""), job.id, run.state, run.started_ms,
       run.finished_ms, run.rows_read, run.rows_written, run.rejected_rows, run.bytes,
       run.reconciled ? SqlValue(std::int64_t{*run.reconciled ? 1 : 0}) : SqlValue(),
       run.difference.dump(), OptionalInteger(run.version),
       run.error ? ToJson(*run.error).dump() : std::string()}));
  return {};
}

Result<Json> CollectService::CommitJob(const Job& job, const Json& output) {
  const Json& parameters = job.parameters;
  const Json check = output.value("check", Json::object());
  CollectRun run{.job_id = job.id,
                 .state = "succeeded",
                 .started_ms = job.started_ms,
                 .finished_ms = NowUnixMs(),
                 .rows_read = output.value("rows_read", std::int64_t{0}),
                 .rows_written = output.value("rows", std::int64_t{0}),
                 .rejected_rows = output.value("rejected_rows", std::int64_t{0}),
                 .bytes = output.value("bytes", std::int64_t{0}),
                 .reconciled = check.value("equal", false),
                 .difference = check.value("difference", Json::array()),
                 .version = std::nullopt,
                 .error = std::nullopt};
  if (!*run.reconciled) {
    run.state = "failed";
    auto failure = Fail(ErrorCode::kUnprocessable,
                        "what was collected is not what the source has: {}", Named(run.difference));
    failure = WithHint(std::move(failure),
                       Msg("nothing was published; the dataset stays as it was. Collect it again"));
    run.error = failure.error();
    RETURN_IF_ERROR(Record(job, run));
    return failure;
  }
  ASSIGN_OR_RETURN(DatasetCommit commit, CommitOf(job, output));
  const Json source = parameters.value("source", Json::object());
  commit.origin = {{"kind", "source"},
                   {"source", {{"id", source.value("id", "")}, {"name", source.value("name", "")}}},
                   {"allow_empty", parameters.value("allow_empty", false)}};
  for (const char* what : {"table", "query"}) {
    if (!parameters.value(what, "").empty()) commit.origin[what] = parameters[what];
  }
  if (parameters.contains("cursor")) {
    ASSIGN_OR_RETURN(const Cursor cursor, CursorFromJson(parameters));
    commit.origin["mode"] = "incremental";
    commit.origin.update(ToJson(cursor));
  }
  if (parameters.value("changes", false)) commit.origin["mode"] = "changes";
  if (parameters.contains("files")) {
    commit.origin["files"] = parameters["files"];
    if (parameters.value("incremental", false)) commit.origin["mode"] = "incremental";
  }
  commit.positions =
      output.value("positions", Json::object()).get<std::map<std::string, std::int64_t>>();
  if (output.contains("merge")) {
    commit.mode = WriteMode::kAppend;
    ASSIGN_OR_RETURN(const std::int64_t base, GetInteger(output["merge"], "base_version"));
    commit.merge = {.base_version = base,
                    .removed = output["merge"].at("removed").get<std::vector<std::string>>()};
  }
  commit.details = {{"warnings", output.value("warnings", Json::array())}, {"check", check}};
  std::optional<DatasetVersion> unchanged;
  if (!output.value("advance", false)) {
    ASSIGN_OR_RETURN(unchanged, Unchanged(job, commit));
  }
  DatasetVersion version;
  if (unchanged) {
    version = std::move(*unchanged);
    version.added_rows = 0;
  } else {
    ASSIGN_OR_RETURN(version, catalog_.Commit(job.caller, commit));
  }
  run.version = version.version;
  RETURN_IF_ERROR(Record(job, run));
  return Json{{"dataset", commit.name},
              {"version", version.version},
              {"rows", version.rows},
              {"added_rows", version.added_rows},
              {"rejected_rows", run.rejected_rows},
              {"rows_read", run.rows_read},
              {"reconciled", true},
              {"warnings", Json::array()}};
}

Result<std::optional<DatasetVersion>> CollectService::Unchanged(const Job& job,
                                                                const DatasetCommit& commit) const {
  using None = std::optional<DatasetVersion>;
  if (!commit.merge || !commit.files.empty() || !commit.merge->removed.empty()) return None();
  const auto info = catalog_.Get(job.caller, commit.name);
  if (!info || info->id != commit.id || info->version != commit.merge->base_version ||
      info->origin != commit.origin) {
    return None();
  }
  ASSIGN_OR_RETURN(const auto versions, catalog_.Versions(job.caller, commit.name));
  if (versions.empty()) return None();
  const DatasetVersion& latest = versions.front();
  // Rejects are those of the files that were read, and none was.
  if (job.parameters.contains("files")) return None(latest);
  // Rows that were set aside before are no news either.
  const auto text = [&](const std::string& file) -> Result<std::string> {
    if (file.empty()) return std::string();
    return ReadFile(info->folder + "/" + file, kMaxRejects);
  };
  ASSIGN_OR_RETURN(const std::string before, text(latest.rejected_file));
  ASSIGN_OR_RETURN(const std::string now, text(commit.rejected_file));
  if (before != now) return None();
  if (!commit.rejected_file.empty() && commit.rejected_file != latest.rejected_file) {
    std::error_code ignored;
    std::filesystem::remove(info->folder + "/" + commit.rejected_file, ignored);
  }
  return None(latest);
}

Result<std::vector<CollectRun>> CollectService::Runs(const Caller& caller, std::string_view dataset,
                                                     int limit) const {
  ASSIGN_OR_RETURN(const DatasetInfo info, catalog_.Get(caller, dataset));
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM collect_runs WHERE dataset = ? ORDER BY job DESC LIMIT ?",
                      kRunColumns),
          {info.id, std::int64_t{limit}}));
  std::vector<CollectRun> runs;
  for (const SqlRow& row : rows) runs.push_back(RunOf(row));
  return runs;
}

Result<std::vector<std::string>> CollectService::UsersOf(const Caller& caller,
                                                         const std::string& source_id) const {
  std::vector<std::string> users;
  for (std::string cursor;;) {
    ASSIGN_OR_RETURN(const DatasetPage page, catalog_.Page(caller, 1000, cursor));
    for (const DatasetInfo& info : page.items) {
      if (info.origin.value("kind", "") != "source") continue;
      if (info.origin.value("source", Json::object()).value("id", "") == source_id)
        users.push_back(fmt::format("dataset '{}'", info.name));
    }
    if (page.next_cursor.empty()) return users;
    cursor = page.next_cursor;
  }
}

}  // namespace aimass
