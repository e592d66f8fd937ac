#include "main/cli/job_wait.h"

#include "base/clock.h"

namespace aimass::cli {
namespace {

// One long poll; short enough that a dead connection is noticed by a person who watches.
constexpr std::int64_t kPollMs = 500;
// A server that restarts (an upgrade, a crash) takes its jobs up again; so long we try to find it.
constexpr std::int64_t kServerAwayMs = 30'000;

bool Ended(const Json& job) {
  const std::string state = TextOf(job, "state");
  return state == "succeeded" || state == "failed" || state == "cancelled";
}

ProgressLine::State ProgressOf(Context& context, const Json& job) {
  ProgressLine::State state;
  const Json& fraction = MemberOf(job, "progress");
  state.fraction = fraction.is_number() ? fraction.get<double>() : -1.0;
  const std::string step = MemberOf(job, "step").is_string() ? TextOf(job, "step") : "";
  if (TextOf(job, "state") == "queued") {
    state.step = context.Text(Msg("waiting for a free place"));
    state.fraction = -1.0;
  } else {
    state.step = step.empty() ? context.Translated(TextOf(job, "kind")) : step;
  }
  if (const Json& rows = MemberOf(job, "rows"); rows.is_number())
    state.rows = rows.get<std::int64_t>();
  if (const Json& eta = MemberOf(job, "eta_ms"); eta.is_number())
    state.eta_ms = eta.get<std::int64_t>();
  return state;
}

Error ErrorOfJob(const Json& job) {
  const Json& given = MemberOf(job, "error");
  Error error{.code = CodeFromName(TextOf(given, "code")), .message = {}, .hint = {}};
  const Json& detail = MemberOf(given, "detail");
  if (detail.is_string()) {
    error.message = Message("{}", detail.get<std::string>());
  } else {
    error.message = Msg("job {} failed without saying why", TextOf(job, "id"));
  }
  if (const Json& hint = MemberOf(given, "hint"); hint.is_string()) {
    error.hint = Message("{}", hint.get<std::string>());
  } else {
    error.hint = Msg("more in its log: aimass jobs log {}", TextOf(job, "id"));
  }
  return error;
}

std::unexpected<Error> OnInterrupt(Context& context, Client& server, const std::string& id) {
  ClearInterrupt();
  if (!context.connection().embedded()) {
    context.Note(
        Msg("The job goes on at the server. Follow it: aimass jobs wait {}   Cancel it: aimass "
            "jobs cancel {}",
            id, id));
    return Fail(ErrorCode::kCancelled, "stopped waiting for job {}", id);
  }
  context.Note(Msg("Cancelling the job…"));
  if (const auto cancelled = server.Post("/api/v1/jobs/" + Encode(id) + "/cancel"); cancelled) {
    for (int i = 0; i < 50; ++i) {
      const auto job = server.Get("/api/v1/jobs/" + Encode(id));
      if (!job || Ended(*job)) break;
      SleepMs(100);
    }
  }
  return Fail(ErrorCode::kCancelled, "cancelled by Ctrl-C");
}

}  // namespace

Result<std::string> JobIdOf(const Json& answer) {
  const Json& job = MemberOf(answer, "job");
  const Json& id = MemberOf(job.is_object() ? job : answer, "id");
  if (id.is_string()) return id.get<std::string>();
  return Fail(ErrorCode::kUnavailable, "the server's answer names no job: {}", answer.dump());
}

Result<Json> AwaitJob(Context& context, const Json& answer) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const std::string id, JobIdOf(answer));
  ProgressLine line(context.language());
  std::int64_t away_since = 0;
  while (true) {
    auto job = server->Get("/api/v1/jobs/" + Encode(id) + "?wait_ms=" + std::to_string(kPollMs));
    if (Interrupted()) {
      line.Clear();
      return OnInterrupt(context, *server, id);
    }
    if (!job) {
      const ErrorCode code = job.error().code;
      const bool may_return =
          code == ErrorCode::kUnavailable || code == ErrorCode::kResourceExhausted;
      if (away_since == 0) away_since = SteadyMs();
      if (!may_return || SteadyMs() - away_since > kServerAwayMs)
        return std::unexpected(job.error());
      SleepMs(500);
      continue;
    }
    away_since = 0;
    if (Ended(*job)) {
      line.Clear();
      const std::string state = TextOf(*job, "state");
      if (state == "succeeded") {
        for (const Json& warning : MemberOf(MemberOf(*job, "output"), "warnings"))
          context.Warn(CellText(warning));
        return job;
      }
      if (state == "cancelled") return Fail(ErrorCode::kCancelled, "job {} was cancelled", id);
      return std::unexpected(ErrorOfJob(*job));
    }
    if (!context.json() || TerminalWidth(2)) line.Update(ProgressOf(context, *job));
  }
}

namespace {

// After --no-wait: the job, and how to follow it.
Status ShowStarted(Context& context, const Json& answer) {
  ASSIGN_OR_RETURN(const std::string id, JobIdOf(answer));
  if (context.json()) {
    context.Print(answer);
  } else {
    context.Say(Msg("Started job {}. Follow it: aimass jobs wait {}", id, id));
  }
  return {};
}

}  // namespace

Result<std::optional<Json>> RunJob(Context& context, const std::string& path, const Json& body,
                                   bool no_wait) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  if (no_wait && context.connection().embedded()) {
    return context.WrongUsage(
        WithHint(Fail(ErrorCode::kInvalidArgument,
                      "--no-wait needs a server that stays when the command ends"),
                 Msg("start one: aimass serve --data {}", context.connection().data())));
  }
  ASSIGN_OR_RETURN(const Json started, server->Post(path, body));
  if (no_wait) {
    RETURN_IF_ERROR(ShowStarted(context, started));
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(Json job, AwaitJob(context, started));
  return job;
}

void AddNoWait(Verb& verb, bool& no_wait) {
  verb.Flag("--no-wait", no_wait, Msg("start the job and do not wait for it"));
}

}  // namespace aimass::cli
