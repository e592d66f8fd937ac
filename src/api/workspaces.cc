// Workspaces: which a key reaches, and their time zone.
#include "api/workspaces.h"

#include "base/clock.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

Json WorkspaceJson(const Workspace& workspace) {
  return {{"id", workspace.id},
          {"name", workspace.name},
          {"time_zone", workspace.time_zone},
          {"created_at", ToRfc3339(workspace.created_ms)}};
}

// GET /api/v1/workspaces
Task<Result<Response>> ListWorkspaces(Access& access, Pool& io, const Request& request) {
  const auto list = [&]() -> Result<Json> {
    ASSIGN_OR_RETURN(const std::vector<Workspace> workspaces,
                     access.ListWorkspaces(request.caller));
    Json items = Json::array();
    for (const Workspace& workspace : workspaces) items.push_back(WorkspaceJson(workspace));
    return Json{{"items", std::move(items)}, {"next_cursor", nullptr}};
  };
  CO_ASSIGN_OR_RETURN(const Json page, co_await RunOn(io, list));
  co_return Response::Of(page);
}

// PATCH /api/v1/workspaces/{name}
Task<Result<Response>> PatchWorkspace(Access& access, ScheduleService& schedules, Pool& io,
                                      const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"time_zone"}));
  CO_ASSIGN_OR_RETURN(const std::string zone, GetString(body, "time_zone"));
  const auto change = [&]() -> Result<Json> {
    ASSIGN_OR_RETURN(const Workspace workspace,
                     access.SetTimeZone(request.caller, request.params.at("name"), zone));
    RETURN_IF_ERROR(schedules.TimeZoneChanged(workspace.id));
    return WorkspaceJson(workspace);
  };
  CO_ASSIGN_OR_RETURN(const Json changed, co_await RunOn(io, change));
  co_return Response::Of(changed);
}

}  // namespace

void BindWorkspacesApi(Access& access, ScheduleService& schedules, Pool& io, http::Router& router) {
  router.Get("/api/v1/workspaces",
             [&](const Request& request) { return ListWorkspaces(access, io, request); });
  router.Patch("/api/v1/workspaces/{name}", [&](const Request& request) {
    return PatchWorkspace(access, schedules, io, request);
  });
}

}  // namespace aimass
