#include "models/service.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "models/folder.h"
#include "models/foreign.h"
#include "models/learner.h"
#include "models/metric.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

/// The column's exact name. Errors: kUnprocessable naming the nearest one.
Status CheckColumn(const DatasetSnapshot& dataset, std::string_view role, std::string_view column) {
  if (dataset.schema.Find(column)) return {};
  std::vector<std::string_view> names;
  for (const ColumnInfo& info : dataset.schema.columns) names.push_back(info.name);
  auto failure = Fail(ErrorCode::kUnprocessable, "dataset '{}' has no column '{}' ({})", dataset.name,
                      column, role);
  const std::string nearest = Nearest(column, names);
  if (!nearest.empty()) return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  return failure;
}

Result<std::vector<std::string>> GetTexts(const Json& object, std::string_view key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return texts;
  const bool all_text =
      found->is_array() && std::ranges::all_of(*found, [](const Json& x) { return x.is_string(); });
  if (!all_text) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' must be a list of texts, found {}", key, found->dump());
  }
  for (const Json& text : *found) texts.push_back(text.get<std::string>());
  return texts;
}

Result<std::int64_t> GetIntegerIn(const Json& object, std::string_view key, std::int64_t fallback,
                                  std::int64_t low, std::int64_t high) {
  ASSIGN_OR_RETURN(const std::int64_t value, GetInteger(object, key, fallback));
  if (value >= low && value <= high) return value;
  return Fail(ErrorCode::kUnprocessable, "'{}' must be {} to {}, found {}", key, low, high, value);
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
    : registry_(registry), datasets_(datasets), queue_(queue), data_folder_(std::move(data_folder)) {}

void ModelService::RegisterCommits() {
  const auto add_version = [this](const Job& job, const Json& output) -> Result<Json> {
    ASSIGN_OR_RETURN(const std::string name, GetString(output, "name"));
    ASSIGN_OR_RETURN(const std::string task, GetString(output, "task"));
    ASSIGN_OR_RETURN(const std::string staged, GetString(output, "staged_folder"));
    Json lineage = output.value("lineage", Json::object());
    lineage["job"] = job.id;
    lineage["by"] = {{"kind", job.caller.kind}, {"id", job.caller.id}};
    ASSIGN_OR_RETURN(const ModelVersion added,
                     registry_.AddVersion(job.caller, name, task, staged,
                                          output.value("metrics", Json::object()), lineage));
    // A copy that the import made; a failed one is removed with the other temporary files at the next start.
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
  RETURN_IF_ERROR(RejectUnknown(request, {"name", "dataset", "dataset_version", "target", "task", "time_s",
                                          "threads", "seed", "deploy", "time_column", "keep", "drop",
                                          "metric", "test", "final_rows"}));
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
  ASSIGN_OR_RETURN(const std::string target, GetString(request, "target"));
  RETURN_IF_ERROR(CheckColumn(dataset, "target", target));
  ASSIGN_OR_RETURN(const std::string time_column, GetString(request, "time_column", ""));
  if (!time_column.empty()) RETURN_IF_ERROR(CheckColumn(dataset, "time_column", time_column));
  ASSIGN_OR_RETURN(const std::vector<std::string> keep, GetTexts(request, "keep"));
  ASSIGN_OR_RETURN(const std::vector<std::string> drop, GetTexts(request, "drop"));
  for (const std::string& column : keep) RETURN_IF_ERROR(CheckColumn(dataset, "keep", column));
  for (const std::string& column : drop) RETURN_IF_ERROR(CheckColumn(dataset, "drop", column));

  ASSIGN_OR_RETURN(const std::string task, GetString(request, "task", "auto"));
  ASSIGN_OR_RETURN(const std::string metric, GetString(request, "metric", "auto"));
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  if (task != "auto") {
    ASSIGN_OR_RETURN(const TaskKind kind, TaskFromName(task));
    RETURN_IF_ERROR(FindMetric(metrics, metric, kind));
    const auto existing = registry_.Get(caller, name);
    if (existing && existing->task != task) {
      return Fail(ErrorCode::kConflict, "model '{}' is a {} model; the new version is {}", existing->name,
                  existing->task, task);
    }
  } else if (metric != "auto") {
    if (auto found = metrics.Find(metric); !found) {
      Error error = std::move(found).error();
      error.code = ErrorCode::kUnprocessable;  // the address is right, the body is not
      return std::unexpected(std::move(error));
    }
  }
  ASSIGN_OR_RETURN(const double time_s, GetNumber(request, "time_s", 60.0));
  if (!(time_s >= 1.0 && time_s <= 7.0 * 86'400.0)) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must be {} to {}, found {}", "time_s", 1, 7 * 86'400, time_s);
  }
  ASSIGN_OR_RETURN(const std::int64_t threads, GetIntegerIn(request, "threads", 2, 1, 256));
  ASSIGN_OR_RETURN(const std::int64_t seed, GetIntegerIn(request, "seed", 1, 0, 4'294'967'295));
  ASSIGN_OR_RETURN(const std::string final_rows, GetString(request, "final_rows", "auto"));
  if (final_rows != "auto" && final_rows != "all" && final_rows != "training") {
    return Fail(ErrorCode::kUnprocessable, "'{}' must be one of {}, found '{}'", "final_rows",
                "auto all training", final_rows);
  }
  ASSIGN_OR_RETURN(std::string deploy, GetString(request, "deploy", ""));
  if (!deploy.empty()) {
    ASSIGN_OR_RETURN(deploy, CheckName("endpoint", deploy));
  }

  Json test = Json::object();
  if (const auto given = request.find("test"); given != request.end() && !given->is_null()) {
    if (!given->is_object()) {
      return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", "test", "an object", given->dump());
    }
    RETURN_IF_ERROR(RejectUnknown(*given, {"fraction", "after", "dataset"}));
    if (given->size() != 1) {
      return Fail(ErrorCode::kUnprocessable, "'test' needs exactly one of fraction, after, dataset; found {}",
                  given->size());
    }
    if (given->contains("fraction")) {
      ASSIGN_OR_RETURN(const double fraction, GetNumber(*given, "fraction"));
      if (!(fraction > 0.0 && fraction < 1.0)) {
        return Fail(ErrorCode::kUnprocessable, "'{}' must be {} to {}, found {}", "fraction", 0, 1, fraction);
      }
      test["fraction"] = fraction;
    } else if (given->contains("after")) {
      if (time_column.empty()) {
        return Fail(ErrorCode::kUnprocessable, "'after' needs a 'time_column'");
      }
      const Json& after = (*given)["after"];
      if (!after.is_string() && !after.is_number()) {
        return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", "after", "a time or a number",
                    after.dump());
      }
      test["after"] = after;
    } else {
      ASSIGN_OR_RETURN(const std::string test_name, GetString(*given, "dataset"));
      ASSIGN_OR_RETURN(const DatasetSnapshot rows, datasets_.Snapshot(reader, test_name));
      RETURN_IF_ERROR(CheckColumn(rows, "target", target));
      test["dataset"] = ToJson(rows);
    }
  }

  SubmitOptions options;
  options.limits.threads = static_cast<int>(threads);
  options.idempotency_key = std::string(idempotency_key);
  return queue_.Submit(reader, "train",
                       {{"name", name},
                        {"dataset", ToJson(dataset)},
                        {"target", target},
                        {"task", task},
                        {"time_s", time_s},
                        {"threads", threads},
                        {"seed", seed},
                        {"keep", keep},
                        {"drop", drop},
                        {"time_column", time_column},
                        {"test", std::move(test)},
                        {"metric", metric},
                        {"final_rows", final_rows},
                        {"deploy", deploy}},
                       options);
}

Result<Job> ModelService::Reproduce(const Caller& caller, std::string_view name, std::string_view version,
                                    std::string_view idempotency_key) {
  ASSIGN_OR_RETURN(const ModelInfo model, registry_.Get(caller, name));
  ASSIGN_OR_RETURN(const ModelVersion found, registry_.Resolve(caller, name, version));
  const auto text = ReadFile(fs::path(found.folder) / "trials.json");
  if (!text) {
    return Fail(ErrorCode::kUnprocessable, "version {} of model '{}' was made elsewhere: it has no recipe",
                found.version, model.name);
  }
  ASSIGN_OR_RETURN(const Json trials, ParseJson(*text));
  const Json recipe = trials.value("recipe", Json::object());
  const Json trained_on = recipe.value("dataset", Json::object());
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
    return Fail(ErrorCode::kConflict, "model '{}' is a {} model; the new version is {}", existing->name,
                existing->task, TaskName(signature.task));
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
