#pragma once

#include <string>

#include "api/http/router.h"
#include "base/pool.h"
#include "datasets/catalog.h"
#include "datasets/collect/schedules.h"
#include "datasets/collect/service.h"
#include "datasets/service.h"

namespace aimass {

/// /api/v1/datasets: import, derive, list, look, versions, rows, rejected rows, export, rename,
/// delete, refresh; from a source: collect, schedule, runs.
void BindDatasetsApi(DatasetCatalog& catalog, DatasetService& service, CollectService& collect,
                     CollectSchedules& schedules, Pool& io, std::string data_folder,
                     http::Router& router);

}  // namespace aimass
