// Datasets: how rows come in, what they look like, how they go out.
#include "api/datasets.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <utility>

#include "api/dataset_schedule.h"
#include "api/jobs.h"
#include "api/local_file.h"
#include "api/members.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "datasets/import/address.h"
#include "datasets/import/rejects.h"
#include "datasets/import/writer.h"
#include "datasets/read.h"
#include "table/ipc.h"
#include "table/json_rows.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

using http::Request;
using http::Response;

constexpr std::int64_t kMaxRows = 1000;
constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;
constexpr std::int64_t kReadBytes = std::int64_t{512} << 20;

struct Parts {
  DatasetCatalog& catalog;
  DatasetService& service;
  CollectService& collect;
  CollectSchedules& schedules;
  Pool& io;
  std::string temp_folder;
};

Json ColumnsJson(const Schema& schema) {
  Json columns = Json::array();
  for (const ColumnInfo& column : schema.columns) {
    columns.push_back({{"name", column.name}, {"type", TypeName(column.type)}});
  }
  return columns;
}

Json InfoJson(const DatasetInfo& info) {
  return {{"id", info.id},
          {"name", info.name},
          {"version", info.version < 0 ? Json() : Json(info.version)},
          {"rows", info.rows},
          {"bytes", info.bytes},
          {"rejected_rows", info.rejected_rows},
          {"origin", WithoutSealed(info.origin)},
          {"created_at", ToRfc3339(info.created_ms)},
          {"updated_at", ToRfc3339(info.updated_ms)}};
}

Json VersionJson(const DatasetVersion& version, Language language) {
  Json warnings = Json::array();
  for (const Json& warning : version.details.value("warnings", Json::array())) {
    warnings.push_back(Render(MessageFromJson(warning), language));
  }
  return {{"version", version.version},
          {"operation", version.operation},
          {"rows", version.rows},
          {"bytes", version.bytes},
          {"added_rows", version.added_rows},
          {"rejected_rows", version.rejected_rows},
          {"origin", WithoutSealed(version.origin)},
          {"inputs", version.inputs},
          {"warnings", std::move(warnings)},
          {"job", version.job_id},
          {"created_at", ToRfc3339(version.created_ms)}};
}

Result<std::optional<std::int64_t>> VersionOf(const Request& request) {
  if (!request.query.contains("version")) return std::optional<std::int64_t>();
  ASSIGN_OR_RETURN(const std::int64_t version, request.QueryInteger("version", 0, 0, kMaxInteger));
  return std::optional<std::int64_t>(version);
}

Result<Json> OptionsOf(const Json& body) {
  Json options = Json::object();
  const auto given = body.find("options");
  if (given == body.end() || given->is_null()) return options;
  if (!given->is_object())
    return Fail(ErrorCode::kUnprocessable, "'options' must be an object of texts");
  for (const auto& [name, value] : given->items()) {
    if (value.is_string()) {
      options[name] = value;
    } else if (value.is_boolean() || value.is_number()) {
      options[name] = value.dump();
    } else {
      return Fail(ErrorCode::kUnprocessable, "import option '{}' must be a text", name);
    }
  }
  return options;
}

Result<FileOptions> FileOptionsOf(const Json& body) {
  FileOptions options;
  ASSIGN_OR_RETURN(options.format, TextMember(body, "format", "auto"));
  ASSIGN_OR_RETURN(options.options, OptionsOf(body));
  if (const auto types = body.find("types"); types != body.end() && !types->is_null())
    options.types = *types;
  ASSIGN_OR_RETURN(options.on_error, TextMember(body, "on_error", "widen"));
  return options;
}

// "full", "incremental" or "changes".
Result<std::string> ModeOf(const Json& body) {
  ASSIGN_OR_RETURN(std::string mode, TextMember(body, "mode", "full"));
  if (mode == "full" || mode == "incremental" || mode == "changes") return mode;
  return Fail(ErrorCode::kUnprocessable, "'{}' must be one of {}, found '{}'", "mode",
              "full incremental changes", mode);
}

