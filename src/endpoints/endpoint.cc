#include "endpoints/endpoint.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <random>
#include <thread>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxRoutes = 32;
constexpr std::size_t kMaxLoaded =
    512;  // versions in memory; beyond it those that nobody asked for longest go
constexpr std::string_view kColumns = "id, name, routes, created_ms, updated_ms";

// FNV-1a, then a finaliser: short keys differ in the low bits only.
std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

// Uniform in [0, 1): by the key, or by chance.
double Draw(std::string_view sticky) {
  static thread_local std::mt19937_64 chance(std::random_device{}());
  const std::uint64_t bits = sticky.empty() ? chance() : HashOf(sticky);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

Json RoutesJson(const std::vector<Route>& routes) {
  Json json = Json::array();
  for (const Route& route : routes) {
    json.push_back(
        {{"model_id", route.model_id}, {"version", route.version}, {"weight", route.weight}});
  }
  return json;
}

std::string KeyOf(const Caller& caller, std::string_view kind, std::string_view name,
                  std::string_view version = {}) {
  std::string key = caller.workspace;
  for (const std::string_view part : {kind, name, version}) {
    key += '\n';
    key += part;
  }
  return key;
}

}  // namespace

// What one name answers with: the targets and where their shares end.
struct EndpointService::Served {
  std::vector<Target> targets;
  std::vector<double> ends;  // cumulative weights

  [[nodiscard]] const Target& Pick(std::string_view sticky) const {
    if (targets.size() == 1) return targets.front();
    const double at = Draw(sticky) * ends.back();
    const auto found = std::upper_bound(ends.begin(), ends.end(), at);
    return targets[std::min<std::size_t>(static_cast<std::size_t>(found - ends.begin()),
                                         targets.size() - 1)];
  }
};

struct EndpointService::State {
  // One version on its way into memory: several requests for it load it once.
  struct Slot {
    std::mutex loading;
    std::shared_ptr<const LoadedModel> model;
    std::int64_t used_ms = 0;
  };
  struct Entry {
    std::shared_ptr<const Served> served;
    Caller caller;
    std::vector<Route> routes;
  };
  struct Names {
    std::map<std::string, Entry, std::less<>> map;  // by KeyOf
    std::uint64_t changes = 0;                      // of endpoints, aliases and versions so far
  };
  // Held while an endpoint changes or follows its aliases: of two that look up at the same time the
  // one that looked first could come last.
  std::mutex changing;
  Guarded<Names> names;
  Guarded<std::map<std::string, std::shared_ptr<Slot>>> slots;  // by folder
  std::jthread warming;

  [[nodiscard]] std::uint64_t Changes() const {
    return names.With([](const Names& all) { return all.changes; });
  }
  [[nodiscard]] std::shared_ptr<const Served> Find(std::string_view key) const {
    return names.With([key](const Names& all) -> std::shared_ptr<const Served> {
      const auto found = all.map.find(key);
      return found == all.map.end() ? nullptr : found->second.served;
    });
  }
  // Remembers what was looked up after `changes` were counted, unless there was one since: it would
  // keep an endpoint alive that was deleted, or an alias where it was.
  void Keep(std::uint64_t changes, std::string key, Entry entry) {
    names.With([&](Names& all) {
      if (all.changes == changes) all.map.insert_or_assign(std::move(key), std::move(entry));
    });
  }
};

