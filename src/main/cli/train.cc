// aimass train: from a dataset or a file to a model version, told in plain words.
#include <filesystem>

#include "base/clock.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/words.h"

namespace aimass::cli {
namespace {

struct TrainOptions {
  std::string data, target;
  std::optional<std::string> name, task, time, metric, deploy, time_column, test_after,
      test_dataset, test_fraction;
  std::optional<std::int64_t> threads, seed, dataset_version;
  std::vector<std::string> keep, drop;
  bool no_wait = false;
};

bool IsPlace(const std::string& text) {
  std::error_code error;
  return text == "-" || text.starts_with("http://") || text.starts_with("https://") ||
         std::filesystem::exists(text, error);
}

// "data/churn.csv.gz" → "churn"
std::string NameFromPlace(const std::string& place) {
  std::string name = std::filesystem::path(place.substr(0, place.find('?'))).filename().string();
  name = name.substr(0, name.find('.', 1));
  return name.empty() || name == "-" ? "stdin" : name;
}

// The dataset to train on. What stands there is a dataset's name first, a file else; a file that
// was imported before becomes a new version of the same dataset.
Result<std::string> DatasetFor(Context& context, const std::string& data) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  const auto known = server->Get("/api/v1/datasets/" + Encode(data));
  if (known) return data;
  if (known.error().code != ErrorCode::kNotFound &&
      known.error().code != ErrorCode::kInvalidArgument) {
    return std::unexpected(known.error());
  }
  if (!IsPlace(data)) {
    return WithHint(
        Fail(ErrorCode::kNotFound, "there is neither a dataset nor a file '{}'", data),
        known.error().hint.empty() ? Msg("see: {}", "aimass datasets list") : known.error().hint);
  }
  const std::string name = NameFromPlace(data);
  ASSIGN_OR_RETURN(Json body, ImportRequest(context, name, data));
  const auto exists = server->Get("/api/v1/datasets/" + Encode(name));
  if (exists) body["mode"] = "replace";
  if (!context.json()) context.Note(Msg("Importing {} as dataset {}", data, name));
  ASSIGN_OR_RETURN(const Json started, server->Post("/api/v1/datasets", body));
  ASSIGN_OR_RETURN([[maybe_unused]] const Json job, AwaitJob(context, started));
  return name;
}

Result<Json> RequestOf(Context& context, const TrainOptions& given, const std::string& dataset) {
  Json body = {{"dataset", dataset}, {"target", given.target}};
  const auto put = [&body](const char* name, const auto& value) {
    if (value) body[name] = *value;
  };
  put("name", given.name);
  put("task", given.task);
  put("metric", given.metric);
  put("deploy", given.deploy);
  put("time_column", given.time_column);
  put("threads", given.threads);
  put("seed", given.seed);
  put("dataset_version", given.dataset_version);
  if (!given.keep.empty()) body["keep"] = given.keep;
  if (!given.drop.empty()) body["drop"] = given.drop;
  if (given.time) {
    const auto ms = ParseDurationMs(*given.time);
    if (!ms) {
      return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                     "--time expects a duration such as 60s or 10m, found '{}'",
                                     *given.time));
    }
    body["time_s"] = static_cast<double>(*ms) / 1000.0;
  }
  if (given.test_after.has_value() + given.test_dataset.has_value() +
          given.test_fraction.has_value() >
      1) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument,
             "--test-after, --test-dataset and --test-fraction exclude each other"));
  }
  if (given.test_after) {
    // A column of numbers is compared with a number.
    const auto number = ParseJson(*given.test_after);
    body["test"] = {{"after", number && number->is_number() ? *number : Json(*given.test_after)}};
  }
  if (given.test_dataset) body["test"]["dataset"] = *given.test_dataset;
  if (given.test_fraction) {
    const auto number = ParseJson(*given.test_fraction);
    if (!number || !number->is_number()) {
      return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                     "--test-fraction expects a share such as 0.2, found '{}'",
                                     *given.test_fraction));
    }
    body["test"]["fraction"] = *number;
  }
  return body;
}

