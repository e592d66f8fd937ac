#include "api/endpoints.h"

#include <iterator>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/words.h"
#include "endpoints/rows.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxRows = 10'000;
constexpr std::size_t kMaxExplained = 1'000;
constexpr std::size_t kRowsInPlace = 8;  // microseconds: not worth a change of threads
constexpr std::size_t kMaxRouteKeyBytes = 256;

struct Parts {
  EndpointService& endpoints;
  Pool& io;
  Pool& infer;
};

Json RouteJson(const Route& route) {
  return {{"model", route.model}, {"version", route.version}, {"weight", route.weight}};
}

Json EndpointJson(const EndpointInfo& info) {
  Json routes = Json::array();
  for (const Route& route : info.routes) routes.push_back(RouteJson(route));
  return {{"id", info.id},
          {"name", info.name},
          {"routes", std::move(routes)},
          {"created_at", ToRfc3339(info.created_ms)},
          {"updated_at", ToRfc3339(info.updated_ms)}};
}

Result<std::vector<Route>> RoutesOf(const Json& body) {
  const auto list = body.find("routes");
  if (list == body.end() || !list->is_array()) {
    return Fail(ErrorCode::kInvalidArgument, "'routes' must be a list of routes, found {}",
                list == body.end() ? Word{"nothing"} : KindOf(*list));
  }
  std::vector<Route> routes;
  for (const Json& json : *list) {
    if (!json.is_object()) {
      return Fail(ErrorCode::kInvalidArgument, "a route must be an object, found {}", KindOf(json));
    }
    RETURN_IF_ERROR(RejectUnknown(json, {"model", "version", "weight"}));
    Route route;
    ASSIGN_OR_RETURN(route.model, GetString(json, "model"));
    if (const auto version = json.find("version");
        version != json.end() && version->is_number_integer()) {
      route.version = version->dump();
    } else {
      ASSIGN_OR_RETURN(route.version, GetString(json, "version", ""));
    }
    ASSIGN_OR_RETURN(route.weight, GetNumber(json, "weight", 100.0));
    routes.push_back(std::move(route));
  }
  return routes;
}

Status CheckObject(const Json& body) {
  if (body.is_object()) return {};
  return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object, found {}",
              KindOf(body));
}

// POST /api/v1/endpoints
Task<Result<Response>> CreateEndpoint(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(CheckObject(body));
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"name", "routes"}));
  CO_ASSIGN_OR_RETURN(const std::string name, GetString(body, "name"));
  CO_ASSIGN_OR_RETURN(std::vector<Route> routes, RoutesOf(body));
  CO_ASSIGN_OR_RETURN(const EndpointInfo info, co_await RunOn(parts.infer, [&] {
                        return parts.endpoints.Create(request.caller, name, std::move(routes));
                      }));
  co_return Response::Of(EndpointJson(info), 201);
}

// GET /api/v1/endpoints
Task<Result<Response>> ListEndpoints(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, 1000));
  const auto cursor = request.query.find("cursor");
  CO_ASSIGN_OR_RETURN(const EndpointPage page, co_await RunOn(parts.io, [&] {
                        return parts.endpoints.List(
                            request.caller, static_cast<int>(limit),
                            cursor == request.query.end() ? "" : cursor->second);
                      }));
  Json items = Json::array();
  for (const EndpointInfo& info : page.items) items.push_back(EndpointJson(info));
  Json next;
  if (!page.next_cursor.empty()) next = page.next_cursor;
  co_return Response::Of({{"items", std::move(items)}, {"next_cursor", std::move(next)}});
}

// GET /api/v1/endpoints/{name}
Task<Result<Response>> GetEndpoint(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const EndpointInfo info, co_await RunOn(parts.io, [&] {
                        return parts.endpoints.Get(request.caller, request.params.at("name"));
                      }));
  co_return Response::Of(EndpointJson(info));
}

// PATCH /api/v1/endpoints/{name}
Task<Result<Response>> ChangeEndpoint(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(CheckObject(body));
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"name", "routes"}));
  std::optional<std::string> name;
  std::optional<std::vector<Route>> routes;
  if (body.contains("name")) {
    CO_ASSIGN_OR_RETURN(name, GetString(body, "name"));
  }
  if (body.contains("routes")) {
    CO_ASSIGN_OR_RETURN(routes, RoutesOf(body));
  }
  CO_ASSIGN_OR_RETURN(const EndpointInfo info, co_await RunOn(parts.infer, [&] {
                        return parts.endpoints.Change(request.caller, request.params.at("name"),
                                                      name, routes);
                      }));
  co_return Response::Of(EndpointJson(info));
}

// DELETE /api/v1/endpoints/{name}
Task<Result<Response>> DeleteEndpoint(Parts& parts, const Request& request) {
  CO_RETURN_IF_ERROR(co_await RunOn(
      parts.io, [&] { return parts.endpoints.Delete(request.caller, request.params.at("name")); }));
  Response response;
  response.status = 204;
  co_return response;
}

