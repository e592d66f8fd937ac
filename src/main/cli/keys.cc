// aimass keys …: list, create, revoke.
#include "main/cli/nouns.h"
#include "main/cli/output.h"

namespace aimass::cli {
namespace {

Status List(Context& context) {
  return GetAndShow(context, "/api/v1/keys", [&](const Json& answer) {
    Table table({{context.Text(Msg("Id"))},
                 {context.Text(Msg("Name"))},
                 {context.Text(Msg("Begins with"))},
                 {context.Text(Msg("Created"))},
                 {context.Text(Msg("Revoked"))}});
    for (const Json& key : MemberOf(answer, "items")) {
      const Json& revoked = MemberOf(key, "revoked_at");
      table.Add({TextOf(key, "id"), TextOf(key, "name"), TextOf(key, "prefix"),
                 LocalTime(TextOf(key, "created_at")),
                 revoked.is_string() ? LocalTime(CellText(revoked)) : "–"});
    }
    context.Say(table);
  });
}

Status Create(Context& context, const std::string& name) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Post("/api/v1/keys", Json{{"name", name}}));
  if (context.json()) {
    context.Print(answer);
  } else {
    context.Say(std::string_view(
        TextOf(answer, MemberOf(answer, "secret").is_string() ? "secret" : "key")));
    context.Note(Msg(
        "This is the only time that the key is shown. Keep it: the server has only its checksum."));
  }
  return {};
}

Status Revoke(Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Delete("/api/v1/keys/" + Encode(id)));
  return ShowDone(context, answer, Msg("Key {} is revoked", id));
}

}  // namespace

void AddKeysCommands(Verb& root) {
  Verb noun = root.Add("keys", Msg("Keys of programs that call the server"));
  noun.Group(Msg("Look after it:"));
  noun.Add("list", Msg("All keys, without their secrets")).Run([](Context& context) {
    return List(context);
  });
  auto name = std::make_shared<std::string>();
  noun.Add("create", Msg("A new key; printed once"))
      .Required("NAME", *name, Msg("whose it is"))
      .Example("aimass keys create web-shop", Msg("for one program"))
      .Run([name](Context& context) { return Create(context, *name); });
  auto id = std::make_shared<std::string>();
  noun.Add("revoke", Msg("Make a key useless at once"))
      .Required("ID", *id, Msg("the key's id, from the list"))
      .Run([id](Context& context) { return Revoke(context, *id); });
}

}  // namespace aimass::cli