Status Train(Context& context, const TrainOptions& given) {
  ASSIGN_OR_RETURN([[maybe_unused]] const Json checked,
                   RequestOf(context, given, given.data));  // before anything is imported
  ASSIGN_OR_RETURN(const std::string dataset, DatasetFor(context, given.data));
  ASSIGN_OR_RETURN(const Json body, RequestOf(context, given, dataset));
  ASSIGN_OR_RETURN(const auto job, RunJob(context, "/api/v1/models", body, given.no_wait));
  if (!job) return {};
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  const Json& output = MemberOf(*job, "output");
  const std::string model = TextOf(output, "model");
  const std::string version = TextOf(output, "version");
  const std::string path = "/api/v1/models/" + Encode(model) + "/versions/" + Encode(version);
  ASSIGN_OR_RETURN(const Json report, server->Get(path + "/report"));
  if (context.json()) {
    Json answer = output;
    answer["job"] = MemberOf(*job, "id");
    answer["report"] = report;
    context.Print(answer);
    return {};
  }
  SayReport(context, report);
  if (given.deploy) {
    ASSIGN_OR_RETURN(const Json full, server->Get(path));
    SayEndpoint(context, *given.deploy, MemberOf(full, "example"));
  } else {
    context.Say(
        Msg("Use it: aimass predict {} FILE --out OUT   or deploy it: aimass endpoints create NAME "
            "--model {}",
            model, model));
  }
  return {};
}

}  // namespace

void AddTrainCommand(Verb& root) {
  auto given = std::make_shared<TrainOptions>();
  Verb verb = root.Add("train", Msg("Train a model that predicts one column from the others"));
  verb.Group(Msg("From data to decisions:"))
      .Details(Msg("Finds out whether classes or numbers are to be predicted, leaves out columns "
                   "that give the answer "
                   "away (and says so), searches within the time that you give, and measures the "
                   "result on rows that "
                   "it never saw. An existing name gets a new version."))
      .Required("DATA", given->data, Msg("a dataset, or a file, which is imported first"))
      .Option("--target", "COLUMN", given->target, Msg("the column to predict"))
      .Must()
      .Option("--name", "NAME", given->name, Msg("name of the model; else that of the dataset"))
      .Option("--task", "TASK", given->task, Msg("what is predicted; else found out"))
      .Choices({"auto", "binary", "multiclass", "regression"})
      .Option("--time", "TIME", given->time,
              Msg("how long to search: 60s, 10m, 1h; 60s unless told"))
      .Option("--metric", "NAME", given->metric,
              Msg("what is optimised: auc, log_loss, rmse …; else by the task"))
      .Option("--threads", "N", given->threads, Msg("processor threads; 2 unless told"))
      .Option("--seed", "N", given->seed, Msg("another search; 1 unless told"))
      .Option("--deploy", "ENDPOINT", given->deploy,
              Msg("serve it at this endpoint as soon as it is trained"))
      .Option("--keep", "COLUMN", given->keep,
              Msg("use this column although it would be left out; repeatable"))
      .Option("--drop", "COLUMN", given->drop, Msg("do not use this column; repeatable"))
      .Option("--time-column", "COLUMN", given->time_column,
              Msg("test on the latest rows by this column"))
      .Option("--test-after", "TIME", given->test_after,
              Msg("test on the rows after this value of the time column"))
      .Option("--test-dataset", "NAME", given->test_dataset, Msg("test on this dataset"))
      .Option("--test-fraction", "SHARE", given->test_fraction,
              Msg("test on this share of the rows: 0.2"))
      .Option("--version", "N", given->dataset_version, Msg("an older version of the dataset"))
      .Example("aimass train customers.csv --target churn",
               Msg("from a file to a model in a minute"))
      .Example("aimass train customers --target churn --time 10m --deploy churn",
               Msg("search longer, then serve it"))
      .Example("aimass train sales --target amount --time-column day --drop customer_id",
               Msg("a number; tested on the latest days"))
      .Run([given](Context& context) { return Train(context, *given); });
  AddNoWait(verb, given->no_wait);
}

}  // namespace aimass::cli
