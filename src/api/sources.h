#pragma once

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/send/service.h"
#include "sources/service.h"

namespace aimass {

/// /api/v1/sources and /api/v1/connectors. `ask` runs what asks a source itself, which may take as
/// long as its time-outs; `io` the rest.
void BindSourcesApi(SourceService& sources, SendService& send, Pool& io, Pool& ask,
                    http::Router& router);

}  // namespace aimass
