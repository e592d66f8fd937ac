// aimass models …: list, show, report, compare, alias, rename, reproduce, delete, import, bundle.
#include <fmt/format.h>

#include <algorithm>

#include "base/words.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/routes.h"
#include "main/cli/upload.h"
#include "main/cli/words.h"

namespace aimass::cli {
namespace {

struct Given {
  std::string name, first, other, file, alias;
  std::optional<std::string> version, html, target, second_model;
  std::vector<std::string> labels;
  std::optional<std::int64_t> limit;
  bool yes = false;
  bool no_wait = false;
};

std::string PathOf(std::string_view name, std::string_view rest = "") {
  return "/api/v1/models/" + Encode(name) + std::string(rest);
}
std::string VersionPath(const Given& given, std::string_view rest = "") {
  return PathOf(given.name,
                "/versions/" + Encode(given.version.value_or("champion")) + std::string(rest));
}

// `given` with NAME and --version apart, where NAME was written as MODEL:VERSION.
Result<Given> Resolved(Context& context, Given given) {
  if (given.name.find(':') == std::string::npos) return given;
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const auto found, FindModel(*server, given.name));
  if (!found || found->version.empty()) return given;
  if (given.version && *given.version != found->version) {
    return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                   "'{}' names version {}, --version names {}", given.name,
                                   found->version, *given.version));
  }
  given.name = found->model;
  given.version = found->version;
  return given;
}

// For verbs about a whole model.
Status RefuseVersion(Context& context, const Given& given) {
  ASSIGN_OR_RETURN(const Given resolved, Resolved(context, given));
  if (!resolved.version) return {};
  return context.WrongUsage(
      WithHint(Fail(ErrorCode::kInvalidArgument,
                    "'{}' is one version; expected the name of a model", given.name),
               Msg("write: {}", resolved.name)));
}

std::string AliasesOf(const Json& model, std::int64_t version) {
  std::string text;
  const Json& aliases = MemberOf(model, "aliases");
  if (!aliases.is_object()) return text;
  for (const auto& [alias, number] : aliases.items()) {
    if (number.is_number() && number.get<std::int64_t>() == version)
      text += (text.empty() ? "" : " ") + alias;
  }
  return text;
}

std::string MetricsOf(const Json& version) {
  std::string text;
  const Json& metrics = MemberOf(version, "metrics");
  if (!metrics.is_object()) return text;
  for (const auto& [name, value] : metrics.items()) {
    // Eight of them in a table are none: the report has all.
    const bool main = name == "auc" || name == "log_loss" || name == "accuracy" || name == "rmse" ||
                      name == "mae" || name == "r2";
    if (main && value.is_number())
      text += (text.empty() ? "" : "  ") + name + " " + Number(value.get<double>());
  }
  return text;
}

Status List(Context& context, const Given& given) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, ListAll(*server, "/api/v1/models", given.limit.value_or(0)));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  if (MemberOf(answer, "items").empty()) {
    context.Say(Msg("No models yet. Train one: aimass train DATASET --target COLUMN"));
    return {};
  }
  Table table({{context.Text(Msg("Name"))},
               {context.Text(Msg("Task"))},
               {context.Text(Msg("Versions")), Table::Align::kRight},
               {context.Text(Msg("Changed"))},
               {context.Text(Msg("Newest version"))}});
  for (const Json& model : answer["items"]) {
    const Json& versions = MemberOf(model, "versions");
    const Json newest = versions.empty() ? Json() : versions[0];
    table.Add({TextOf(model, "name"), context.Translated(TextOf(model, "task")),
               std::to_string(versions.size()), LocalTime(TextOf(newest, "created_at")),
               MetricsOf(newest)});
  }
  context.Say(table);
  return {};
}

