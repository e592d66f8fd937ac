#pragma once

#include <functional>
#include <string>

#include "api/http/router.h"
#include "api/sql.h"
#include "base/pool.h"

namespace aimass {

class Access;
class BatchService;
class CollectSchedules;
class CollectService;
class DatasetCatalog;
class DatasetService;
class EndpointService;
class EventHub;
class JobQueue;
class ModelRegistry;
class ModelService;
class ScheduleService;
class SendService;
class SourceService;
class UploadStore;

/// What the resources are made of; each one is handed only the parts that it uses.
struct ApiParts {
  std::string data_folder;
  Pool& io;
  Pool& sql;
  Pool& ask;
  SqlWorkers& sql_workers;
  Access& access;
  JobQueue& jobs;
  EventHub& events;
  UploadStore& uploads;
  DatasetCatalog& datasets;
  DatasetService& dataset_service;
  SourceService& sources;
  CollectService& collect;
  SendService& send;
  ScheduleService& schedules;
  CollectSchedules& collect_schedules;
  ModelRegistry& models;
  ModelService& model_service;
  EndpointService& endpoints;
  BatchService& batches;
  Pool& infer;
};

/// Every resource under /api/v1. Returns what ends the requests that wait for something: for a
/// server that stops.
[[nodiscard]] std::function<void()> BindApi(const ApiParts& parts, http::Router& router);

}  // namespace aimass
