// The table of contents of the REST API: one line per resource, in the order of api/openapi.yaml.
#include "api/routes.h"

#include "api/datasets.h"
#include "api/endpoints.h"
#include "api/events.h"
#include "api/jobs.h"
#include "api/keys.h"
#include "api/models.h"
#include "api/predictions.h"
#include "api/sources.h"
#include "api/uploads.h"
#include "api/workspaces.h"

namespace aimass {

std::function<void()> BindApi(const ApiParts& parts, http::Router& router) {
  BindSourcesApi(parts.sources, parts.send, parts.io, parts.ask, router);
  BindDatasetsApi(parts.datasets, parts.dataset_service, parts.collect, parts.collect_schedules,
                  parts.io, parts.data_folder, router);
  BindUploadsApi(parts.uploads, parts.io, router);
  BindSqlApi(parts.datasets, parts.sql_workers, parts.sql, parts.io, router);
  BindModelsApi(parts.models, parts.model_service, parts.uploads, parts.data_folder, parts.io,
                router);
  BindEndpointsApi(parts.endpoints, parts.io, parts.infer, router);
  BindPredictionsApi(parts.batches, parts.uploads, parts.data_folder, parts.io, parts.infer,
                     router);
  auto end_waiting = BindJobsApi(parts.jobs, parts.io, router);
  BindEventsApi(parts.jobs, parts.events, parts.io, router);
  BindKeysApi(parts.access, parts.io, router);
  BindWorkspacesApi(parts.access, parts.schedules, parts.io, router);
  return end_waiting;
}

}  // namespace aimass
