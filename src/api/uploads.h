#pragma once

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/uploads.h"

namespace aimass {

/// tus 1.0 at /api/v1/uploads: creation, creation-with-upload, deferred length, termination,
/// expiration.
void BindUploadsApi(UploadStore& uploads, Pool& io, http::Router& router);

}  // namespace aimass
