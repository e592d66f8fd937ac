#pragma once

#include "api/http/router.h"
#include "base/pool.h"
#include "jobs/queue.h"

namespace aimass {

/// GET /api/v1/jobs, GET /api/v1/jobs/{id}, GET /api/v1/jobs/{id}/log, POST /api/v1/jobs/{id}/cancel.
void BindJobsApi(JobQueue& queue, Pool& io, http::Router& router);

}  // namespace aimass
