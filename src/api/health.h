#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/http/metrics.h"
#include "api/http/router.h"
#include "base/pool.h"

namespace aimass {

/// One part that must answer before the server is ready. Runs on the `io` pool.
struct ReadinessCheck {
  std::string name;  // "database"
  std::function<Status()> check;
};

/// GET /healthz (the process answers), /readyz (its parts answer), /metrics, /openapi.json, /docs.
void BindHealthApi(std::vector<ReadinessCheck> checks, const http::Metrics& metrics, Pool& io,
                   http::Router& router);

}  // namespace aimass
