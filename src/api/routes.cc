// The table of contents of the REST API: one line per resource, in the order of api/openapi.yaml.
#include "api/routes.h"

#include "api/events.h"
#include "api/jobs.h"
#include "api/models.h"
#include "api/uploads.h"

namespace aimass {

void BindApi(const ApiParts& parts, http::Router& router) {
  BindUploadsApi(parts.uploads, parts.io, router);
  BindModelsApi(parts.models, parts.model_service, parts.uploads, parts.data_folder, parts.io, router);
  BindJobsApi(parts.jobs, parts.io, router);
  BindEventsApi(parts.jobs, parts.events, parts.io, router);
}

}  // namespace aimass
