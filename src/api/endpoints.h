#pragma once

#include "api/http/router.h"
#include "base/pool.h"
#include "endpoints/endpoint.h"

namespace aimass {

/// /api/v1/endpoints and /api/v1/models/{name}/predict. One row is answered on the thread that read
/// it; many rows, explanations and models that are not loaded yet go to `infer`, the metadata to
/// `io`.
void BindEndpointsApi(EndpointService& endpoints, Pool& io, Pool& infer, http::Router& router);

}  // namespace aimass
