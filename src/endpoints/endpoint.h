#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "base/guarded.h"
#include "jobs/job.h"
#include "models/loaded_model.h"
#include "models/registry.h"
#include "runtimes/runtime.h"
#include "store/database.h"

namespace aimass {

/// Which share of an endpoint's requests a version gets.
struct Route {
  std::string model;     // its name now
  std::string model_id;  // filled in by the service
  std::string version;   // a number, or an alias that is looked up when it moves
  double weight = 100.0;
};

struct EndpointInfo {
  std::string id;
  std::string name;
  std::vector<Route> routes;
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
};

struct EndpointPage {
  std::vector<EndpointInfo> items;
  std::string next_cursor;  // empty: the last page
};

/// What answers one request.
struct Target {
  std::shared_ptr<const LoadedModel> loaded;
  std::string model;
  std::int64_t version = 0;
  std::string folder;
  std::string checksum;
};

/// Endpoints and the models that they serve. Models are loaded once, on first use or by Warm(), and
/// shared; a changed route, alias or version is swapped in after it was loaded, so no request waits
/// for it or fails.
///
/// Threads  any.
class EndpointService {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  /// Registers itself with `registry`: what endpoints route to cannot be deleted.
  EndpointService(Database& database, ModelRegistry& registry, const RuntimeRegistry& runtimes);
  ~EndpointService();

  /// Errors   kConflict where the name exists; kNotFound for a model or version; kUnprocessable for
  /// routes that
  ///          make no sense together.
  [[nodiscard]] Result<EndpointInfo> Create(const Caller& caller, std::string_view name,
                                            std::vector<Route> routes);
  [[nodiscard]] Result<EndpointInfo> Get(const Caller& caller, std::string_view name) const;
  [[nodiscard]] Result<EndpointPage> List(const Caller& caller, int limit,
                                          std::string_view cursor) const;
  /// New routes, a new name, or both. Requests go to the new routes once this returns.
  [[nodiscard]] Result<EndpointInfo> Change(const Caller& caller, std::string_view name,
                                            std::optional<std::string> new_name,
                                            std::optional<std::vector<Route>> routes);
  [[nodiscard]] Status Delete(const Caller& caller, std::string_view name);

  /// Points the endpoint at one version; creates it where it is new.
  [[nodiscard]] Result<EndpointInfo> Deploy(const Caller& caller, std::string_view name,
                                            std::string_view model, std::string_view version);
  /// For JobQueue::AfterCommit("train"): deploys where the job's parameters ask for it.
  void AfterTraining(const Job& job);

  /// Who answers, if that is known without touching disk or database; else nullptr. Never blocks.
  /// `sticky`: the same key goes the same way; empty: by chance.
  [[nodiscard]] std::optional<Target> Ready(const Caller& caller, std::string_view name,
                                            std::string_view sticky) const;
  /// The same, and loads what is missing: for a pool.
  [[nodiscard]] Result<Target> Choose(const Caller& caller, std::string_view name,
                                      std::string_view sticky);

  /// One version of a model, without an endpoint.
  [[nodiscard]] std::optional<Target> ReadyModel(const Caller& caller, std::string_view model,
                                                 std::string_view version) const;
  [[nodiscard]] Result<Target> LoadModel(const Caller& caller, std::string_view model,
                                         std::string_view version);

  /// Loads what every endpoint of every workspace routes to, in a thread of its own. Returns at
  /// once.
  void Warm();

 private:
  struct State;
  struct Served;
  [[nodiscard]] Result<std::shared_ptr<const Served>> Serve(const Caller& caller,
                                                            const std::vector<Route>& routes);
  [[nodiscard]] Result<Target> LoadVersion(std::string_view model, const ModelVersion& version);
  [[nodiscard]] Result<std::vector<Route>> CheckRoutes(const Caller& caller,
                                                       std::vector<Route> routes) const;
  [[nodiscard]] Result<EndpointInfo> FromRow(const Caller& caller, const SqlRow& row) const;
  [[nodiscard]] Result<std::vector<std::string>> UsersOf(const Caller& caller,
                                                         const std::string& model_id,
                                                         std::optional<std::int64_t> version) const;
  void Refresh(const Caller& caller);

  Database& database_;
  ModelRegistry& registry_;
  const RuntimeRegistry& runtimes_;
  std::unique_ptr<State> state_;
};

}  // namespace aimass