std::vector<Migration> EndpointService::Migrations() {
  return {{.module = "endpoints", .number = 1, .sql = R"sql(
    CREATE TABLE endpoints (
      id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, org TEXT NOT NULL, name TEXT NOT NULL,
      name_key TEXT NOT NULL, routes TEXT NOT NULL, created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL);
    CREATE UNIQUE INDEX endpoints_name ON endpoints (workspace, name_key)
  )sql"}};
}

EndpointService::EndpointService(Database& database, ModelRegistry& registry,
                                 const RuntimeRegistry& runtimes)
    : database_(database),
      registry_(registry),
      runtimes_(runtimes),
      state_(std::make_unique<State>()) {
  registry_.AddUseCheck(
      [this](const Caller& caller, const std::string& model_id,
             std::optional<std::int64_t> version) { return UsersOf(caller, model_id, version); });
  registry_.AddChangeListener([this](const Caller& caller) { Refresh(caller); });
}

EndpointService::~EndpointService() = default;

Result<EndpointInfo> EndpointService::FromRow(const Caller& caller, const SqlRow& row) const {
  EndpointInfo info{.id = row.Text(0),
                    .name = row.Text(1),
                    .routes = {},
                    .created_ms = row.Integer(3),
                    .updated_ms = row.Integer(4)};
  ASSIGN_OR_RETURN(const Json routes, ParseJson(row.Text(2)));
  for (const Json& json : routes) {
    Route route;
    ASSIGN_OR_RETURN(route.model_id, GetString(json, "model_id"));
    ASSIGN_OR_RETURN(route.version, GetString(json, "version"));
    ASSIGN_OR_RETURN(route.weight, GetNumber(json, "weight"));
    ASSIGN_OR_RETURN(route.model, registry_.NameOf(caller, route.model_id));
    info.routes.push_back(std::move(route));
  }
  return info;
}

Result<std::vector<Route>> EndpointService::CheckRoutes(const Caller& caller,
                                                        std::vector<Route> routes) const {
  if (routes.empty() || routes.size() > kMaxRoutes) {
    return Fail(ErrorCode::kUnprocessable, "an endpoint has 1 to {} routes, got {}", kMaxRoutes,
                routes.size());
  }
  double total = 0;
  std::string task;
  for (Route& route : routes) {
    if (!(route.weight >= 0) || route.weight > 1e9) {
      return Fail(ErrorCode::kUnprocessable, "a weight must be from 0 to {}, got {}", 1e9,
                  route.weight);
    }
    total += route.weight;
    ASSIGN_OR_RETURN(const ModelInfo model, registry_.Get(caller, route.model));
    if (route.version.empty()) route.version = "champion";
    RETURN_IF_ERROR(registry_.Resolve(caller, route.model, route.version));
    route.model_id = model.id;
    route.model = model.name;
    if (!task.empty() && task != model.task) {
      return Fail(ErrorCode::kUnprocessable,
                  "the routes mix a {} model and a {} model; expected one task", task, model.task);
    }
    task = model.task;
  }
  if (!(total > 0))
    return Fail(ErrorCode::kUnprocessable, "at least one route must have a weight above 0");
  return routes;
}

Result<EndpointInfo> EndpointService::Create(const Caller& caller, std::string_view name,
                                             std::vector<Route> routes) {
  ASSIGN_OR_RETURN(const std::string checked, CheckName("endpoint", name));
  const std::scoped_lock lock(state_->changing);
  ASSIGN_OR_RETURN(routes, CheckRoutes(caller, std::move(routes)));
  ASSIGN_OR_RETURN(const auto served, Serve(caller, routes));
  const std::int64_t now = NowUnixMs();
  EndpointInfo info{
      .id = NewId(), .name = checked, .routes = routes, .created_ms = now, .updated_ms = now};
  const auto added = database_.Execute(
      "INSERT INTO endpoints (id, workspace, org, name, name_key, routes, created_ms, updated_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {info.id, caller.workspace, caller.org, info.name, NameKey(info.name),
       RoutesJson(routes).dump(), now, now});
  if (!added) {
    if (added.error().code != ErrorCode::kConflict) return std::unexpected(added.error());
    return Fail(ErrorCode::kConflict, "an endpoint '{}' exists already", info.name);
  }
  state_->names.With([&](State::Names& all) {
    ++all.changes;
    all.map[KeyOf(caller, "endpoint", NameKey(info.name))] = {
        .served = served, .caller = caller, .routes = routes};
  });
  return info;
}

