// aimass jobs …: list, show, log, wait, cancel.
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"

namespace aimass::cli {
namespace {

struct ListOptions {
  std::optional<std::string> state, kind;
  std::optional<std::int64_t> limit;
};

std::string PathOf(std::string_view id, std::string_view rest = "") {
  return "/api/v1/jobs/" + Encode(id) + std::string(rest);
}

std::string Percent(const Json& job) {
  const Json& progress = MemberOf(job, "progress");
  return progress.is_number()
             ? std::to_string(static_cast<int>(progress.get<double>() * 100)) + " %"
             : "–";
}

// What it does now; its last step says nothing once it has succeeded.
std::string StepOf(const Json& job) {
  return TextOf(job, "state") == "succeeded" ? "" : TextOf(job, "step");
}

Status List(Context& context, const ListOptions& given) {
  std::string path = "/api/v1/jobs";
  if (given.state) path += "?state=" + Encode(*given.state);
  if (given.kind) path += std::string(given.state ? "&" : "?") + "kind=" + Encode(*given.kind);
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, ListAll(*server, path, given.limit.value_or(20)));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  if (MemberOf(answer, "items").empty()) {
    context.Say(Msg("No such jobs."));
    return {};
  }
  Table table({{context.Text(Msg("Job"))},
               {context.Text(Msg("Kind"))},
               {context.Text(Msg("State"))},
               {context.Text(Msg("Done")), Table::Align::kRight},
               {context.Text(Msg("Started"))},
               {context.Text(Msg("Step"))}});
  for (const Json& job : answer["items"]) {
    const Json& error = MemberOf(job, "error");
    table.Add({TextOf(job, "id"), context.Translated(TextOf(job, "kind")),
               context.Translated(TextOf(job, "state")), Percent(job),
               LocalTime(TextOf(job, "created_at")),
               error.is_object() ? TextOf(error, "detail") : StepOf(job)});
  }
  context.Say(table);
  return {};
}

void SayJob(Context& context, const Json& job) {
  Table table({{context.Text(Msg("Job"))}, {TextOf(job, "id")}});
  const auto row = [&](const Message& name, std::string value) {
    table.Add({context.Text(name), std::move(value)});
  };
  row(Msg("Kind"), context.Translated(TextOf(job, "kind")));
  row(Msg("State"), context.Translated(TextOf(job, "state")));
  row(Msg("Done"), Percent(job));
  row(Msg("Step"), StepOf(job));
  row(Msg("Attempt"), TextOf(job, "attempt"));
  row(Msg("Created"), LocalTime(TextOf(job, "created_at")));
  row(Msg("Started"), LocalTime(TextOf(job, "started_at")));
  row(Msg("Ended"), LocalTime(TextOf(job, "finished_at")));
  if (const Json& error = MemberOf(job, "error"); error.is_object()) {
    row(Msg("Error"), TextOf(error, "detail"));
    if (MemberOf(error, "hint").is_string()) row(Msg("Hint"), TextOf(error, "hint"));
  }
  context.Say(table);
}

Status ShowLog(Context& context, const std::string& id) {
  return GetAndShow(context, PathOf(id, "/log"), [&](const Json& answer) {
    for (const Json& line : MemberOf(answer, "items")) {
      context.Say(fmt::format("{}  {}", TextOf(line, "time"), TextOf(line, "message")));
    }
  });
}

}  // namespace

void AddJobsCommands(Verb& root) {
  Verb noun =
      root.Add("jobs", Msg("What runs, ran and waits: imports, trainings, predictions of files"));
  noun.Group(Msg("Look after it:"));

  auto listed = std::make_shared<ListOptions>();
  noun.Add("list", Msg("Jobs, newest first"))
      .Option("--state", "STATE", listed->state, Msg("only those in this state"))
      .Choices({"queued", "running", "succeeded", "failed", "cancelled"})
      .Option("--kind", "KIND", listed->kind,
              Msg("only those of this kind: import, train, predict …"))
      .Option("--limit", "N", listed->limit, Msg("how many; 20 unless told"))
      .Example("aimass jobs list --state failed", Msg("what went wrong"))
      .Run([listed](Context& context) { return List(context, *listed); });

  const auto one = [&noun](std::string_view verb, const Message& summary, auto run) {
    auto id = std::make_shared<std::string>();
    noun.Add(verb, summary)
        .Required("ID", *id, Msg("the job's id"))
        .Run([id, run](Context& context) { return run(context, *id); });
  };
  one("show", Msg("One job: state, progress, error"), [](Context& context, const std::string& id) {
    return GetAndShow(context, PathOf(id), [&](const Json& job) { SayJob(context, job); });
  });
  one("log", Msg("What it wrote"), ShowLog);
  one("wait", Msg("Follow it to its end; exit code 1 where it fails"),
      [](Context& context, const std::string& id) -> Status {
        ASSIGN_OR_RETURN(const Json job, AwaitJob(context, Json{{"id", id}}));
        return ShowDone(context, job, Msg("Job {} is done", id));
      });
  one("cancel", Msg("Stop it"), [](Context& context, const std::string& id) -> Status {
    ASSIGN_OR_RETURN(Client* const server, context.Server());
    ASSIGN_OR_RETURN(const Json job, server->Post(PathOf(id, "/cancel")));
    return ShowDone(context, job, Msg("Job {} is being cancelled", id));
  });
}

}  // namespace aimass::cli
