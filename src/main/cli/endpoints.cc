// aimass endpoints …: list, show, create, update, delete.
#include <fmt/format.h>

#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/routes.h"
#include "main/cli/words.h"

namespace aimass::cli {
namespace {

struct Given {
  std::string name;
  std::vector<std::string> models;
  std::optional<std::int64_t> limit;
  bool yes = false;
};

std::string PathOf(std::string_view name) { return "/api/v1/endpoints/" + Encode(name); }

double WeightOf(const Json& route) {
  const Json& weight = MemberOf(route, "weight");
  return weight.is_number() ? weight.get<double>() : 0.0;
}

// The part of the requests that a route gets: weights need not add up to 100.
std::string ShareOf(const Json& endpoint, const Json& route) {
  double total = 0;
  for (const Json& each : MemberOf(endpoint, "routes")) total += WeightOf(each);
  return total > 0 ? fmt::format("{:.4g} %", 100 * WeightOf(route) / total) : "–";
}

std::string RoutesOf(const Json& endpoint) {
  std::string text;
  for (const Json& route : MemberOf(endpoint, "routes")) {
    text += (text.empty() ? "" : ", ") + fmt::format("{}:{} {}", TextOf(route, "model"),
                                                     TextOf(route, "version"),
                                                     ShareOf(endpoint, route));
  }
  return text;
}

Status List(Context& context, const Given& given) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer,
                   ListAll(*server, "/api/v1/endpoints", given.limit.value_or(0)));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  if (MemberOf(answer, "items").empty()) {
    context.Say(Msg("No endpoints yet. Make one: aimass endpoints create NAME --model MODEL"));
    return {};
  }
  Table table(
      {{context.Text(Msg("Name"))}, {context.Text(Msg("Routes"))}, {context.Text(Msg("Created"))}});
  for (const Json& endpoint : answer["items"]) {
    table.Add(
        {TextOf(endpoint, "name"), RoutesOf(endpoint), LocalTime(TextOf(endpoint, "created_at"))});
  }
  context.Say(table);
  return {};
}

void SayOne(Context& context, const Json& endpoint) {
  context.Say(Msg("Endpoint {}", TextOf(endpoint, "name")));
  Table table({{context.Text(Msg("Model"))},
               {context.Text(Msg("Version"))},
               {context.Text(Msg("Weight")), Table::Align::kRight},
               {context.Text(Msg("Requests")), Table::Align::kRight}});
  for (const Json& route : MemberOf(endpoint, "routes")) {
    table.Add({TextOf(route, "model"), TextOf(route, "version"), Number(WeightOf(route)),
               ShareOf(endpoint, route)});
  }
  context.Say(table);
}

Status Create(Context& context, const Given& given) {
  auto routes_given = ParseRoutes(given.models);
  if (!routes_given) return context.WrongUsage(std::unexpected(routes_given.error()));
  const Json& routes = *routes_given;
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Post("/api/v1/endpoints",
                                                   Json{{"name", given.name}, {"routes", routes}}));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  Json example;
  const auto version = server->Get("/api/v1/models/" + Encode(TextOf(routes[0], "model")) +
                                   "/versions/" + Encode(TextOf(routes[0], "version")));
  if (version) example = MemberOf(*version, "example");
  SayEndpoint(context, given.name, example);
  return {};
}

Status Update(Context& context, const Given& given) {
  auto routes_given = ParseRoutes(given.models);
  if (!routes_given) return context.WrongUsage(std::unexpected(routes_given.error()));
  const Json& routes = *routes_given;
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Patch(PathOf(given.name), Json{{"routes", routes}}));
  if (context.json()) {
    context.Print(answer);
  } else {
    SayOne(context, answer);
  }
  return {};
}

}  // namespace

void AddEndpointsCommands(Verb& root) {
  Verb noun = root.Add("endpoints", Msg("Addresses that answer with predictions"));
  noun.Group(Msg("From data to decisions:"));

  auto listed = std::make_shared<Given>();
  noun.Add("list", Msg("All endpoints, newest first"))
      .Option("--limit", "N", listed->limit, Msg("at most that many"))
      .Run([listed](Context& context) { return List(context, *listed); });

  auto shown = std::make_shared<Given>();
  noun.Add("show", Msg("One endpoint with its routes"))
      .Required("NAME", shown->name, Msg("name of the endpoint"))
      .Run([shown](Context& context) {
        return GetAndShow(context, PathOf(shown->name),
                          [&](const Json& answer) { SayOne(context, answer); });
      });

  const auto routed = [&noun](std::string_view verb, const Message& summary,
                              Status (*run)(Context&, const Given&)) {
    auto given = std::make_shared<Given>();
    Verb added = noun.Add(verb, summary);
    added.Required("NAME", given->name, Msg("name of the endpoint"))
        .Option("--model", "MODEL[:VERSION][=WEIGHT]", given->models,
                Msg("where requests go; the version is a number or an alias (champion unless "
                    "told); weights share the "
                    "requests; repeatable"))
        .Must()
        .Run([given, run](Context& context) { return run(context, *given); });
    return added;
  };
  routed("create", Msg("Serve a model, or several by weight"), Create)
      .Example("aimass endpoints create churn --model churn",
               Msg("the champion of churn, also when it changes"))
      .Example("aimass endpoints create churn --model churn:3=90 --model churn:4=10",
               Msg("one request of ten tries version 4"));
  routed("update", Msg("Send its requests elsewhere; no request is lost"), Update)
      .Example("aimass endpoints update churn --model churn:4", Msg("all requests to version 4"));

  auto deleted = std::make_shared<Given>();
  noun.Add("delete", Msg("Stop answering"))
      .Required("NAME", deleted->name, Msg("name of the endpoint"))
      .Flag("--yes", deleted->yes, Msg("do not ask"))
      .Run([deleted](Context& context) -> Status {
        RETURN_IF_ERROR(
            Confirm(context, deleted->yes,
                    Msg("Delete endpoint {}? Programs that use it will fail.", deleted->name)));
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer, server->Delete(PathOf(deleted->name)));
        return ShowDone(context, answer, Msg("Endpoint {} is deleted", deleted->name));
      });
}

}  // namespace aimass::cli