// cursor, key, overlap: nothing unless mode is incremental.
Result<std::optional<Cursor>> CursorOf(const Json& body, std::string_view mode) {
  const auto given = [&](const char* field) {
    const auto at = body.find(field);
    return at != body.end() && !at->is_null();
  };
  if (mode != "incremental") {
    for (const char* field : {"cursor", "key", "overlap"}) {
      if (given(field))
        return Fail(ErrorCode::kUnprocessable, "'{}' goes with mode incremental", field);
    }
    return std::optional<Cursor>();
  }
  Cursor cursor;
  ASSIGN_OR_RETURN(cursor.column, TextMember(body, "cursor", ""));
  ASSIGN_OR_RETURN(cursor.key, ColumnsMember(body, "key"));
  if (given("overlap")) {
    const Json& overlap = body["overlap"];
    if (!overlap.is_number_integer() || overlap < 0 || overlap > kMaxInteger)
      return Fail(ErrorCode::kUnprocessable, "'overlap' must be a whole number, 0 or more");
    cursor.overlap = overlap.get<std::int64_t>();
  }
  return std::optional<Cursor>(std::move(cursor));
}

// A dataset that is collected: `source` is a source's name.
Result<Response> PostCollected(const Parts& parts, const Request& request, const Json& body,
                               const std::string& name) {
  if (body.contains("sql") && !body["sql"].is_null()) {
    return Fail(ErrorCode::kUnprocessable, "'{}' does not go with the name of a source", "sql");
  }
  CollectRequest collect{.name = name,
                         .source = body["source"].get<std::string>(),
                         .idempotency_key = std::string(request.Header("idempotency-key"))};
  ASSIGN_OR_RETURN(collect.table, TextMember(body, "table", ""));
  ASSIGN_OR_RETURN(collect.query, TextMember(body, "query", ""));
  ASSIGN_OR_RETURN(const std::string mode, ModeOf(body));
  ASSIGN_OR_RETURN(collect.cursor, CursorOf(body, mode));
  collect.changes = mode == "changes";
  ASSIGN_OR_RETURN(collect.files, FileOptionsOf(body));
  ASSIGN_OR_RETURN(collect.allow_empty, GetBool(body, "allow_empty", false));
  ASSIGN_OR_RETURN(collect.schedule, CarriedSchedule(parts.schedules, request.caller, name, body));
  ASSIGN_OR_RETURN(const Job job, parts.collect.Collect(request.caller, collect));
  return JobStarted(job, request.language);
}

// POST /api/v1/datasets
Result<Response> PostDataset(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  if (!body.is_object()) return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
  RETURN_IF_ERROR(RejectUnknown(
      body, {"name", "source", "table", "query", "cursor", "key", "overlap", "allow_empty",
             "schedule", "catch_up", "sql", "format", "options", "types", "on_error", "mode"}));
  ASSIGN_OR_RETURN(const std::string name, TextMember(body, "name", ""));
  if (name.empty()) return Fail(ErrorCode::kUnprocessable, "a dataset needs a 'name'");
  if (auto checked = CheckDatasetName(name); !checked && !parts.catalog.Get(request.caller, name)) {
    Error error = std::move(checked).error();
    error.code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(error));
  }
  if (const auto source = body.find("source"); source != body.end() && source->is_string())
    return PostCollected(parts, request, body, name);
  for (const char* field :
       {"table", "query", "cursor", "key", "overlap", "allow_empty", "schedule", "catch_up"}) {
    if (body.contains(field) && !body[field].is_null()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' goes with the name of a source", field);
    }
  }
  ASSIGN_OR_RETURN(const std::string mode_name, TextMember(body, "mode", "create"));
  ASSIGN_OR_RETURN(const WriteMode mode, WriteModeFromName(mode_name));
  const std::string key(request.Header("idempotency-key"));
  const bool has_sql = body.contains("sql") && !body["sql"].is_null();
  const bool has_source = body.contains("source") && !body["source"].is_null();
  if (has_sql == has_source)
    return Fail(ErrorCode::kUnprocessable, "a dataset needs either a 'source' or 'sql'");
  if (has_sql) {
    ASSIGN_OR_RETURN(const std::string sql, TextMember(body, "sql", ""));
    ASSIGN_OR_RETURN(const Job job, parts.service.Derive(request.caller, name, sql, mode, key));
    return JobStarted(job, request.language);
  }
  const Json& source = body["source"];
  if (!source.is_object())
    return Fail(ErrorCode::kUnprocessable,
                "'source' must be a source's name, or an object: upload, url or path");
  RETURN_IF_ERROR(RejectUnknown(source, {"path", "upload", "url"}));
  ImportRequest import{
      .name = name, .mode = mode, .language = request.language, .idempotency_key = key};
  ASSIGN_OR_RETURN(import.path, TextMember(source, "path", ""));
  ASSIGN_OR_RETURN(import.upload, TextMember(source, "upload", ""));
  ASSIGN_OR_RETURN(import.url, TextMember(source, "url", ""));
  ASSIGN_OR_RETURN(FileOptions options, FileOptionsOf(body));
  import.format = std::move(options.format);
  import.options = std::move(options.options);
  import.types = std::move(options.types);
  import.on_error = std::move(options.on_error);
  if (!import.path.empty()) RETURN_IF_ERROR(MayNamePaths(request));
  ASSIGN_OR_RETURN(const Job job, parts.service.Import(request.caller, import));
  return JobStarted(job, request.language);
}

