#include "endpoints/batch.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "datasets/delta/log.h"
#include "datasets/target.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxBatchRows = 10'000'000;

// "parquet" of a file name that ends so, where an answer can be written in it.
std::string FormatOf(const BatchRequest& request, const FormatRegistry& formats) {
  if (!request.format.empty()) return request.format;
  const std::string ending = fs::path(request.file_name).extension().string();
  for (const auto& [name, type] : formats.types()) {
    const bool writes = name == "parquet" || type.encoder != nullptr;
    if (writes && ending == "." + name) return name;
  }
  return "csv";
}

Status CheckFormat(const std::string& format, const FormatRegistry& formats) {
  std::string known;
  for (const auto& [name, type] : formats.types()) {
    if (name != "parquet" && type.encoder == nullptr) continue;
    if (name == format) return {};
    known += (known.empty() ? "" : " ") + name;
  }
  return Fail(ErrorCode::kUnsupported,
              "predictions cannot be written as '{}'; this build writes: {}", format, known);
}

}  // namespace

BatchService::BatchService(EndpointService& endpoints, DatasetCatalog& datasets, JobQueue& queue,
                           const FormatRegistry& formats, std::string data_folder)
    : endpoints_(endpoints),
      datasets_(datasets),
      queue_(queue),
      formats_(formats),
      data_folder_(std::move(data_folder)) {}

std::string BatchService::ResultFolder(std::string_view workspace) const {
  return data_folder_ + "/workspaces/" + std::string(workspace) + "/predictions";
}

Result<Job> BatchService::Start(const Caller& caller, const BatchRequest& request,
                                std::string_view idempotency_key) {
  if (request.model.empty() == request.endpoint.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "name either a model or an endpoint");
  }
  if (request.dataset.empty() == request.file.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "name exactly one input: a dataset, an upload or a path");
  }
  if (request.batch_rows < 1 || request.batch_rows > kMaxBatchRows) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must be {}, found {}", "batch_rows",
                fmt::format("1 to {}", kMaxBatchRows), request.batch_rows);
  }
  const std::string format = FormatOf(request, formats_);
  RETURN_IF_ERROR(CheckFormat(format, formats_));

  std::string model = request.model;
  std::string version = request.version;
  if (!request.endpoint.empty()) {
    ASSIGN_OR_RETURN(const EndpointInfo info, endpoints_.Get(caller, request.endpoint));
    const auto heaviest = std::ranges::max_element(info.routes, {}, &Route::weight);
    model = heaviest->model;
    version = heaviest->version;
  }
  ASSIGN_OR_RETURN(const Target target, endpoints_.LoadModel(caller, model, version));

  Json input;
  Json lineage = Json::array();
  if (!request.dataset.empty()) {
    ASSIGN_OR_RETURN(const DatasetSnapshot snapshot,
                     datasets_.Snapshot(caller, request.dataset, request.dataset_version));
    input = {{"dataset", ToJson(snapshot)}};
    lineage.push_back(
        {{"id", snapshot.id}, {"name", snapshot.name}, {"version", snapshot.version}});
  } else {
    input = {{"path", request.file},
             {"name", request.file_name},
             {"format", request.input_format},
             {"options", request.options}};
  }
  Json parameters{{"model",
                   {{"name", target.model},
                    {"version", target.version},
                    {"folder", target.folder},
                    {"checksum", target.checksum}}},
                  {"input", std::move(input)},
                  {"inputs", std::move(lineage)},
                  {"result", ResultFolder(caller.workspace) + "/" + NewId()},
                  {"format", format},
                  {"batch_rows", request.batch_rows},
                  {"language", request.language == Language::kChinese ? "zh" : "en"},
                  {"into", ""}};
  if (!request.out.empty()) {
    ASSIGN_OR_RETURN(const std::string name, CheckName("dataset", request.out));
    const auto existing = datasets_.Get(caller, name);
    if (!existing) RETURN_IF_ERROR(CheckDatasetName(name));
    if (!existing && existing.error().code != ErrorCode::kNotFound)
      return std::unexpected(existing.error());
    for (const Json& read : parameters["inputs"]) {
      if (existing && read.value("id", "") == existing->id) {
        return Fail(ErrorCode::kConflict,
                    "dataset '{}' is the input; the predictions need another one", name);
      }
    }
    const std::string id = existing ? existing->id : NewId();
    parameters["into"] = datasets_.Folder(caller.workspace, id);
    parameters["out"] = {{"id", id}, {"name", name}, {"mode", existing ? "replace" : "create"}};
  }
  return queue_.Submit(caller, "predict", std::move(parameters),
                       {.limits = {},
                        .max_attempts = 3,
                        .idempotency_key = std::string(idempotency_key),
                        .group = {}});
}

