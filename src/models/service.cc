#include "models/service.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/words.h"
#include "models/folder.h"
#include "models/foreign.h"
#include "models/learner.h"
#include "models/metric.h"
#include "models/train.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

/// The column's exact name. Errors: kUnprocessable naming the nearest one.
Status CheckColumn(const DatasetSnapshot& dataset, std::string_view role, std::string_view column) {
  if (dataset.schema.Find(column)) return {};
  std::vector<std::string_view> names;
  for (const ColumnInfo& info : dataset.schema.columns) names.push_back(info.name);
  auto failure = Fail(ErrorCode::kUnprocessable, "dataset '{}' has no column '{}' ({})",
                      dataset.name, column, role);
  const std::string nearest = Nearest(column, names);
  if (!nearest.empty()) return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  return failure;
}

/// What was asked for, without the snapshots that it was resolved to: `aimass apply` compares with
/// it.
Json RequestOf(Json parameters) {
  parameters.erase("dataset");
  parameters.erase("model_task");  // nobody asked for it
  const auto test = parameters.find("test");
  if (test != parameters.end() && test->is_object() && test->contains("dataset")) {
    (*test)["dataset"] = (*test)["dataset"].value("name", "");
  }
  return parameters;
}

/// A metric that fits the task, as far as that is known before the rows are read.
Status CheckMetric(const TrainParameters& parameters) {
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  if (parameters.task != "auto") {
    ASSIGN_OR_RETURN(const TaskKind task, TaskFromName(parameters.task));
    RETURN_IF_ERROR(FindMetric(metrics, parameters.metric, task));
  } else if (parameters.metric != "auto") {
    if (auto found = metrics.Find(parameters.metric); !found) {
      Error error = std::move(found).error();
      error.code = ErrorCode::kUnprocessable;  // the address is right, the body is not
      return std::unexpected(std::move(error));
    }
  }
  return {};
}

/// The snapshot of the dataset whose id is `id`, even where it was renamed since.
Result<DatasetSnapshot> SnapshotById(const DatasetCatalog& datasets, const Caller& caller,
                                     const std::string& id, const std::string& name,
                                     std::int64_t version) {
  if (const auto found = datasets.Get(caller, name); found && found->id == id) {
    return datasets.Snapshot(caller, name, version);
  }
  std::string cursor;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<DatasetInfo> page, datasets.List(caller, 1000, cursor));
    for (const DatasetInfo& info : page) {
      if (info.id == id) return datasets.Snapshot(caller, info.name, version);
    }
    if (page.size() < 1000) break;
    cursor = page.back().id;
  }
  return Fail(ErrorCode::kNotFound, "the dataset '{}' that the model was trained on is gone", name);
}

}  // namespace

ModelService::ModelService(ModelRegistry& registry, const DatasetCatalog& datasets, JobQueue& queue,
                           std::string data_folder)
    : registry_(registry),
      datasets_(datasets),
      queue_(queue),
      data_folder_(std::move(data_folder)) {}

void ModelService::RegisterCommits() {
  const auto add_version = [this](const Job& job, const Json& output) -> Result<Json> {
    ASSIGN_OR_RETURN(const std::string name, GetString(output, "name"));
    ASSIGN_OR_RETURN(const std::string task, GetString(output, "task"));
    ASSIGN_OR_RETURN(const std::string staged, GetString(output, "staged_folder"));
    Json lineage = output.value("lineage", Json::object());
    lineage["job"] = job.id;
    lineage["by"] = {{"kind", job.caller.kind}, {"id", job.caller.id}};
    if (job.kind == "train") lineage["request"] = RequestOf(job.parameters);
    ASSIGN_OR_RETURN(const ModelVersion added,
                     registry_.AddVersion(job.caller, name, task, staged,
                                          output.value("metrics", Json::object()), lineage));
    // A copy that the import made; a failed one is removed with the other temporary files at the
    // next start.
    const std::string copy = job.parameters.value("delete_file", std::string());
    std::error_code error;
    if (!copy.empty()) fs::remove(copy, error);
    return Json{{"model", name},
                {"version", added.version},
                {"task", task},
                {"metrics", added.metrics},
                {"checksum", added.checksum}};
  };
  queue_.OnCommit("train", add_version);
  queue_.OnCommit("import_model", add_version);
  queue_.OnCommit("reproduce", [](const Job& job, const Json& output) -> Result<Json> {
    Json result = output;
    result["model"] = job.parameters.value("model", "");
    result["version"] = job.parameters.value("version", Json());
    return result;
  });
}

