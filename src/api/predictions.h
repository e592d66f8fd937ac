#pragma once

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/uploads.h"
#include "endpoints/batch.h"

namespace aimass {

/// POST /api/v1/predictions, GET /api/v1/predictions/{job}/file.
void BindPredictionsApi(BatchService& batches, const UploadStore& uploads, std::string data_folder,
                        Pool& io, Pool& infer, http::Router& router);

}  // namespace aimass
