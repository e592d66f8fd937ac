// Sources: where data lives, whether it can be reached, which tables it has.
#include "api/sources.h"

#include <memory>
#include <utility>

#include "api/jobs.h"
#include "api/members.h"
#include "base/clock.h"
#include "base/words.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

constexpr std::int64_t kMaxPreview = 100;

struct Parts {
  SourceService& sources;
  SendService& send;
  Pool& io;
  Pool& ask;
};

std::string_view KindName(FieldKind kind) {
  switch (kind) {
    case FieldKind::kText:
      return "text";
    case FieldKind::kInteger:
      return "integer";
    case FieldKind::kNumber:
      return "number";
    case FieldKind::kBool:
      return "boolean";
    case FieldKind::kSecret:
      return "secret";
    case FieldKind::kChoice:
      return "choice";
  }
  return "text";
}

Json FieldJson(const Field& field, Language language) {
  Json json{{"name", field.name},
            {"label", field.label.In(language)},
            {"kind", KindName(field.kind)},
            {"required", field.required},
            {"default", field.default_value.empty() ? Json() : Json(field.default_value)}};
  if (field.kind != FieldKind::kChoice) return json;
  Json choices = Json::array();
  for (std::string_view left = field.choices; !left.empty();) {
    const std::size_t space = left.find(' ');
    choices.push_back(left.substr(0, space));
    left = space == std::string_view::npos ? std::string_view() : left.substr(space + 1);
  }
  json["choices"] = std::move(choices);
  return json;
}

Json ConnectorJson(const Connector& connector, Language language) {
  Json fields = Json::array();
  for (const Field& field : connector.fields) fields.push_back(FieldJson(field, language));
  return {{"name", connector.name},
          {"label", connector.label.In(language)},
          {"fields", std::move(fields)},
          {"can",
           {{"query", connector.can.query},
            {"incremental", connector.can.incremental},
            {"count", connector.can.count},
            {"sums", connector.can.sums},
            {"moment", connector.can.moment},
            {"files", connector.can.files},
            {"write", connector.can.write},
            {"changes", connector.can.changes}}}};
}

// Secrets are only said to be there.
Json SourceJson(const Parts& parts, const SourceInfo& info) {
  Json settings = Json::object();
  Json secrets = Json::array();
  const auto connector = parts.sources.connectors().Find(info.spec.kind);
  for (const auto& [name, value] : info.spec.settings) {
    bool secret = !connector;  // of a connector that this build lacks, nothing is known
    for (const Field& field : connector ? (*connector)->fields : std::span<const Field>()) {
      if (field.name == name) secret = field.kind == FieldKind::kSecret;
    }
    if (!secret) {
      settings[name] = value;
    } else if (!value.empty()) {
      secrets.push_back(name);
    }
  }
  return {{"id", info.spec.id},
          {"name", info.spec.name},
          {"kind", info.spec.kind},
          {"settings", std::move(settings)},
          {"secrets", std::move(secrets)},
          {"created_at", ToRfc3339(info.created_ms)},
          {"updated_at", ToRfc3339(info.updated_ms)}};
}

// {"host":"db","port":3306}: numbers and truth values may be given as such.
Result<Settings> SettingsOf(const Json& body) {
  Settings settings;
  const auto given = body.find("settings");
  if (given == body.end() || given->is_null()) return settings;
  if (!given->is_object())
    return Fail(ErrorCode::kUnprocessable, "'{}' must be {}, found {}", "settings",
                Word{"an object"}, KindOf(*given));
  for (const auto& [name, value] : given->items()) {
    if (value.is_string()) {
      settings[name] = value.get<std::string>();
    } else if (value.is_number() || value.is_boolean()) {
      settings[name] = value.dump();
    } else if (!value.is_null()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' must be {}, found {}", name, Word{"a text"},
                  KindOf(value));
    }
  }
  return settings;
}

// GET /api/v1/connectors
Response ListConnectors(const Parts& parts, const Request& request) {
  Json items = Json::array();
  for (const auto& [name, connector] : parts.sources.connectors().types())
    items.push_back(ConnectorJson(connector, request.language));
  return Response::Of({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

// GET /api/v1/sources
Task<Result<Response>> ListSources(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, 1000));
  const auto cursor = request.query.find("cursor");
  CO_ASSIGN_OR_RETURN(const SourcePage page, co_await RunOn(parts.io, [&] {
                        return parts.sources.List(
                            request.caller, static_cast<int>(limit),
                            cursor == request.query.end() ? "" : cursor->second);
                      }));
  Json items = Json::array();
  for (const SourceInfo& info : page.items) items.push_back(SourceJson(parts, info));
  Json next;
  if (!page.next_cursor.empty()) next = page.next_cursor;
  co_return Response::Of({{"items", std::move(items)}, {"next_cursor", std::move(next)}});
}

// POST /api/v1/sources
Task<Result<Response>> CreateSource(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"name", "kind", "settings"}));
  CO_ASSIGN_OR_RETURN(const std::string name, GetString(body, "name"));
  CO_ASSIGN_OR_RETURN(const std::string kind, GetString(body, "kind"));
  CO_ASSIGN_OR_RETURN(const Settings settings, SettingsOf(body));
  CO_ASSIGN_OR_RETURN(const SourceInfo info, co_await RunOn(parts.io, [&] {
                        return parts.sources.Create(request.caller, name, kind, settings);
                      }));
  Response response = Response::Of(SourceJson(parts, info), 201);
  response.headers.emplace_back("Location", "/api/v1/sources/" + info.spec.id);
  co_return response;
}

// GET /api/v1/sources/{name}
Task<Result<Response>> GetSource(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const SourceInfo info, co_await RunOn(parts.io, [&] {
                        return parts.sources.Get(request.caller, request.params.at("name"));
                      }));
  co_return Response::Of(SourceJson(parts, info));
}