Result<Job> ModelService::Train(const Caller& caller, const Json& request,
                                std::string_view idempotency_key) {
  RETURN_IF_ERROR(RejectUnknown(
      request, {"name", "dataset", "dataset_version", "target", "task", "time_s", "threads", "seed",
                "deploy", "time_column", "group_column", "keep", "drop", "metric", "test",
                "final_rows", "baseline_column", "max_trials"}));
  const Caller reader = caller.For("train");
  ASSIGN_OR_RETURN(const std::string dataset_name, GetString(request, "dataset"));
  std::optional<std::int64_t> dataset_version;
  if (request.contains("dataset_version") && !request["dataset_version"].is_null()) {
    ASSIGN_OR_RETURN(dataset_version, GetInteger(request, "dataset_version"));
  }
  ASSIGN_OR_RETURN(const DatasetSnapshot dataset,
                   datasets_.Snapshot(reader, dataset_name, dataset_version));
  ASSIGN_OR_RETURN(std::string name, GetString(request, "name", dataset.name));
  ASSIGN_OR_RETURN(name, CheckName("model", name));
  ASSIGN_OR_RETURN(const std::int64_t seed, GetInteger(request, "seed", 1));
  if (seed < 0 || seed > 4'294'967'295) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must lie between {} and {}, found {}", "seed", 0,
                4'294'967'295, seed);
  }
  ASSIGN_OR_RETURN(std::string deploy, GetString(request, "deploy", ""));
  if (!deploy.empty()) {
    ASSIGN_OR_RETURN(deploy, CheckName("endpoint", deploy));
  }

  Json parameters = request;
  parameters.erase("dataset_version");
  parameters["name"] = name;
  parameters["deploy"] = deploy;
  parameters["dataset"] = ToJson(dataset);
  if (const auto test = request.find("test"); test != request.end() && !test->is_null()) {
    if (!test->is_object()) {
      return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", "test",
                  Word{"an object"}, KindOf(*test));
    }
    RETURN_IF_ERROR(RejectUnknown(*test, {"fraction", "after", "dataset"}));
    if (test->size() != 1) {
      return Fail(ErrorCode::kUnprocessable,
                  "'test' needs exactly one of fraction, after, dataset; found {}", test->size());
    }
    if (test->contains("dataset")) {
      ASSIGN_OR_RETURN(const std::string test_name, GetString(*test, "dataset"));
      ASSIGN_OR_RETURN(const DatasetSnapshot rows, datasets_.Snapshot(reader, test_name));
      ASSIGN_OR_RETURN(const std::string target, GetString(request, "target"));
      RETURN_IF_ERROR(CheckColumn(rows, "target", target));
      parameters["test"]["dataset"] = ToJson(rows);
    }
  }
  // What the job itself would refuse is refused at once.
  ASSIGN_OR_RETURN(const TrainParameters checked, TrainParametersFromJson(parameters));
  RETURN_IF_ERROR(CheckColumn(dataset, "target", checked.target));
  for (const auto& [role, column] : {std::pair{"time_column", checked.time_column},
                                     std::pair{"group_column", checked.group_column},
                                     std::pair{"baseline_column", checked.baseline_column}}) {
    if (!column.empty()) RETURN_IF_ERROR(CheckColumn(dataset, role, column));
  }
  for (const std::string& column : checked.keep)
    RETURN_IF_ERROR(CheckColumn(dataset, "keep", column));
  for (const std::string& column : checked.drop)
    RETURN_IF_ERROR(CheckColumn(dataset, "drop", column));
  RETURN_IF_ERROR(CheckMetric(checked));
  if (const auto existing = registry_.Get(caller, name)) {
    if (checked.task != "auto" && existing->task != checked.task) {
      return Fail(ErrorCode::kConflict, "model '{}' is a {} model; the new version is {}",
                  existing->name, Word{existing->task}, Word{checked.task});
    }
    parameters["model_task"] = existing->task;  // the job finds out before it searches
  }
  SubmitOptions options;
  options.limits.threads = checked.threads;
  options.idempotency_key = std::string(idempotency_key);
  return queue_.Submit(reader, "train", std::move(parameters), options);
}