// One version: what it predicts from what.
void SayVersion(Context& context, const Json& version) {
  context.Say(Msg("Model {}, version {}", TextOf(version, "model"), TextOf(version, "version")));
  std::vector<std::pair<Message, std::string>> lines = {
      {Msg("Task"), context.Translated(TextOf(version, "task"))},
      {Msg("Target"), TextOf(version, "target")},
      {Msg("Created"), LocalTime(TextOf(version, "created_at"))},
      {Msg("Measures on rows it never saw"), MetricsOf(version)}};
  std::vector<std::string> aliases;
  for (const Json& alias : MemberOf(version, "aliases")) aliases.push_back(CellText(alias));
  if (!aliases.empty()) {
    lines.insert(lines.begin(), {Msg("Alias"), context.Text(Msg("{}", Listing(aliases)))});
  }
  int widest = 0;
  for (const auto& [name, text] : lines) widest = std::max(widest, Width(context.Text(name)));
  for (const auto& [name, text] : lines) {
    context.Say("  " + PadRight(context.Text(name), widest + 2) + text);
  }
  Table table({{context.Text(Msg("Column"))}, {context.Text(Msg("Type"))}});
  for (const Json& column : MemberOf(version, "columns")) {
    table.Add({TextOf(column, "name"), TextOf(column, "type")});
  }
  context.Say(table);
}

Status Show(Context& context, const Given& raw) {
  ASSIGN_OR_RETURN(const Given given, Resolved(context, raw));
  if (given.version) {
    return GetAndShow(context, VersionPath(given),
                      [&](const Json& version) { SayVersion(context, version); });
  }
  return GetAndShow(context, PathOf(given.name), [&](const Json& model) {
    context.Say(
        Msg("Model {} ({})", TextOf(model, "name"), context.Translated(TextOf(model, "task"))));
    Table table({{context.Text(Msg("Version")), Table::Align::kRight},
                 {context.Text(Msg("Alias"))},
                 {context.Text(Msg("Created"))},
                 {context.Text(Msg("Measures on rows it never saw"))}});
    for (const Json& version : MemberOf(model, "versions")) {
      table.Add({TextOf(version, "version"), AliasesOf(model, IntegerOf(version, "version")),
                 LocalTime(TextOf(version, "created_at")), MetricsOf(version)});
    }
    context.Say(table);
  });
}

Status Report(Context& context, const Given& raw) {
  ASSIGN_OR_RETURN(const Given given, Resolved(context, raw));
  if (given.html) return DownloadTo(context, VersionPath(given, "/report.html"), *given.html);
  return GetAndShow(context, VersionPath(given, "/report"),
                    [&](const Json& report) { SayReport(context, report); });
}

Status Compare(Context& context, const Given& given) {
  RETURN_IF_ERROR(RefuseVersion(context, given));
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  Json body = {{"a", given.first}, {"b", given.other}};
  if (given.second_model) body["other_model"] = *given.second_model;
  ASSIGN_OR_RETURN(const Json answer, server->Post(PathOf(given.name, "/compare"), body));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  const auto heading = [&](const char* side) {
    const Json& each = MemberOf(answer, side);
    return TextOf(each, "model") + ":" + TextOf(each, "version");
  };
  Table table({{context.Text(Msg("Measure"))},
               {heading("a"), Table::Align::kRight},
               {heading("b"), Table::Align::kRight},
               {context.Text(Msg("Difference")), Table::Align::kRight},
               {context.Text(Msg("95 %"))},
               {context.Text(Msg("Better"))}});
  const auto number = [](const Json& row, const char* key) {
    const Json& value = MemberOf(row, key);
    return value.is_number() ? Number(value.get<double>()) : std::string("–");
  };
  for (const Json& row : MemberOf(answer, "metrics")) {
    const Json& better = MemberOf(row, "better");
    table.Add({TextOf(row, "label"), number(row, "a"), number(row, "b"), number(row, "difference"),
               number(row, "low") + " … " + number(row, "high"),
               better.is_string() ? heading(better.get<std::string>() == "a" ? "a" : "b")
                                  : context.Text(Msg("not sure"))});
  }
  context.Say(table);
  if (MemberOf(answer, "paired") == Json(true)) {
    context.Say(Msg("Measured on the same {} rows.", Thousands(IntegerOf(answer, "rows"))));
  } else if (MemberOf(answer, "reason").is_string()) {
    context.Say(TextOf(answer, "reason"));
  }
  return {};
}

Status Reproduce(Context& context, const Given& raw) {
  ASSIGN_OR_RETURN(const Given given, Resolved(context, raw));
  ASSIGN_OR_RETURN(const auto job, RunJob(context, VersionPath(given, "/reproduce"), Json::object(),
                                          given.no_wait));
  if (!job) return {};
  const Json& output = MemberOf(*job, "output");
  const bool identical = MemberOf(output, "identical") == Json(true);
  if (!identical) context.exit_code = 1;
  if (context.json()) {
    context.Print(output);
    return {};
  }
  for (const Json& file : MemberOf(output, "files")) {
    const bool same = TextOf(file, "expected") == TextOf(file, "found");
    context.Say(fmt::format("{} {}",
                            Paint(same ? Colour::kGreen : Colour::kRed, same ? "✓" : "✗", 1),
                            TextOf(file, "file")));
  }
  context.Say(identical ? Msg("Trained again: the same bytes.")
                        : Msg("Trained again: other bytes came out."));
  return {};
}

