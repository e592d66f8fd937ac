#include "main/schema.h"

#include "access/access.h"
#include "datasets/catalog.h"
#include "datasets/collect/service.h"
#include "endpoints/endpoint.h"
#include "jobs/queue.h"
#include "jobs/schedule.h"
#include "models/registry.h"
#include "sources/service.h"

namespace aimass {

std::vector<Migration> AllMigrations() {
  std::vector<Migration> migrations;
  for (const auto& steps :
       {Access::Migrations(), JobQueue::Migrations(), ScheduleService::Migrations(),
        DatasetCatalog::Migrations(), SourceService::Migrations(), CollectService::Migrations(),
        ModelRegistry::Migrations(), EndpointService::Migrations()}) {
    migrations.insert(migrations.end(), steps.begin(), steps.end());
  }
  return migrations;
}

}  // namespace aimass
