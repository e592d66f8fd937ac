#include "datasets/service.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/id.h"
#include "datasets/delta/log.h"
#include "datasets/import/address.h"
#include "datasets/import/options.h"
#include "datasets/sql/check.h"
#include "datasets/target.h"
#include "store/user_path.h"

namespace aimass {
namespace fs = std::filesystem;

DatasetService::DatasetService(DatasetCatalog& catalog, JobQueue& queue, UploadStore& uploads,
                               SqlWorkers& sql, const FormatRegistry& formats,
                               std::string data_folder, PrivateAddresses private_addresses)
    : catalog_(catalog),
      queue_(queue),
      uploads_(uploads),
      sql_(sql),
      formats_(formats),
      data_folder_(std::move(data_folder)),
      private_addresses_(private_addresses) {}

PrivateAddresses PrivateAddressesFromName(std::string_view name) {
  if (name == "everyone") return PrivateAddresses::kEveryone;
  return name == "admin" ? PrivateAddresses::kAdmin : PrivateAddresses::kNobody;
}

void DatasetService::RegisterCommits() {
  for (const char* kind : {"import", "derive"}) {
    queue_.OnCommit(kind,
                    [this](const Job& job, const Json& output) { return CommitJob(job, output); });
  }
  static_cast<void>(queue_.OnChange([this](const Job& job) {
    if (job.kind != "import" && job.kind != "derive") return;
    if (job.state == JobState::kFailed || job.state == JobState::kCancelled)
      RemoveUnnamedFiles(catalog_, job);
  }));
}

Result<Json> DatasetService::SourceOf(const Caller& caller, const ImportRequest& request) const {
  const int given = (request.path.empty() ? 0 : 1) + (request.upload.empty() ? 0 : 1) +
                    (request.url.empty() ? 0 : 1);
  if (given != 1) {
    return Fail(ErrorCode::kUnprocessable, "a source is exactly one of upload, url and path");
  }
  if (!request.upload.empty()) {
    ASSIGN_OR_RETURN(const Upload upload, uploads_.Get(caller, request.upload));
    if (!upload.complete()) {
      return Fail(ErrorCode::kConflict, "upload '{}' is not complete: {} bytes have arrived",
                  upload.id, upload.offset);
    }
    return Json{{"path", upload.path},
                {"name", upload.name.empty() ? "upload" : upload.name},
                {"upload", upload.id}};
  }
  if (!request.url.empty()) {
    if (!request.url.starts_with("http://") && !request.url.starts_with("https://")) {
      return Fail(ErrorCode::kUnprocessable, "'{}' is not an http:// or https:// address",
                  ShownAddress(request.url));
    }
    std::string name = request.url.substr(0, request.url.find_first_of("?#"));
    name = name.substr(name.rfind('/') + 1);
    ASSIGN_OR_RETURN(Json source, KeptAddress(SecretBox(data_folder_), request.url));
    source["name"] = name.empty() ? "download" : name;
    return source;
  }
  ASSIGN_OR_RETURN(const fs::path real, UserPath(request.path, data_folder_));
  std::error_code error;
  if (!fs::is_regular_file(real, error) && !fs::is_directory(real, error)) {
    return Fail(ErrorCode::kUnprocessable, "'{}' is neither a regular file nor a folder",
                request.path);
  }
  return Json{{"path", real.string()}, {"name", real.filename().string()}};
}

Result<Job> DatasetService::Import(const Caller& caller, const ImportRequest& request) {
  RETURN_IF_ERROR(CheckFileOptions(formats_, {.format = request.format,
                                              .options = request.options,
                                              .types = request.types,
                                              .on_error = request.on_error}));
  ASSIGN_OR_RETURN(const WriteTarget target,
                   TargetOf(catalog_, caller, request.name, request.mode));
  ASSIGN_OR_RETURN(const Json source, SourceOf(caller, request));
  Json options = request.options;
  std::string encoding = "auto";
  if (options.contains("encoding")) {
    encoding = options["encoding"].get<std::string>();
    options.erase("encoding");
  }
  Json parameters{{"dataset", target.id},
                  {"name", target.name},
                  {"folder", target.folder},
                  {"data_folder", data_folder_},
                  {"mode", WriteModeName(request.mode)},
                  {"source", source},
                  {"format", request.format},
                  {"encoding", encoding},
                  {"options", options},
                  {"types", request.types},
                  {"on_error", request.on_error},
                  {"private_addresses",
                   private_addresses_ == PrivateAddresses::kEveryone ||
                       (private_addresses_ == PrivateAddresses::kAdmin && caller.role == "admin")},
                  {"language", request.language == Language::kChinese ? "zh" : "en"}};
  if (request.mode == WriteMode::kAppend) {
    ASSIGN_OR_RETURN(const DatasetSnapshot snapshot, catalog_.Snapshot(caller, target.name));
    ASSIGN_OR_RETURN(parameters["schema"], delta::SchemaToDelta(snapshot.schema));
  }
  return queue_.Submit(
      caller.For("import"), "import", std::move(parameters),
      {.idempotency_key = request.idempotency_key, .group = WriteGroup(caller, target.name)});
}

Result<Job> DatasetService::Derive(const Caller& caller, const std::string& name,
                                   const std::string& sql, WriteMode mode,
                                   const std::string& idempotency_key) {
  return Derive(caller, name, sql, mode, idempotency_key, Json::array());
}

// `known`: inputs of an earlier version, whose names in the SQL mean the same datasets still.
Result<Job> DatasetService::Derive(const Caller& caller, const std::string& name,
                                   const std::string& sql, WriteMode mode,
                                   const std::string& idempotency_key, const Json& known) {
  if (mode == WriteMode::kAppend) {
    return Fail(ErrorCode::kUnprocessable,
                "a dataset made by SQL is created or replaced, not appended to");
  }
  auto checked = sql_.Check(sql);
  if (!checked) {
    Error error = std::move(checked).error();
    if (error.code == ErrorCode::kInvalidArgument) error.code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(error));
  }
  ASSIGN_OR_RETURN(const WriteTarget target, TargetOf(catalog_, caller, name, mode));
  Json snapshots = Json::array();
  Json inputs = Json::array();
  for (const TableReference& table : checked->tables) {
    std::string dataset = table.dataset;
    for (const Json& input : known) {
      const std::string as = input.value("as", input.value("name", ""));
      if (NameKey(as) != NameKey(table.dataset)) continue;
      if (const auto now = catalog_.NameOf(caller, input.value("id", ""))) dataset = *now;
    }
    auto found = catalog_.Snapshot(caller, dataset, table.version);
    if (!found) {
      Error error = std::move(found).error();
      if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kUnprocessable;
      return std::unexpected(std::move(error));
    }
    inputs.push_back({{"id", found->id}, {"name", found->name}, {"version", found->version}});
    if (NameKey(found->name) != NameKey(table.dataset)) inputs.back()["as"] = table.dataset;
    found->name = table.table;
    snapshots.push_back(ToJson(*found));
  }
  return queue_.Submit(
      caller.For("derive"), "derive",
      Json{{"dataset", target.id},
           {"name", target.name},
           {"folder", target.folder},
           {"mode", WriteModeName(target.existing ? WriteMode::kReplace : WriteMode::kCreate)},
           {"sql", sql},
           {"datasets", std::move(snapshots)},
           {"inputs", std::move(inputs)}},
      {.idempotency_key = idempotency_key, .group = WriteGroup(caller, target.name)});
}