void AddReading(Verb& noun) {
  auto listed = std::make_shared<Given>();
  noun.Add("list", Msg("All models, newest first"))
      .Option("--limit", "N", listed->limit, Msg("at most that many"))
      .Run([listed](Context& context) { return List(context, *listed); });

  auto shown = std::make_shared<Given>();
  noun.Add("show", Msg("One model with its versions"))
      .Required("NAME", shown->name, Msg("name of the model, or MODEL:VERSION"))
      .Example("aimass models show churn:3", Msg("what version 3 predicts, and from which columns"))
      .Run([shown](Context& context) { return Show(context, *shown); });

  auto reported = std::make_shared<Given>();
  noun.Add("report", Msg("How good a version is, and what it was made from"))
      .Required("NAME", reported->name, Msg("name of the model, or MODEL:VERSION"))
      .Option("--version", "VERSION", reported->version,
              Msg("a number or an alias; the champion unless told"))
      .Option("--html", "FILE", reported->html,
              Msg("write the page that can be printed, with its curves"))
      .Example("aimass models report churn --html report.html", Msg("for a browser, or to print"))
      .Run([reported](Context& context) { return Report(context, *reported); });

  auto compared = std::make_shared<Given>();
  noun.Add("compare", Msg("Two versions side by side, on the same rows where they have them"))
      .Required("NAME", compared->name, Msg("name of the model"))
      .Required("A", compared->first, Msg("a version: number or alias"))
      .Required("B", compared->other, Msg("the other one"))
      .Option("--other-model", "NAME", compared->second_model, Msg("B is a version of this model"))
      .Example("aimass models compare churn champion 4", Msg("is the newest better?"))
      .Run([compared](Context& context) { return Compare(context, *compared); });
}

void AddChanging(Verb& noun) {
  auto aliased = std::make_shared<Given>();
  noun.Add("alias", Msg("Let a name such as champion mean a version"))
      .Required("NAME", aliased->name, Msg("name of the model"))
      .Required("ALIAS", aliased->alias, Msg("champion, or a word of yours"))
      .Required("VERSION", aliased->first, Msg("the version's number"))
      .Example("aimass models alias churn champion 4",
               Msg("endpoints that route to the champion now use version 4"))
      .Run([aliased](Context& context) -> Status {
        const auto number = ParseJson(aliased->first);
        if (!number || !number->is_number_integer()) {
          return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                         "{} expects a whole number, found '{}'", "VERSION",
                                         aliased->first));
        }
        RETURN_IF_ERROR(RefuseVersion(context, *aliased));
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer,
                         server->Put(PathOf(aliased->name, "/aliases/" + Encode(aliased->alias)),
                                     Json{{"version", *number}}));
        return ShowDone(
            context, answer,
            Msg("{} of {} is now version {}", aliased->alias, aliased->name, aliased->first));
      });

  auto renamed = std::make_shared<Given>();
  noun.Add("rename", Msg("Give it another name"))
      .Required("NAME", renamed->name, Msg("name of the model"))
      .Required("NEW", renamed->other, Msg("the new name"))
      .Run([renamed](Context& context) -> Status {
        RETURN_IF_ERROR(RefuseVersion(context, *renamed));
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer,
                         server->Patch(PathOf(renamed->name), Json{{"name", renamed->other}}));
        return ShowDone(context, answer, Msg("Model {} is now {}", renamed->name, renamed->other));
      });

  auto again = std::make_shared<Given>();
  Verb reproduce =
      noun.Add("reproduce", Msg("Train a version again from its recipe and compare the bytes"));
  reproduce.Required("NAME", again->name, Msg("name of the model, or MODEL:VERSION"))
      .Option("--version", "VERSION", again->version,
              Msg("a number or an alias; the champion unless told"))
      .Run([again](Context& context) { return Reproduce(context, *again); });
  AddNoWait(reproduce, again->no_wait);

  auto deleted = std::make_shared<Given>();
  noun.Add("delete", Msg("Delete a model with all its versions, or one version"))
      .Required("NAME", deleted->name, Msg("name of the model, or MODEL:VERSION"))
      .Option("--version", "VERSION", deleted->version, Msg("only this version"))
      .Flag("--yes", deleted->yes, Msg("do not ask"))
      .Run([deleted](Context& context) -> Status {
        ASSIGN_OR_RETURN(const Given given, Resolved(context, *deleted));
        const bool all = !given.version;
        const std::string version = given.version.value_or("");
        RETURN_IF_ERROR(Confirm(context, given.yes,
                                all ? Msg("Delete model {} with all its versions?", given.name)
                                    : Msg("Delete version {} of model {}?", version, given.name)));
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer,
                         server->Delete(all ? PathOf(given.name) : VersionPath(given)));
        return ShowDone(context, answer,
                        all ? Msg("Model {} is deleted", given.name)
                            : Msg("Version {} of model {} is deleted", version, given.name));
      });
}