Result<Job> ModelService::Reproduce(const Caller& caller, std::string_view name,
                                    std::string_view version, std::string_view idempotency_key) {
  ASSIGN_OR_RETURN(const ModelInfo model, registry_.Get(caller, name));
  ASSIGN_OR_RETURN(const ModelVersion found, registry_.Resolve(caller, name, version));
  const auto text = ReadFile(fs::path(found.folder) / "trials.json");
  if (!text) {
    return Fail(ErrorCode::kUnprocessable,
                "version {} of model '{}' was made elsewhere: it has no recipe", found.version,
                model.name);
  }
  ASSIGN_OR_RETURN(const Json trials, ParseJson(*text));
  const auto member = [](const Json& object, const char* key) {
    return object.is_object() ? object.value(key, Json::object()) : Json::object();
  };
  const Json recipe = member(trials, "recipe");
  const Json trained_on = member(recipe, "dataset");
  ASSIGN_OR_RETURN(const std::string id, GetString(trained_on, "id"));
  ASSIGN_OR_RETURN(const std::string dataset_name, GetString(trained_on, "name"));
  ASSIGN_OR_RETURN(const std::int64_t dataset_version, GetInteger(trained_on, "version"));
  ASSIGN_OR_RETURN(const DatasetSnapshot dataset,
                   SnapshotById(datasets_, caller.For("train"), id, dataset_name, dataset_version));
  SubmitOptions options;
  options.idempotency_key = std::string(idempotency_key);
  ASSIGN_OR_RETURN(const std::int64_t threads, GetInteger(recipe, "threads", 0));
  options.limits.threads = static_cast<int>(std::clamp<std::int64_t>(threads, 0, 256));
  return queue_.Submit(caller.For("train"), "reproduce",
                       {{"folder", found.folder},
                        {"dataset", ToJson(dataset)},
                        {"model", model.name},
                        {"version", found.version}},
                       options);
}

Result<Job> ModelService::ImportForeign(const Caller& caller, const Foreign& foreign,
                                        std::string_view idempotency_key) {
  ASSIGN_OR_RETURN(const std::string name, CheckName("model", foreign.name));
  ASSIGN_OR_RETURN(const ForeignSignature signature,
                   DescribeForeign(foreign.file, foreign.target, foreign.labels));
  if (const auto existing = registry_.Get(caller, name);
      existing && existing->task != TaskName(signature.task)) {
    return Fail(ErrorCode::kConflict, "model '{}' is a {} model; the new version is {}",
                existing->name, Word{existing->task}, Word{std::string(TaskName(signature.task))});
  }
  SubmitOptions options;
  options.idempotency_key = std::string(idempotency_key);
  options.max_attempts = 1;  // a file that crashes its library would do so again
  return queue_.Submit(caller, "import_model",
                       {{"name", name},
                        {"file", foreign.file},
                        {"file_name", foreign.file_name},
                        {"target", foreign.target},
                        {"labels", foreign.labels},
                        {"delete_file", foreign.delete_file ? foreign.file : std::string()}},
                       options);
}

}  // namespace aimass
