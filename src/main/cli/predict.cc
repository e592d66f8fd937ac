// aimass predict: the rows of a file or dataset, or one row with its reasons.
#include <filesystem>

#include "base/words.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/routes.h"
#include "main/cli/upload.h"
#include "main/cli/words.h"

namespace aimass::cli {
namespace {

constexpr std::string_view kRowExample = R"(--row '{"city":"上海","age":42}')";

struct PredictOptions {
  std::string by, rows;
  std::optional<std::string> out, into, row, format;
  bool explain = false;
  bool no_wait = false;
};

// Who answers: an endpoint first, then a model, at last MODEL:VERSION. {"endpoint"} or
// {"model","version"?}.
Result<Json> FindAnswerer(Client& server, const std::string& by) {
  ASSIGN_OR_RETURN(const bool endpoint, IsThere(server, "/api/v1/endpoints/" + Encode(by)));
  if (endpoint) return Json{{"endpoint", by}};
  ASSIGN_OR_RETURN(const auto model, FindModel(server, by));
  if (!model) {
    return WithHint(Fail(ErrorCode::kNotFound, "there is neither an endpoint nor a model '{}'", by),
                    Msg("see: {}", "aimass endpoints list, aimass models list"));
  }
  Json answerer = {{"model", model->model}};
  if (!model->version.empty()) answerer["version"] = model->version;
  return answerer;
}

Status PredictRow(Context& context, const PredictOptions& given) {
  auto row = ParseJson(*given.row);
  if (!row) {
    Error error = std::move(row).error();
    if (error.hint.empty()) error.hint = Msg("for example: {}", kRowExample);
    return context.WrongUsage(std::unexpected(std::move(error)));
  }
  if (!row->is_object()) {
    return context.WrongUsage(WithHint(
        Fail(ErrorCode::kInvalidArgument, "--row expects a JSON object, found {}", KindOf(*row)),
        Msg("for example: {}", kRowExample)));
  }
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answerer, FindAnswerer(*server, given.by));
  std::string path;
  if (answerer.contains("endpoint")) {
    path = "/api/v1/endpoints/" + Encode(TextOf(answerer, "endpoint")) + "/predict";
  } else {
    path = "/api/v1/models/" + Encode(TextOf(answerer, "model")) + "/predict";
    if (answerer.contains("version")) path += "?version=" + Encode(TextOf(answerer, "version"));
  }
  const Json body = {{"rows", Json::array({*row})}, {"explain", given.explain}};
  ASSIGN_OR_RETURN(const Json answer, server->Post(path, body));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  for (const Json& prediction : MemberOf(answer, "predictions")) SayPrediction(context, prediction);
  context.Say(Msg("By model {}, version {}", TextOf(answer, "model"), TextOf(answer, "version")));
  for (const Json& warning : MemberOf(answer, "warnings"))
    context.Note(Msg("Note: {}", CellText(warning)));
  return {};
}

// {"dataset"}, {"path"} or {"upload"}: a dataset's name, unless a file is there.
Result<Json> FindRows(Context& context, const std::string& rows) {
  std::error_code error;
  if (rows != "-" && !std::filesystem::exists(rows, error)) {
    ASSIGN_OR_RETURN(Client* const server, context.Server());
    if (const auto dataset = server->Get("/api/v1/datasets/" + Encode(rows)); dataset)
      return Json{{"dataset", rows}};
    return Fail(ErrorCode::kNotFound, "there is neither a dataset nor a file '{}'", rows);
  }
  return SourceOf(context, rows);
}

Status PredictRows(Context& context, const PredictOptions& given) {
  const bool to_file = given.out && *given.out != "-";
  if (given.no_wait && !given.into) {
    return context.WrongUsage(WithHint(
        Fail(ErrorCode::kInvalidArgument, "--no-wait needs a place at the server for the answer"),
        Msg("make a dataset of it with --into DATASET")));
  }
  if (context.json() && !to_file && !given.into) {
    return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                   "--json needs --out FILE or --into DATASET for the rows"));
  }
  if (given.out && given.into) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "--out and --into exclude each other"));
  }
  if (given.into && given.format) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument,
             "--format goes with a file; a dataset that --into makes has its own"));
  }
  std::error_code error;
  if (to_file && std::filesystem::equivalent(given.rows, *given.out, error)) {
    return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                   "'{}' is the input; the output needs another file", *given.out));
  }
  std::string format = given.format.value_or("csv");
  if (!given.format && to_file) {
    ASSIGN_OR_RETURN(format, FormatOfFile(*given.out));
  }
  if (format == "arrow") {
    return Fail(ErrorCode::kInvalidArgument,
                "predictions are written as csv, parquet or ndjson, not as '{}'", format);
  }
  if (to_file) RETURN_IF_ERROR(CheckTarget(*given.out));
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(Json body, FindAnswerer(*server, given.by));
  ASSIGN_OR_RETURN(const Json rows, FindRows(context, given.rows));
  body.update(rows);
  if (given.into) {
    body["out"] = *given.into;
  } else {
    body["format"] =
        format == "ndjson" ? "json" : format;  // the API's name for one object per line
  }
  ASSIGN_OR_RETURN(const auto job, RunJob(context, "/api/v1/predictions", body, given.no_wait));
  if (!job) return {};
  const Json& output = MemberOf(*job, "output");
  if (!given.into) {
    const std::string path = "/api/v1/predictions/" + Encode(TextOf(*job, "id")) + "/file";
    RETURN_IF_ERROR(Fetch(context, path, to_file ? *given.out : "-"));
  }
  const std::int64_t rejected = IntegerOf(output, "rejected_rows");
  if (rejected > 0) {
    context.Note(Msg("{} rows could not be read: no prediction for them", Thousands(rejected)));
  }
  Json answer = output;
  if (to_file) answer["file"] = *given.out;
  if (!to_file && !given.into) return {};
  return ShowDone(
      context, answer,
      Msg("{} rows predicted by model {}, version {}, in {}", Thousands(IntegerOf(output, "rows")),
          TextOf(output, "model"), TextOf(output, "version"), to_file ? *given.out : *given.into));
}

