#pragma once

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/catalog.h"
#include "datasets/sql/workers.h"

namespace aimass {

/// POST /api/v1/sql, POST /api/v1/sql/{id}/cancel. Requests wait for their query on `pool`.
void BindSqlApi(const DatasetCatalog& catalog, SqlWorkers& workers, Pool& pool, Pool& io,
                http::Router& router);

}  // namespace aimass
