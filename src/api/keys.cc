// Keys of programs.
#include "api/keys.h"

#include "base/clock.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

Json KeyJson(const AccessKey& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"prefix", key.prefix},
          {"role", key.role},
          {"created_at", ToRfc3339(key.created_ms)},
          {"revoked_at", key.revoked_ms == 0 ? Json() : Json(ToRfc3339(key.revoked_ms))}};
}

Json Page(Json items) { return {{"items", std::move(items)}, {"next_cursor", nullptr}}; }

// GET /api/v1/keys
Task<Result<Response>> ListKeys(Access& access, Pool& io, const Request& request) {
  const auto list = [&]() -> Result<Json> {
    ASSIGN_OR_RETURN(const std::vector<AccessKey> keys, access.ListKeys(request.caller));
    Json items = Json::array();
    for (const AccessKey& key : keys) items.push_back(KeyJson(key));
    return Page(std::move(items));
  };
  CO_ASSIGN_OR_RETURN(const Json page, co_await RunOn(io, list));
  co_return Response::Of(page);
}

// POST /api/v1/keys
Task<Result<Response>> CreateKey(Access& access, Pool& io, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"name"}));
  CO_ASSIGN_OR_RETURN(const std::string name, GetString(body, "name"));
  const auto create = [&]() -> Result<NewKey> { return access.CreateKey(request.caller, name); };
  CO_ASSIGN_OR_RETURN(const NewKey made, co_await RunOn(io, create));
  Json answer = KeyJson(made.key);
  answer["secret"] = made.secret;
  Response response = Response::Of(answer, 201);
  response.headers.emplace_back("Location", "/api/v1/keys/" + made.key.id);
  co_return response;
}

// DELETE /api/v1/keys/{id}
Task<Result<Response>> RevokeKey(Access& access, Pool& io, const Request& request) {
  const auto revoke = [&]() -> Result<bool> {
    RETURN_IF_ERROR(access.RevokeKey(request.caller, request.params.at("id")));
    return true;
  };
  CO_ASSIGN_OR_RETURN([[maybe_unused]] const bool revoked, co_await RunOn(io, revoke));
  co_return Response{.status = 204};
}

}  // namespace

void BindKeysApi(Access& access, Pool& io, http::Router& router) {
  router.Get("/api/v1/keys", [&](const Request& request) { return ListKeys(access, io, request); });
  router.Post("/api/v1/keys",
              [&](const Request& request) { return CreateKey(access, io, request); });
  router.Delete("/api/v1/keys/{id}",
                [&](const Request& request) { return RevokeKey(access, io, request); });
}

}  // namespace aimass