Status Predict(Context& context, const PredictOptions& given) {
  if (given.row.has_value() == !given.rows.empty()) {
    return context.WrongUsage(
        WithHint(Fail(ErrorCode::kInvalidArgument, "expected either a file or dataset, or --row"),
                 Msg("see: {} --help", "aimass predict")));
  }
  if (given.row) {
    for (const auto& [name, set] :
         {std::pair("--out", given.out.has_value()), std::pair("--into", given.into.has_value()),
          std::pair("--format", given.format.has_value()), std::pair("--no-wait", given.no_wait)}) {
      if (!set) continue;
      return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                     "{} goes with a file or dataset, not with --row", name));
    }
    return PredictRow(context, given);
  }
  if (given.explain) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "--explain goes with --row, not with a file"));
  }
  return PredictRows(context, given);
}

}  // namespace

void AddPredictCommand(Verb& root) {
  auto given = std::make_shared<PredictOptions>();
  Verb verb = root.Add("predict", Msg("Predict the rows of a file, or one row with its reasons"));
  verb.Group(Msg("From data to decisions:"))
      .Details(Msg("The answer has the columns of the input, in the same order of rows, then the "
                   "prediction and the "
                   "probability of each class."))
      .Required("BY", given->by, Msg("an endpoint, a model (its champion), or MODEL:VERSION"))
      .Optional("ROWS", given->rows,
                Msg("a file (CSV, Parquet, JSON …), a dataset, or - for standard input"))
      .Option("--out", "FILE", given->out,
              Msg("where to: .csv, .parquet or .ndjson; else standard output"))
      .Option("--into", "DATASET", given->into,
              Msg("make a dataset of it, or a new version where it exists"))
      .Option("--format", "FORMAT", given->format,
              Msg("csv, parquet or ndjson; else by the file's name"))
      .Choices({"csv", "parquet", "ndjson"})
      .Option("--row", "JSON", given->row, Msg("one row instead of a file"))
      .Flag("--explain", given->explain, Msg("say which columns speak for and against"))
      .Example("aimass predict churn new-customers.csv --out scored.csv", Msg("a file"))
      .Example("aimass predict churn:3 customers --out scored.parquet",
               Msg("a dataset, by version 3"))
      .Example(R"(aimass predict churn --row '{"city":"上海","age":42}' --explain)",
               Msg("one customer, and why"))
      .Run([given](Context& context) { return Predict(context, *given); });
  AddNoWait(verb, given->no_wait);
}

}  // namespace aimass::cli