Result<PredictBody> BodyOf(const Request& request) {
  RETURN_IF_ERROR(request.CheckJsonType());
  ASSIGN_OR_RETURN(PredictBody body, PredictBody::Parse(request.body));
  const std::size_t most = body.explain() ? kMaxExplained : kMaxRows;
  if (body.rows() > most) {
    return WithHint(Fail(ErrorCode::kPayloadTooLarge, "{} rows in one request, expected at most {}",
                         body.rows(), most),
                    Msg("predict files and datasets as a job: `aimass predict`, or POST "
                        "/api/v1/predictions"));
  }
  return body;
}

Result<Response> Answer(const Target& target, const PredictBody& body, Language language) {
  const LoadedModel& model = *target.loaded;
  ASSIGN_OR_RETURN(const RequestRows rows, body.CellsOf(model));
  const std::size_t columns = model.columns().size();
  std::vector<double> margins(model.outputs());
  Response response;
  std::string& out = response.body;
  out.reserve(128 + 128 * body.rows());
  out = "{\"predictions\":[";
  for (std::size_t i = 0; i < body.rows(); ++i) {
    const auto cells = std::span(rows.cells).subspan(i * columns, columns);
    model.Predict(cells, margins);
    if (i > 0) out += ',';
    if (!body.explain()) {
      AppendPrediction(out, model, margins, nullptr);
      continue;
    }
    ASSIGN_OR_RETURN(const Explanation why, model.Explain(cells));
    const Json explanation = ExplanationJson(model, why, body, i);
    AppendPrediction(out, model, margins, &explanation);
  }
  out += "],\"model\":";
  AppendJsonText(out, target.model);
  fmt::format_to(std::back_inserter(out), ",\"version\":{},\"warnings\":[", target.version);
  for (std::size_t i = 0; i < rows.warnings.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonText(out, Render(rows.warnings[i], language));
  }
  out += "]}";
  return response;
}

// POST /api/v1/endpoints/{name}/predict
Task<Result<Response>> PredictByEndpoint(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const PredictBody body, BodyOf(request));
  const std::string_view sticky = request.Header("x-route-key");
  if (sticky.size() > kMaxRouteKeyBytes) {
    co_return Fail(ErrorCode::kInvalidArgument, "X-Route-Key has {} bytes, expected at most {}",
                   sticky.size(), kMaxRouteKeyBytes);
  }
  const std::string& name = request.params.at("name");
  if (!body.explain() && body.rows() <= kRowsInPlace) {
    if (const auto target = parts.endpoints.Ready(request.caller, name, sticky)) {
      co_return Answer(*target, body, request.language);
    }
  }
  co_return co_await RunOn(parts.infer, [&]() -> Result<Response> {
    ASSIGN_OR_RETURN(const Target target, parts.endpoints.Choose(request.caller, name, sticky));
    return Answer(target, body, request.language);
  });
}

// POST /api/v1/models/{name}/predict
Task<Result<Response>> PredictByModel(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const PredictBody body, BodyOf(request));
  const auto given = request.query.find("version");
  const std::string version = given == request.query.end() ? std::string() : given->second;
  const std::string& name = request.params.at("name");
  if (!body.explain() && body.rows() <= kRowsInPlace) {
    if (const auto target = parts.endpoints.ReadyModel(request.caller, name, version)) {
      co_return Answer(*target, body, request.language);
    }
  }
  co_return co_await RunOn(parts.infer, [&]() -> Result<Response> {
    ASSIGN_OR_RETURN(const Target target, parts.endpoints.LoadModel(request.caller, name, version));
    return Answer(target, body, request.language);
  });
}

}  // namespace

void BindEndpointsApi(EndpointService& endpoints, Pool& io, Pool& infer, http::Router& router) {
  auto parts = std::make_shared<Parts>(Parts{endpoints, io, infer});
  const auto with =
      [&parts](Task<Result<Response>> (*handler)(Parts&, const Request&)) -> http::Handler {
    return [parts, handler](const Request& request) { return handler(*parts, request); };
  };
  router.Post("/api/v1/endpoints", with(CreateEndpoint));
  router.Get("/api/v1/endpoints", with(ListEndpoints));
  router.Get("/api/v1/endpoints/{name}", with(GetEndpoint));
  router.Patch("/api/v1/endpoints/{name}", with(ChangeEndpoint));
  router.Delete("/api/v1/endpoints/{name}", with(DeleteEndpoint));
  const http::RouteOptions rows{.max_body_bytes = 16u << 20};
  router.Post("/api/v1/endpoints/{name}/predict", with(PredictByEndpoint), rows);
  router.Post("/api/v1/models/{name}/predict", with(PredictByModel), rows);
}

}  // namespace aimass