// GET /api/v1/datasets
Result<Response> ListDatasets(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, kMaxRows));
  const auto cursor = request.query.find("cursor");
  ASSIGN_OR_RETURN(const DatasetPage page,
                   parts.catalog.Page(request.caller, static_cast<int>(limit),
                                      cursor == request.query.end() ? "" : cursor->second));
  Json items = Json::array();
  for (const DatasetInfo& info : page.items) items.push_back(InfoJson(info));
  return Response::Of(
      {{"items", std::move(items)},
       {"next_cursor", page.next_cursor.empty() ? Json() : Json(page.next_cursor)}});
}

// GET /api/v1/datasets/{name}
Result<Response> GetDataset(const Parts& parts, const Request& request) {
  const std::string& name = request.params.at("name");
  ASSIGN_OR_RETURN(const auto wanted, VersionOf(request));
  ASSIGN_OR_RETURN(const DatasetInfo info, parts.catalog.Get(request.caller, name));
  Json json = InfoJson(info);
  json["columns"] = Json::array();
  json["inputs"] = Json::array();
  json["warnings"] = Json::array();
  RETURN_IF_ERROR(AddSchedule(parts.schedules, request.caller, info, request.language, json));
  if (info.version < 0 && !wanted) return Response::Of(json);
  ASSIGN_OR_RETURN(const DatasetSnapshot snapshot,
                   parts.catalog.Snapshot(request.caller, name, wanted));
  json["columns"] = ColumnsJson(snapshot.schema);
  ASSIGN_OR_RETURN(const auto versions, parts.catalog.Versions(request.caller, name));
  for (const DatasetVersion& version : versions) {
    if (version.version != snapshot.version) continue;
    const Json details = VersionJson(version, request.language);
    for (const char* key :
         {"version", "rows", "bytes", "rejected_rows", "origin", "inputs", "warnings"}) {
      json[key] = details[key];
    }
  }
  return Response::Of(json);
}

