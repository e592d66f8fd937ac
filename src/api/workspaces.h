#pragma once

#include "access/access.h"
#include "api/http/router.h"
#include "base/pool.h"
#include "jobs/schedule.h"

namespace aimass {

/// GET /api/v1/workspaces, PATCH /api/v1/workspaces/{name}.
void BindWorkspacesApi(Access& access, ScheduleService& schedules, Pool& io, http::Router& router);

}  // namespace aimass