Result<Job> DatasetService::Refresh(const Caller& caller, std::string_view name, Language language,
                                    bool anew) {
  ASSIGN_OR_RETURN(const DatasetInfo info, catalog_.Get(caller, name));
  if (info.origin.value("kind", "") == "sql") {
    ASSIGN_OR_RETURN(const auto versions, catalog_.Versions(caller, info.name));
    return Derive(caller, info.name, info.origin.value("sql", ""), WriteMode::kReplace, {},
                  versions.empty() ? Json::array() : versions.front().inputs);
  }
  if (const auto found = refreshers_.find(info.origin.value("kind", ""));
      found != refreshers_.end()) {
    return found->second(caller, info, anew);
  }
  const Json source = info.origin.value("source", Json::object());
  if (source.contains("upload") || (!source.contains("path") && !source.contains("url"))) {
    return Fail(ErrorCode::kConflict,
                "dataset '{}' came from an upload; upload it again with mode replace", info.name);
  }
  std::string url;
  if (source.contains("url")) {
    ASSIGN_OR_RETURN(url, WholeAddress(SecretBox(data_folder_), source));
  }
  return Import(caller, {.name = info.name,
                         .path = source.value("path", ""),
                         .upload = {},
                         .url = std::move(url),
                         .format = info.origin.value("format", "auto"),
                         .options = info.origin.value("options", Json::object()),
                         .types = info.origin.value("types", Json::object()),
                         .on_error = info.origin.value("on_error", "widen"),
                         .mode = WriteMode::kReplace,
                         .language = language,
                         .idempotency_key = {}});
}

Result<Json> DatasetService::CommitJob(const Job& job, const Json& output) {
  const Json& parameters = job.parameters;
  ASSIGN_OR_RETURN(DatasetCommit commit, CommitOf(job, output));
  if (job.kind == "derive") {
    commit.origin = {{"kind", "sql"}, {"sql", parameters.value("sql", "")}};
    commit.inputs = parameters.value("inputs", Json::array());
  } else {
    Json source = parameters.value("source", Json::object());
    if (source.contains("upload")) source.erase("path");
    const Json fetched = output.value("source", Json::object());
    for (const auto& [key, value] : fetched.items()) source[key] = value;
    Json options = parameters.value("options", Json::object());
    if (parameters.value("encoding", "auto") != "auto")
      options["encoding"] = parameters["encoding"];
    commit.origin = {{"kind", "import"},
                     {"source", std::move(source)},
                     {"format", output.value("format", "")},
                     {"options", std::move(options)}};
    if (!parameters.value("types", Json::object()).empty())
      commit.origin["types"] = parameters["types"];
    if (parameters.value("on_error", "widen") != "widen")
      commit.origin["on_error"] = parameters["on_error"];
  }
  commit.details = {{"warnings", output.value("warnings", Json::array())}};
  ASSIGN_OR_RETURN(const DatasetVersion version, catalog_.Commit(job.caller, commit));
  // The copy that was uploaded has done its work.
  if (const Json source = parameters.value("source", Json::object()); source.contains("upload")) {
    static_cast<void>(uploads_.Delete(job.caller, source["upload"].get<std::string>()));
  }
  Json warnings = TextsFor(job, version.details.value("warnings", Json::array()));
  return Json{{"dataset", commit.name},
              {"version", version.version},
              {"rows", version.rows},
              {"added_rows", version.added_rows},
              {"rejected_rows", version.rejected_rows},
              {"warnings", std::move(warnings)}};
}

}  // namespace aimass
