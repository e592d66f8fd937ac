#pragma once

#include <string>

#include "api/http/router.h"
#include "base/pool.h"

namespace aimass {

class Access;
class EventHub;
class JobQueue;
class ModelRegistry;
class ModelService;
class UploadStore;

/// What the resources are made of; each one is handed only the parts that it uses.
struct ApiParts {
  std::string data_folder;
  Pool& io;
  Access& access;
  JobQueue& jobs;
  EventHub& events;
  UploadStore& uploads;
  ModelRegistry& models;
  ModelService& model_service;
};

/// Every resource under /api/v1.
void BindApi(const ApiParts& parts, http::Router& router);

}  // namespace aimass