// GET /api/v1/datasets/{name}/versions
Result<Response> GetVersions(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const auto versions,
                   parts.catalog.Versions(request.caller, request.params.at("name")));
  Json items = Json::array();
  for (const DatasetVersion& version : versions)
    items.push_back(VersionJson(version, request.language));
  return Response::Of({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

ReadRequest ReadOf(const Parts& parts, DatasetSnapshot snapshot) {
  ReadRequest read{.threads = 1, .memory_bytes = kReadBytes, .temp_folder = parts.temp_folder};
  read.datasets.push_back(std::move(snapshot));
  return read;
}

// GET /api/v1/datasets/{name}/rows
Result<Response> GetRows(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(std::int64_t limit, request.QueryInteger("limit", 50, 1, kMaxRows));
  ASSIGN_OR_RETURN(const std::int64_t offset, request.QueryInteger("offset", 0, 0, kMaxInteger));
  ASSIGN_OR_RETURN(const auto wanted, VersionOf(request));
  ASSIGN_OR_RETURN(DatasetSnapshot snapshot,
                   parts.catalog.Snapshot(request.caller, request.params.at("name"), wanted));
  const std::int64_t total = snapshot.rows;
  const std::int64_t version = snapshot.version;
  std::string body = fmt::format(R"({{"version":{},"total_rows":{},"columns":{},"rows":[)", version,
                                 total, ColumnsJson(snapshot.schema).dump());
  ReadRequest read = ReadOf(parts, std::move(snapshot));
  read.offset = std::min(offset, total);
  limit = std::min(limit, total - read.offset);
  if (limit > 0) {
    ASSIGN_OR_RETURN(auto rows, Read(request.caller.For("preview"), read));
    while (limit > 0) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) break;
      if (batch->num_rows() == 0) continue;
      const auto count =
          std::min<std::int64_t>(limit, static_cast<std::int64_t>(batch->num_rows()));
      if (body.back() != '[') body += ',';
      AppendJsonRows(body, *batch, 0, static_cast<std::size_t>(count));
      limit -= count;
    }
  }
  body += "]}";
  return Response{.status = 200, .body = std::move(body)};
}

// GET /api/v1/datasets/{name}/rejected
Result<Response> GetRejected(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, kMaxRows));
  ASSIGN_OR_RETURN(const std::int64_t offset, request.QueryInteger("offset", 0, 0, kMaxInteger));
  ASSIGN_OR_RETURN(const auto wanted, VersionOf(request));
  ASSIGN_OR_RETURN(const DatasetInfo info,
                   parts.catalog.Get(request.caller, request.params.at("name")));
  ASSIGN_OR_RETURN(const auto versions, parts.catalog.Versions(request.caller, info.name));
  const std::int64_t number = wanted.value_or(info.version);
  const auto version =
      std::find_if(versions.begin(), versions.end(),
                   [number](const DatasetVersion& v) { return v.version == number; });
  if (version == versions.end()) {
    if (!wanted) return Response::Of({{"items", Json::array()}, {"total", 0}});
    return Fail(ErrorCode::kNotFound, "dataset '{}' has no version {}; it has 0 to {}", info.name,
                number, info.version);
  }
  Json items = Json::array();
  if (!version->rejected_file.empty()) {
    ASSIGN_OR_RETURN(const auto entries,
                     ReadRejects(info.folder + "/" + version->rejected_file, offset, limit));
    for (const Json& entry : entries) {
      items.push_back({{"file", entry.value("file", "")},
                       {"line", entry.value("line", std::int64_t{0})},
                       {"reason", Render(MessageFromJson(entry.value("reason", Json::object())),
                                         request.language)},
                       {"text", entry.value("text", "")}});
    }
  }
  return Response::Of({{"items", std::move(items)}, {"total", version->rejected_rows}});
}

// RFC 6266: a name of any script.
std::string Disposition(const std::string& name, std::string_view ending) {
  std::string encoded;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return fmt::format("attachment; filename*=UTF-8''{}.{}", encoded, ending);
}

// Removes the file of an export when its answer was sent, or was not.
struct TemporaryFolder {
  explicit TemporaryFolder(std::string p) : path(std::move(p)) {}
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string path;
};

// One Parquet file, made beside and then sent piece by piece.
Result<Response> ExportParquet(const Parts& parts, const Schema& schema,
                               std::unique_ptr<BatchReader> rows) {
  auto folder = std::make_shared<TemporaryFolder>(parts.temp_folder + "/export-" + NewId());
  ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open({.folder = folder->path,
                                                          .prefix = "export",
                                                          .threads = 1,
                                                          .memory_bytes = kReadBytes,
                                                          .temp_folder = parts.temp_folder,
                                                          .max_rows = kMaxInteger,
                                                          .max_bytes = kMaxInteger,
                                                          .empty_file = true}));
  std::string path;
  RETURN_IF_ERROR(writer.Write(
      *rows, schema,
      {.progress = {}, .mark = {}, .done = [&](const WrittenFile& file, const Json&) -> Status {
         path = folder->path + "/" + file.path;
         return {};
       }}));
  auto file = std::make_shared<FileDescriptor>(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->valid()) return std::unexpected(SystemError(errno, "open", path));
  Response response{.content_type = "application/vnd.apache.parquet"};
  response.stream =
      std::make_shared<http::BodyStream>([folder, file, path]() -> Result<std::string> {
        std::string piece(std::size_t{1} << 20, '\0');
        const ssize_t got = read(file->get(), piece.data(), piece.size());
        if (got < 0) return std::unexpected(SystemError(errno, "read", path));
        piece.resize(static_cast<std::size_t>(got));
        return piece;
      });
  return response;
}