Result<EndpointInfo> EndpointService::Get(const Caller& caller, std::string_view name) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM endpoints WHERE workspace = ? AND name_key = ?", kColumns),
          {caller.workspace, NameKey(name)}));
  if (!rows.empty()) return FromRow(caller, rows[0]);
  ASSIGN_OR_RETURN(
      const auto others,
      database_.Select("SELECT name FROM endpoints WHERE workspace = ? ORDER BY name LIMIT 1000",
                       {caller.workspace}));
  std::vector<std::string_view> names;
  for (const SqlRow& row : others) names.push_back(row.Text(0));
  auto failure = Fail(ErrorCode::kNotFound, "no endpoint '{}'", name);
  const std::string nearest = Nearest(name, names);
  if (!nearest.empty()) return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  return failure;
}

Result<EndpointPage> EndpointService::List(const Caller& caller, int limit,
                                           std::string_view cursor) const {
  std::string sql = fmt::format("SELECT {} FROM endpoints WHERE workspace = ?", kColumns);
  SqlParams parameters{caller.workspace};
  if (!cursor.empty()) {
    sql += " AND id < ?";
    parameters.emplace_back(std::string(cursor));
  }
  sql += fmt::format(" ORDER BY id DESC LIMIT {}", limit + 1);
  ASSIGN_OR_RETURN(const auto rows, database_.Select(sql, parameters));
  EndpointPage page;
  for (const SqlRow& row : rows) {
    if (page.items.size() == static_cast<std::size_t>(limit)) {
      page.next_cursor = page.items.back().id;
      break;
    }
    ASSIGN_OR_RETURN(EndpointInfo info, FromRow(caller, row));
    page.items.push_back(std::move(info));
  }
  return page;
}

Result<EndpointInfo> EndpointService::Change(const Caller& caller, std::string_view name,
                                             std::optional<std::string> new_name,
                                             std::optional<std::vector<Route>> routes) {
  const std::scoped_lock lock(state_->changing);
  ASSIGN_OR_RETURN(EndpointInfo info, Get(caller, name));
  const std::string old_key = NameKey(info.name);
  if (new_name) {
    ASSIGN_OR_RETURN(info.name, CheckName("endpoint", *new_name));
  }
  if (routes) {
    ASSIGN_OR_RETURN(info.routes, CheckRoutes(caller, std::move(*routes)));
  }
  // First in memory, then in the metadata, then swapped: requests meet the old or the new, never
  // nothing.
  ASSIGN_OR_RETURN(const auto served, Serve(caller, info.routes));
  info.updated_ms = NowUnixMs();
  const auto changed = database_.Execute(
      "UPDATE endpoints SET name = ?, name_key = ?, routes = ?, updated_ms = ? WHERE id = ?",
      {info.name, NameKey(info.name), RoutesJson(info.routes).dump(), info.updated_ms, info.id});
  if (!changed) {
    if (changed.error().code != ErrorCode::kConflict) return std::unexpected(changed.error());
    return Fail(ErrorCode::kConflict, "an endpoint '{}' exists already", info.name);
  }
  if (*changed == 0) return Fail(ErrorCode::kNotFound, "no endpoint '{}'", name);
  state_->names.With([&](State::Names& all) {
    ++all.changes;
    all.map[KeyOf(caller, "endpoint", NameKey(info.name))] = {
        .served = served, .caller = caller, .routes = info.routes};
    if (NameKey(info.name) != old_key) all.map.erase(KeyOf(caller, "endpoint", old_key));
  });
  return info;
}

Status EndpointService::Delete(const Caller& caller, std::string_view name) {
  const std::scoped_lock lock(state_->changing);
  ASSIGN_OR_RETURN(const EndpointInfo info, Get(caller, name));
  RETURN_IF_ERROR(database_.Execute("DELETE FROM endpoints WHERE id = ?", {info.id}));
  state_->names.With([&](State::Names& all) {
    ++all.changes;
    all.map.erase(KeyOf(caller, "endpoint", NameKey(info.name)));
  });
  return {};
}

