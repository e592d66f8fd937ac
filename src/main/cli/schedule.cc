// aimass datasets schedule, and what add and show have of schedules.
#include "main/cli/schedule.h"

#include "main/cli/output.h"

namespace aimass::cli {
namespace {

struct ChangeOptions {
  std::string name, when;
  std::optional<std::string> catch_up;
  bool off = false;
};

Status Change(Context& context, const ChangeOptions& given) {
  if (given.off && (!given.when.empty() || given.catch_up)) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "--off does not go with a schedule"));
  }
  Json body = Json::object();
  if (!given.when.empty()) body["schedule"] = given.when;
  if (given.off) body["schedule"] = nullptr;
  if (given.catch_up) body["catch_up"] = *given.catch_up;
  if (body.empty()) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "give a schedule, as '*/5 * * * *', or --off"));
  }
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json dataset,
                   server->Patch("/api/v1/datasets/" + Encode(given.name), body));
  if (context.json()) {
    context.Print(dataset);
  } else if (MemberOf(dataset, "schedule").is_null()) {
    context.Say(Msg("Dataset {} has no schedule", TextOf(dataset, "name")));
  } else {
    SaySchedule(context, dataset);
  }
  return {};
}

}  // namespace

void AddScheduleOptions(Verb& verb, ScheduleOptions& given) {
  verb.Option("--schedule", "WHEN", given.schedule,
              Msg("collect again by itself: cron as '*/5 * * * *' in the workspace's time zone, "
                  "'every 15m', or 'after:DATASET'"))
      .Option("--catch-up", "HOW", given.catch_up,
              Msg("of the runs missed while no server ran: latest makes one, all makes each, skip "
                  "none"))
      .Choices({"latest", "all", "skip"});
}

void PutSchedule(const ScheduleOptions& given, Json& body) {
  if (given.schedule) body["schedule"] = *given.schedule;
  if (given.catch_up) body["catch_up"] = *given.catch_up;
}

void SaySchedule(Context& context, const Json& dataset) {
  const Json& when = MemberOf(dataset, "schedule");
  if (!when.is_string()) return;
  if (const Json& reason = MemberOf(dataset, "schedule_paused"); reason.is_string()) {
    context.Say(Msg("Schedule {}: paused, {}", CellText(when), CellText(reason)));
  } else if (const Json& next = MemberOf(dataset, "next_run_at"); next.is_string()) {
    context.Say(Msg("Schedule {} in time zone {}: next run {}", CellText(when),
                    TextOf(dataset, "time_zone"), LocalTime(CellText(next))));
  } else {
    context.Say(Msg("Schedule {}", CellText(when)));
  }
  const Json& last = MemberOf(dataset, "last_scheduled_run");
  if (!last.is_object()) return;
  if (const Json& error = MemberOf(last, "error"); error.is_string()) {
    context.Say(Msg("Last scheduled run {}: not started, {}", LocalTime(TextOf(last, "due_at")),
                    CellText(error)));
  } else {
    context.Say(Msg("Last scheduled run {}: {}", LocalTime(TextOf(last, "due_at")),
                    context.Translated(TextOf(last, "state"))));
  }
}

void AddScheduleVerb(Verb& noun) {
  auto given = std::make_shared<ChangeOptions>();
  noun.Add("schedule", Msg("When a dataset from a source is collected again by itself"))
      .Details(Msg("Times are those of the workspace: aimass workspaces. A server must run. While "
                   "one collection runs, the next waits for it."))
      .Required("NAME", given->name, Msg("name of the dataset"))
      .Optional("WHEN", given->when,
                Msg("cron as '0 2 * * MON-FRI', @hourly, @daily, 'every 15m', or 'after:DATASET'"))
      .Option("--catch-up", "HOW", given->catch_up,
              Msg("of the runs missed while no server ran: latest makes one, all makes each, skip "
                  "none"))
      .Choices({"latest", "all", "skip"})
      .Flag("--off", given->off, Msg("not any more"))
      .Example("aimass datasets schedule orders '*/5 * * * *'", Msg("every five minutes"))
      .Example("aimass datasets schedule lines after:orders", Msg("whenever orders was collected"))
      .Example("aimass datasets schedule orders --off", Msg("only when asked"))
      .Run([given](Context& context) { return Change(context, *given); });
}

}  // namespace aimass::cli