// GET /api/v1/datasets/{name}/export
Result<Response> Export(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const auto wanted, VersionOf(request));
  const auto given = request.query.find("format");
  const std::string format = given == request.query.end() ? "csv" : given->second;
  if (format != "csv" && format != "ndjson" && format != "parquet" && format != "arrow") {
    return Fail(ErrorCode::kInvalidArgument,
                "format must be csv, ndjson, parquet or arrow; got '{}'", format);
  }
  ASSIGN_OR_RETURN(DatasetSnapshot snapshot,
                   parts.catalog.Snapshot(request.caller, request.params.at("name"), wanted));
  const std::string name = snapshot.name;
  const Schema schema = snapshot.schema;
  ASSIGN_OR_RETURN(std::unique_ptr<BatchReader> opened,
                   Read(request.caller.For("export"), ReadOf(parts, std::move(snapshot))));
  Response response;
  if (format == "parquet") {
    ASSIGN_OR_RETURN(response, ExportParquet(parts, schema, std::move(opened)));
    response.headers.emplace_back("Content-Disposition", Disposition(name, format));
    return response;
  }
  const std::shared_ptr<BatchReader> rows = std::move(opened);
  if (format == "arrow") {
    response.content_type = std::string(kIpcStreamMediaType);
    response.stream =
        std::make_shared<http::BodyStream>([rows, stage = 0]() mutable -> Result<std::string> {
          if (stage == 0) {
            stage = 1;
            return IpcSchemaMessage(rows->schema());
          }
          if (stage == 2) return std::string();
          ASSIGN_OR_RETURN(const auto batch, rows->Next());
          if (batch) return IpcBatchMessage(*batch);
          stage = 2;
          return IpcEndOfStream();
        });
  } else {
    ASSIGN_OR_RETURN(const FormatType* const type,
                     parts.service.formats().Find(format == "csv" ? "csv" : "json"));
    response.content_type = std::string(type->media_type);
    std::shared_ptr<FormatEncoder> encoder = type->encoder();
    response.stream = std::make_shared<http::BodyStream>(
        [rows, encoder, begun = false]() mutable -> Result<std::string> {
          std::string piece;
          if (!begun) {
            begun = true;
            ASSIGN_OR_RETURN(piece, encoder->Begin(rows->schema()));
          }
          while (piece.empty()) {
            ASSIGN_OR_RETURN(const auto batch, rows->Next());
            if (!batch) return std::string();
            ASSIGN_OR_RETURN(piece, encoder->Encode(*batch));
          }
          return piece;
        });
  }
  response.headers.emplace_back("Content-Disposition", Disposition(name, format));
  return response;
}

// PATCH /api/v1/datasets/{name}
Result<Response> PatchDataset(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  if (!body.is_object()) return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
  RETURN_IF_ERROR(RejectUnknown(body, {"name", "schedule", "catch_up"}));
  if (body.empty())
    return Fail(ErrorCode::kUnprocessable, "give at least one of: name schedule catch_up");
  std::string name;
  if (body.contains("name")) {
    ASSIGN_OR_RETURN(name, TextMember(body, "name", ""));
    if (auto checked = CheckDatasetName(name); !checked) {
      Error error = std::move(checked).error();
      error.code = ErrorCode::kUnprocessable;
      return std::unexpected(std::move(error));
    }
  }
  ASSIGN_OR_RETURN(DatasetInfo info, parts.catalog.Get(request.caller, request.params.at("name")));
  RETURN_IF_ERROR(ChangeSchedule(parts.schedules, request.caller, info, body));
  if (!name.empty()) {
    ASSIGN_OR_RETURN(info, parts.catalog.Rename(request.caller, info.name, name));
  }
  Json json = InfoJson(info);
  RETURN_IF_ERROR(AddSchedule(parts.schedules, request.caller, info, request.language, json));
  return Response::Of(json);
}

