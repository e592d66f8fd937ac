#pragma once

#include <cstdint>
#include <string>

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/catalog.h"
#include "datasets/sql/functions.h"

namespace aimass {

/// What one query may use.
struct SqlLimits {
  int threads = 2;
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  std::int64_t time_ms = 30'000;  // where the request asks for none
  std::string temp_folder;        // where large sorts and joins may spill; empty: they may not
};

/// POST /api/v1/sql, POST /api/v1/sql/{id}/cancel. Queries run on `sql`; `functions` is complete by
/// now.
void BindSqlApi(const DatasetCatalog& catalog, const SqlFunctionRegistry& functions, Pool& sql,
                Pool& io, SqlLimits limits, http::Router& router);

}  // namespace aimass