Result<EndpointInfo> EndpointService::Deploy(const Caller& caller, std::string_view name,
                                             std::string_view model, std::string_view version) {
  const std::vector<Route> routes{{.model = std::string(model),
                                   .model_id = {},
                                   .version = std::string(version),
                                   .weight = 100.0}};
  auto created = Create(caller, name, routes);
  if (created || created.error().code != ErrorCode::kConflict) return created;
  return Change(caller, name, std::nullopt, routes);
}

void EndpointService::AfterTraining(const Job& job) {
  if (!job.parameters.is_object() || !job.output.is_object()) return;
  const auto deploy = GetString(job.parameters, "deploy", "");
  if (!deploy || deploy->empty()) return;
  const auto model = GetString(job.output, "model");
  const auto version = GetInteger(job.output, "version");
  if (!model || !version) return;
  const auto deployed = Deploy(job.caller, *deploy, *model, std::to_string(*version));
  if (!deployed) {
    Log(LogLevel::kError, "deploy_failed",
        {{"job", job.id}, {"endpoint", *deploy}, {"error", deployed.error().ToString()}});
  }
}

Result<Target> EndpointService::LoadVersion(std::string_view model, const ModelVersion& version) {
  const auto slot = state_->slots.With([&](auto& map) {
    auto& found = map[version.folder];
    if (found == nullptr) found = std::make_shared<State::Slot>();
    found->used_ms = SteadyMs();
    if (map.size() > kMaxLoaded) {
      // A request that still holds the evicted one keeps it alive until it is answered.
      auto oldest = map.begin();
      for (auto it = map.begin(); it != map.end(); ++it) {
        if (it->second->used_ms < oldest->second->used_ms) oldest = it;
      }
      if (oldest->second != found) map.erase(oldest);
    }
    return map[version.folder];
  });
  const std::scoped_lock lock(slot->loading);
  if (slot->model == nullptr) {
    ASSIGN_OR_RETURN(slot->model, LoadedModel::Load(version.folder, version.checksum, runtimes_));
  }
  return Target{.loaded = slot->model,
                .model = std::string(model),
                .version = version.version,
                .folder = version.folder,
                .checksum = version.checksum};
}

Result<std::shared_ptr<const EndpointService::Served>> EndpointService::Serve(
    const Caller& caller, const std::vector<Route>& routes) {
  auto served = std::make_shared<Served>();
  double end = 0;
  for (const Route& route : routes) {
    if (route.weight <= 0) continue;
    ASSIGN_OR_RETURN(const std::string model, registry_.NameOf(caller, route.model_id));
    ASSIGN_OR_RETURN(const ModelVersion version, registry_.Resolve(caller, model, route.version));
    ASSIGN_OR_RETURN(Target target, LoadVersion(model, version));
    served->targets.push_back(std::move(target));
    served->ends.push_back(end += route.weight);
  }
  return std::shared_ptr<const Served>(std::move(served));
}

std::optional<Target> EndpointService::Ready(const Caller& caller, std::string_view name,
                                             std::string_view sticky) const {
  const auto served = state_->Find(KeyOf(caller, "endpoint", NameKey(name)));
  if (served == nullptr) return std::nullopt;
  return served->Pick(sticky);
}

Result<Target> EndpointService::Choose(const Caller& caller, std::string_view name,
                                       std::string_view sticky) {
  if (auto ready = Ready(caller, name, sticky)) return std::move(*ready);
  const std::uint64_t changes = state_->Changes();
  ASSIGN_OR_RETURN(const EndpointInfo info, Get(caller, name));
  ASSIGN_OR_RETURN(const auto served, Serve(caller, info.routes));
  state_->Keep(changes, KeyOf(caller, "endpoint", NameKey(info.name)),
               {.served = served, .caller = caller, .routes = info.routes});
  return served->Pick(sticky);
}

