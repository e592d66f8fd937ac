// aimass workspaces …: list, time-zone.
#include "main/cli/nouns.h"
#include "main/cli/output.h"

namespace aimass::cli {
namespace {

Status List(Context& context) {
  return GetAndShow(context, "/api/v1/workspaces", [&](const Json& answer) {
    Table table({{context.Text(Msg("Name"))},
                 {context.Text(Msg("Time zone"))},
                 {context.Text(Msg("Created"))}});
    for (const Json& item : MemberOf(answer, "items")) {
      table.Add(
          {TextOf(item, "name"), TextOf(item, "time_zone"), LocalTime(TextOf(item, "created_at"))});
    }
    context.Say(table);
  });
}

struct Zoned {
  std::string name, zone;
};

Status SetZone(Context& context, const Zoned& given) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Patch("/api/v1/workspaces/" + Encode(given.name),
                                                    Json{{"time_zone", given.zone}}));
  return ShowDone(
      context, answer,
      Msg("Workspace {} has the time zone {}", given.name, TextOf(answer, "time_zone")));
}

}  // namespace

void AddWorkspacesCommands(Verb& root) {
  Verb noun = root.Add("workspaces", Msg("Workspaces and their time zones"));
  noun.Group(Msg("Look after it:"));
  noun.Add("list", Msg("The workspaces that the key reaches")).Run([](Context& context) {
    return List(context);
  });
  auto given = std::make_shared<Zoned>();
  noun.Add("time-zone", Msg("Which time zone schedules mean"))
      .Required("NAME", given->name, Msg("name of the workspace"))
      .Required("ZONE", given->zone, Msg("as Asia/Shanghai, Europe/Berlin or UTC"))
      .Example("aimass workspaces time-zone default Asia/Shanghai",
               Msg("2:00 is two o'clock in China"))
      .Run([given](Context& context) { return SetZone(context, *given); });
}

}  // namespace aimass::cli
