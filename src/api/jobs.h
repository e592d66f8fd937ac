#pragma once

#include <functional>

#include "api/http/router.h"
#include "base/pool.h"
#include "jobs/queue.h"

namespace aimass {

/// GET /api/v1/jobs, GET /api/v1/jobs/{id}, GET /api/v1/jobs/{id}/log, POST
/// /api/v1/jobs/{id}/cancel. Returns what ends the requests that wait for a job (`?wait_ms=`): for
/// a server that stops.
std::function<void()> BindJobsApi(JobQueue& queue, Pool& io, http::Router& router);

/// 202 with the job that was started.
http::Response JobStarted(const Job& job, Language language);

}  // namespace aimass