// PATCH /api/v1/sources/{name}
Task<Result<Response>> ChangeSource(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"name", "settings"}));
  std::optional<std::string> name;
  if (body.contains("name") && !body["name"].is_null()) {
    CO_ASSIGN_OR_RETURN(name, GetString(body, "name"));
  }
  CO_ASSIGN_OR_RETURN(const Settings settings, SettingsOf(body));
  CO_ASSIGN_OR_RETURN(const SourceInfo info, co_await RunOn(parts.io, [&] {
                        return parts.sources.Change(request.caller, request.params.at("name"), name,
                                                    settings);
                      }));
  co_return Response::Of(SourceJson(parts, info));
}

// DELETE /api/v1/sources/{name}
Task<Result<Response>> DeleteSource(Parts& parts, const Request& request) {
  CO_RETURN_IF_ERROR(co_await RunOn(
      parts.io, [&] { return parts.sources.Delete(request.caller, request.params.at("name")); }));
  co_return Response{.status = 204};
}

// POST /api/v1/sources/{name}/test
Task<Result<Response>> TestSource(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::vector<Check> checks, co_await RunOn(parts.ask, [&] {
                        return parts.sources.Test(request.caller, request.params.at("name"));
                      }));
  bool ok = true;
  Json items = Json::array();
  for (const Check& check : checks) {
    ok = ok && check.ok;
    Json item{{"ok", check.ok}, {"message", Render(check.message, request.language)}};
    item["hint"] = check.hint.empty() ? Json() : Json(Render(check.hint, request.language));
    items.push_back(std::move(item));
  }
  co_return Response::Of({{"ok", ok}, {"checks", std::move(items)}});
}

// GET /api/v1/sources/{name}/tables
Task<Result<Response>> ListTables(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::vector<SourceTable> tables, co_await RunOn(parts.ask, [&] {
                        return parts.sources.Tables(request.caller, request.params.at("name"));
                      }));
  Json items = Json::array();
  for (const SourceTable& table : tables) {
    items.push_back({{"name", table.name},
                     {"kind", table.view ? "view" : "table"},
                     {"comment", table.comment},
                     {"rows", table.rows ? Json(*table.rows) : Json()}});
  }
  co_return Response::Of({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

// GET /api/v1/sources/{name}/tables/{table}
Task<Result<Response>> GetTable(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 20, 0, kMaxPreview));
  CO_ASSIGN_OR_RETURN(const TablePreview preview, co_await RunOn(parts.ask, [&] {
                        return parts.sources.Preview(request.caller, request.params.at("name"),
                                                     request.params.at("table"), limit);
                      }));
  Json columns = Json::array();
  for (const SourceColumn& column : preview.description.columns) {
    columns.push_back({{"name", column.column.name},
                       {"type", TypeName(column.column.type)},
                       {"native_type", column.native_type},
                       {"nullable", column.column.nullable},
                       {"comment", column.comment}});
  }
  co_return Response::Of(
      {{"name", preview.description.name},
       {"columns", std::move(columns)},
       {"key", preview.description.key},
       {"estimated_rows", preview.description.rows ? Json(*preview.description.rows) : Json()},
       {"rows", preview.rows}});
}

// POST /api/v1/sources/{name}/write
Task<Result<Response>> WriteToSource(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"dataset", "dataset_version", "table", "mode", "key"}));
  SendRequest send{.source = request.params.at("name"),
                   .dataset = {},
                   .version = std::nullopt,
                   .table = {},
                   .key = {},
                   .idempotency_key = std::string(request.Header("idempotency-key"))};
  CO_ASSIGN_OR_RETURN(send.dataset, TextMember(body, "dataset", ""));
  if (body.contains("dataset_version") && !body["dataset_version"].is_null()) {
    CO_ASSIGN_OR_RETURN(send.version, GetInteger(body, "dataset_version"));
  }
  CO_ASSIGN_OR_RETURN(send.table, TextMember(body, "table", ""));
  CO_ASSIGN_OR_RETURN(const std::string mode, TextMember(body, "mode", "append"));
  CO_ASSIGN_OR_RETURN(send.mode, SendModeFromName(mode));
  CO_ASSIGN_OR_RETURN(send.key, ColumnsMember(body, "key"));
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.io, [&] {
                        return parts.send.Send(request.caller, send);
                      }));
  co_return JobStarted(job, request.language);
}

}  // namespace

void BindSourcesApi(SourceService& sources, SendService& send, Pool& io, Pool& ask,
                    http::Router& router) {
  auto parts = std::make_shared<Parts>(Parts{sources, send, io, ask});
  const auto with =
      [&parts](Task<Result<Response>> (*handler)(Parts&, const Request&)) -> http::Handler {
    return [parts, handler](const Request& request) { return handler(*parts, request); };
  };
  router.Get("/api/v1/connectors", [parts](const Request& request) -> Task<Result<Response>> {
    co_return ListConnectors(*parts, request);
  });
  router.Get("/api/v1/sources", with(ListSources));
  router.Post("/api/v1/sources", with(CreateSource));
  router.Get("/api/v1/sources/{name}", with(GetSource));
  router.Patch("/api/v1/sources/{name}", with(ChangeSource));
  router.Delete("/api/v1/sources/{name}", with(DeleteSource));
  router.Post("/api/v1/sources/{name}/test", with(TestSource));
  router.Post("/api/v1/sources/{name}/write", with(WriteToSource));
  router.Get("/api/v1/sources/{name}/tables", with(ListTables));
  router.Get("/api/v1/sources/{name}/tables/{table}", with(GetTable));
}

}  // namespace aimass