// DELETE /api/v1/datasets/{name}
Result<Response> DeleteDataset(const Parts& parts, const Request& request) {
  RETURN_IF_ERROR(parts.catalog.Delete(request.caller, request.params.at("name")));
  return Response{.status = 204, .content_type = ""};
}

// POST /api/v1/datasets/{name}/refresh
Result<Response> Refresh(const Parts& parts, const Request& request) {
  bool full = false;
  if (!request.body.empty()) {
    ASSIGN_OR_RETURN(const Json body, request.JsonBody());
    if (!body.is_object())
      return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
    RETURN_IF_ERROR(RejectUnknown(body, {"full"}));
    ASSIGN_OR_RETURN(full, GetBool(body, "full", false));
  }
  ASSIGN_OR_RETURN(const Job job, parts.service.Refresh(request.caller, request.params.at("name"),
                                                        request.language, full));
  return JobStarted(job, request.language);
}

using Work = Result<Response> (*)(const Parts&, const Request&);

Task<Result<Response>> OnPool(const Parts& parts, Work work, const Request& request) {
  co_return co_await RunOn(parts.io, [&parts, &request, work] { return work(parts, request); });
}

Json RunJson(const CollectRun& run, Language language) {
  Json error;
  if (run.error) {
    error = {{"code", CodeName(run.error->code)}, {"detail", Render(run.error->message, language)}};
  }
  return {{"job", run.job_id},
          {"state", run.state},
          {"started_at", run.started_ms == 0 ? Json() : Json(ToRfc3339(run.started_ms))},
          {"finished_at", ToRfc3339(run.finished_ms)},
          {"rows_read", run.rows_read},
          {"rows_written", run.rows_written},
          {"rejected_rows", run.rejected_rows},
          {"bytes", run.bytes},
          {"reconciled", run.reconciled ? Json(*run.reconciled) : Json()},
          {"difference", run.difference},
          {"version", run.version ? Json(*run.version) : Json()},
          {"error", std::move(error)}};
}

// GET /api/v1/datasets/{name}/runs
Result<Response> GetRuns(const Parts& parts, const Request& request) {
  ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, 1000));
  ASSIGN_OR_RETURN(
      const std::vector<CollectRun> runs,
      parts.collect.Runs(request.caller, request.params.at("name"), static_cast<int>(limit)));
  Json items = Json::array();
  for (const CollectRun& run : runs) items.push_back(RunJson(run, request.language));
  return Response::Of({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

}  // namespace

void BindDatasetsApi(DatasetCatalog& catalog, DatasetService& service, CollectService& collect,
                     CollectSchedules& schedules, Pool& io, std::string data_folder,
                     http::Router& router) {
  const auto parts =
      std::make_shared<const Parts>(Parts{.catalog = catalog,
                                          .service = service,
                                          .collect = collect,
                                          .schedules = schedules,
                                          .io = io,
                                          .temp_folder = std::move(data_folder) + "/tmp"});
  const auto by = [&parts](Work work) {
    return [parts, work](const Request& request) { return OnPool(*parts, work, request); };
  };
  router.Get("/api/v1/datasets", by(ListDatasets));
  router.Post("/api/v1/datasets", by(PostDataset));
  router.Get("/api/v1/datasets/{name}", by(GetDataset));
  router.Patch("/api/v1/datasets/{name}", by(PatchDataset));
  router.Delete("/api/v1/datasets/{name}", by(DeleteDataset));
  router.Get("/api/v1/datasets/{name}/versions", by(GetVersions));
  router.Get("/api/v1/datasets/{name}/runs", by(GetRuns));
  router.Get("/api/v1/datasets/{name}/rows", by(GetRows));
  router.Get("/api/v1/datasets/{name}/rejected", by(GetRejected));
  router.Get("/api/v1/datasets/{name}/export", by(Export));
  router.Post("/api/v1/datasets/{name}/refresh", by(Refresh));
}

}  // namespace aimass