std::optional<Target> EndpointService::ReadyModel(const Caller& caller, std::string_view model,
                                                  std::string_view version) const {
  const auto served = state_->Find(KeyOf(caller, "model", NameKey(model), version));
  if (served == nullptr) return std::nullopt;
  return served->targets.front();
}

Result<Target> EndpointService::LoadModel(const Caller& caller, std::string_view model,
                                          std::string_view version) {
  if (auto ready = ReadyModel(caller, model, version)) return std::move(*ready);
  const std::uint64_t changes = state_->Changes();
  ASSIGN_OR_RETURN(const ModelInfo info, registry_.Get(caller, model));
  ASSIGN_OR_RETURN(const ModelVersion found, registry_.Resolve(caller, model, version));
  ASSIGN_OR_RETURN(Target target, LoadVersion(info.name, found));
  auto served = std::make_shared<Served>();
  served->targets.push_back(target);
  state_->Keep(changes, KeyOf(caller, "model", NameKey(model), version),
               {.served = served, .caller = caller, .routes = {}});
  return target;
}

void EndpointService::Refresh(const Caller& caller) {
  const std::scoped_lock lock(state_->changing);
  const std::string prefix = caller.workspace + "\n";
  std::vector<std::pair<std::string, State::Entry>> entries;
  state_->names.With([&](State::Names& all) {
    ++all.changes;
    auto& map = all.map;
    for (auto it = map.lower_bound(prefix); it != map.end() && it->first.starts_with(prefix);) {
      if (it->second.routes.empty()) {
        it = map.erase(it);  // models asked for by name are looked up again
      } else {
        entries.emplace_back(*it++);
      }
    }
  });
  for (auto& [key, entry] : entries) {
    auto served = Serve(entry.caller, entry.routes);
    if (!served)
      Log(LogLevel::kError, "endpoint_refresh_failed", {{"error", served.error().ToString()}});
    state_->names.With([&](State::Names& all) {
      if (served) {
        all.map[key].served = std::move(*served);
      } else {
        all.map.erase(key);  // the next request is told why
      }
    });
  }
}

Result<std::vector<std::string>> EndpointService::UsersOf(
    const Caller& caller, const std::string& model_id, std::optional<std::int64_t> version) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM endpoints WHERE workspace = ? ORDER BY name", kColumns),
          {caller.workspace}));
  std::vector<std::string> users;
  for (const SqlRow& row : rows) {
    ASSIGN_OR_RETURN(const EndpointInfo info, FromRow(caller, row));
    for (const Route& route : info.routes) {
      if (route.model_id != model_id) continue;
      bool uses = !version.has_value();
      if (version) {
        const auto resolved = registry_.Resolve(caller, route.model, route.version);
        uses = resolved && resolved->version == *version;
      }
      if (uses) {
        users.push_back(info.name);
        break;
      }
    }
  }
  return users;
}

void EndpointService::Warm() {
  state_->warming = std::jthread([this](const std::stop_token& stop) {
    const auto rows =
        database_.Select("SELECT workspace, org, name FROM endpoints ORDER BY updated_ms DESC");
    if (!rows) return;
    for (const SqlRow& row : *rows) {
      if (stop.stop_requested()) return;
      Caller caller{.kind = "system",
                    .id = "warm",
                    .org = row.Text(1),
                    .workspace = row.Text(0),
                    .purpose = "predict"};
      const auto warmed = Choose(caller, row.Text(2), "");
      if (!warmed) {
        Log(LogLevel::kWarning, "endpoint_not_warm",
            {{"endpoint", row.Text(2)}, {"error", warmed.error().ToString()}});
      }
    }
  });
}

}  // namespace aimass