void BatchService::RegisterCommits() {
  queue_.OnCommit("predict", [this](const Job& job, const Json& output) -> Result<Json> {
    Json result{{"rows", output.value("rows", std::int64_t{0})},
                {"rejected_rows", output.value("rejected_rows", std::int64_t{0})},
                {"warnings", TextsFor(job, output.value("warnings", Json::array()))},
                {"model", job.parameters["model"]["name"]},
                {"version", job.parameters["model"]["version"]}};
    if (const auto out = job.parameters.find("out"); out != job.parameters.end()) {
      DatasetCommit commit;
      ASSIGN_OR_RETURN(commit.id, GetString(*out, "id"));
      ASSIGN_OR_RETURN(commit.name, GetString(*out, "name"));
      ASSIGN_OR_RETURN(const std::string mode, GetString(*out, "mode"));
      ASSIGN_OR_RETURN(commit.mode, WriteModeFromName(mode));
      ASSIGN_OR_RETURN(const std::string schema, GetString(output, "schema"));
      ASSIGN_OR_RETURN(commit.schema, delta::SchemaFromDelta(schema));
      commit.files = output.value("files", Json::array());
      commit.origin = {
          {"kind", "predict"}, {"model", result["model"]}, {"version", result["version"]}};
      commit.inputs = job.parameters.value("inputs", Json::array());
      commit.job_id = job.id;
      ASSIGN_OR_RETURN(const DatasetVersion version, datasets_.Commit(job.caller, commit));
      result["dataset"] = commit.name;
      result["dataset_version"] = version.version;
      return result;
    }
    ASSIGN_OR_RETURN(const std::string file, GetString(output, "file"));
    const fs::path path = fs::path(job.parameters["result"].get<std::string>()) / file;
    std::error_code error;
    const auto bytes = fs::file_size(path, error);
    if (error) return Fail(ErrorCode::kInternal, "the predictions of job {} are gone", job.id);
    result["file"] = file;
    result["format"] = job.parameters["format"];
    result["bytes"] = bytes;
    return result;
  });
}

Result<PredictionFile> BatchService::File(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(const Job job, queue_.Get(caller, id));
  if (job.kind != "predict") return Fail(ErrorCode::kNotFound, "job {} makes no predictions", id);
  if (job.state != JobState::kSucceeded) {
    return Fail(ErrorCode::kConflict, "job {} is {}, so it has no file", id, StateName(job.state));
  }
  if (!job.output.contains("file")) {
    return Fail(ErrorCode::kConflict, "the predictions of job {} are the dataset '{}'", id,
                job.output.value("dataset", ""));
  }
  PredictionFile file{
      .path = {}, .name = job.output.value("file", ""), .media_type = "application/octet-stream"};
  file.path = job.parameters["result"].get<std::string>() + "/" + file.name;
  std::error_code error;
  if (!fs::is_regular_file(file.path, error)) {
    return Fail(ErrorCode::kNotFound, "the predictions of job {} are gone", id);
  }
  if (const auto type = formats_.Find(job.output.value("format", ""));
      type && !(*type)->media_type.empty()) {
    file.media_type = (*type)->media_type;
  }
  return file;
}

Result<std::int64_t> BatchService::RemoveOld(std::int64_t keep_ms) const {
  std::int64_t removed = 0;
  std::error_code error;
  const auto limit = fs::file_time_type::clock::now() - std::chrono::milliseconds(keep_ms);
  for (const auto& workspace : fs::directory_iterator(data_folder_ + "/workspaces", error)) {
    std::error_code ignored;
    for (const auto& folder : fs::directory_iterator(workspace.path() / "predictions", ignored)) {
      if (fs::last_write_time(folder.path(), ignored) > limit) continue;
      fs::remove_all(folder.path(), ignored);
      ++removed;
    }
  }
  return removed;
}

}  // namespace aimass