void AddMoving(Verb& noun) {
  auto imported = std::make_shared<Given>();
  Verb foreign = noun.Add(
      "import", Msg("Take in a model made elsewhere: XGBoost (JSON, UBJ) or LightGBM (text)"));
  foreign
      .Required("NAME", imported->name,
                Msg("name of the model; an existing one gets a new version"))
      .Required("FILE", imported->file, Msg("the model's file"))
      .Option("--target", "NAME", imported->target, Msg("what it predicts"))
      .Option("--label", "LABEL", imported->labels,
              Msg("a class, in the order of the model's outputs; repeatable"))
      .Example("aimass models import churn booster.ubj --target churn --label no --label yes",
               Msg("with the names of its classes"))
      .Run([imported](Context& context) -> Status {
        ASSIGN_OR_RETURN(const Json source, SourceOf(context, imported->file));
        Json body = {{"name", imported->name}, {"source", source}};
        if (imported->target) body["target"] = *imported->target;
        if (!imported->labels.empty()) body["labels"] = imported->labels;
        ASSIGN_OR_RETURN(const auto job,
                         RunJob(context, "/api/v1/models/import", body, imported->no_wait));
        if (!job) return {};
        const Json& output = MemberOf(*job, "output");
        return ShowDone(context, output,
                        Msg("Model {}, version {}, is ready", TextOf(output, "model"),
                            TextOf(output, "version")));
      });

  AddNoWait(foreign, imported->no_wait);

  Verb bundle = noun.Add("bundle", Msg("A version as one file, to carry it to another server"));
  auto exported = std::make_shared<Given>();
  bundle.Add("export", Msg("Write a version to a file"))
      .Required("NAME", exported->name, Msg("name of the model, or MODEL:VERSION"))
      .Required("FILE", exported->file, Msg("where to"))
      .Option("--version", "VERSION", exported->version,
              Msg("a number or an alias; the champion unless told"))
      .Example("aimass models bundle export churn churn.aimass",
               Msg("with its report, recipe and checksums"))
      .Run([exported](Context& context) -> Status {
        ASSIGN_OR_RETURN(const Given given, Resolved(context, *exported));
        return DownloadTo(
            context,
            PathOf(given.name, "/bundle?version=" + Encode(given.version.value_or("champion"))),
            given.file);
      });
  auto taken = std::make_shared<Given>();
  bundle.Add("import", Msg("Read a version from such a file"))
      .Required("FILE", taken->file, Msg("what `bundle export` wrote"))
      .Option("--name", "NAME", taken->name, Msg("another name than in the file"))
      .Run([taken](Context& context) -> Status {
        ASSIGN_OR_RETURN(const Json source, SourceOf(context, taken->file));
        Json body = {{"source", source}};
        if (!taken->name.empty()) body["name"] = taken->name;
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer, server->Post("/api/v1/models/bundle", body));
        return ShowDone(context, answer,
                        Msg("Model {}, version {}, is ready", TextOf(answer, "model"),
                            TextOf(answer, "version")));
      });
}

}  // namespace

void AddModelsCommands(Verb& root) {
  Verb noun = root.Add("models",
                       Msg("Versions of models: reports, comparison, aliases, import and export"));
  noun.Group(Msg("From data to decisions:"));
  AddReading(noun);
  AddChanging(noun);
  AddMoving(noun);
}

}  // namespace aimass::cli
