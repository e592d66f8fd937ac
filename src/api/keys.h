#pragma once

#include "access/access.h"
#include "api/http/router.h"
#include "base/pool.h"

namespace aimass {

/// GET and POST /api/v1/keys, DELETE /api/v1/keys/{id}.
void BindKeysApi(Access& access, Pool& io, http::Router& router);

}  // namespace aimass
