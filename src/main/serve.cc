// The server as a whole: what it is made of, in the order in which it is put together. A table of
// contents.
#include "main/serve.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

#include "access/access.h"
#include "api/events.h"
#include "api/health.h"
#include "api/http/server.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "datasets/catalog.h"
#include "datasets/collect/files_preview.h"
#include "datasets/collect/schedules.h"
#include "datasets/collect/service.h"
#include "datasets/send/service.h"
#include "datasets/service.h"
#include "datasets/uploads.h"
#include "endpoints/batch.h"
#include "endpoints/endpoint.h"
#include "jobs/queue.h"
#include "jobs/schedule.h"
#include "main/schema.h"
#include "models/registry.h"
#include "models/service.h"
#include "sources/service.h"
#include "store/data_folder.h"
#include "store/database.h"

namespace aimass {
namespace {

std::string OwnBinary() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

Status SetUpLog(const Config& config) {
  ASSIGN_OR_RETURN(const LogLevel level, LogLevelFromName(config.Text("log.level")));
  if (!config.Text("log.file").empty()) RETURN_IF_ERROR(LogToFile(config.Text("log.file")));
  SetLogLevel(level);
  return {};
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space != 0) words.emplace_back(text.substr(0, space));
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return words;
}

}  // namespace

struct ServerInstance::State {
  explicit State(const Config& c, DataFolder&& opened)
      : config(c),
        folder(std::move(opened)),
        uploads(folder.path()),
        io("io", Threads("pools.io_threads"), Queue()),
        sql("sql", Threads("pools.sql_threads"), Queue()),
        ask("sources", Threads("pools.sources_threads"), Queue()),
        infer("infer", Threads("pools.infer_threads"), Queue()) {}
  ~State() {
    server.reset();
    if (schedules) schedules->Stop();
    jobs.reset();  // its threads call what is declared after it
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] std::size_t Threads(std::string_view name) const {
    return static_cast<std::size_t>(config.Integer(name));
  }
  [[nodiscard]] std::size_t Queue() const {
    return static_cast<std::size_t>(config.Integer("pools.max_queued"));
  }
  [[nodiscard]] std::string StatePath() const { return folder.path() + "/server.json"; }

  Status OpenStore();
  void AddModules();
  void BindRoutes();
  void AddMetrics();
  Status Listen();
  void Stop();

  // Destroyed from the bottom up, after Stop() ended requests and jobs, which use all of it.
  Config config;
  Purpose purpose = Purpose::kServer;
  DataFolder folder;
  std::unique_ptr<Database> database;
  std::unique_ptr<Access> access;
  UploadStore uploads;
  std::unique_ptr<SqlWorkers> sql_workers;
  ConnectorRegistry connectors{"connector"};
  std::unique_ptr<SourceService> sources;
  FormatRegistry formats{"format"};
  std::unique_ptr<DatasetCatalog> datasets;
  std::unique_ptr<ModelRegistry> models;
  RuntimeRegistry runtimes{"runtime"};
  std::unique_ptr<EndpointService> endpoints;
  std::unique_ptr<JobQueue> jobs;
  std::unique_ptr<DatasetService> dataset_service;
  std::unique_ptr<CollectService> collect;
  std::unique_ptr<SendService> send;
  std::unique_ptr<ScheduleService> schedules;
  std::unique_ptr<CollectSchedules> collect_schedules;
  std::unique_ptr<ModelService> model_service;
  std::unique_ptr<BatchService> batches;
  Pool io;
  Pool sql;
  Pool ask;  // sources, which may be slow
  Pool infer;
  EventHub events;
  http::Metrics metrics;
  http::Router router;
  std::function<void()> end_waiting;
  std::unique_ptr<http::Server> server;
  bool stopped = false;
};

Status ServerInstance::State::OpenStore() {
  const std::string& url = config.Text("store.url");
  ASSIGN_OR_RETURN(database, Database::Open(url.empty() ? folder.DatabaseUrl() : url));
  RETURN_IF_ERROR(database->Migrate(AllMigrations()));
  access = std::make_unique<Access>(*database, folder.path(), config.Text("time_zone"));
  return access->Start();
}

void ServerInstance::State::AddModules() {
  datasets = std::make_unique<DatasetCatalog>(*database, folder.path());
  models = std::make_unique<ModelRegistry>(*database, folder.path());
  JobQueue::Options options;
  options.data_folder = folder.path();
  options.binary = OwnBinary();
  options.max_running = static_cast<int>(config.Integer("jobs.max_running"));
  options.default_limits.memory_bytes = config.Integer("jobs.memory_mb") << 20;
  options.default_limits.threads = static_cast<int>(config.Integer("jobs.threads"));
  jobs = std::make_unique<JobQueue>(*database, std::move(options));
  sql_workers = std::make_unique<SqlWorkers>(
      SqlWorkers::Options{.binary = OwnBinary(),
                          .temp_folder = folder.TempFolder(),
                          .limits = {.memory_bytes = config.Integer("sql.memory_mb") << 20,
                                     .time_ms = config.Integer("sql.time_s") * 1000},
                          .max_idle = Threads("pools.sql_threads")});
  RegisterAllFormats(formats);
  dataset_service = std::make_unique<DatasetService>(
      *datasets, *jobs, uploads, *sql_workers, formats, folder.path(),
      PrivateAddressesFromName(config.Text("import.private_addresses")));
  dataset_service->RegisterCommits();
  RegisterAllConnectors(connectors);
  // Only administrators make sources: what they may import from, they may collect from.
  sources = std::make_unique<SourceService>(
      *database, connectors, folder.path(),
      PrivateAddressesFromName(config.Text("import.private_addresses")) !=
          PrivateAddresses::kNobody);
  sources->SetFilePreview(FilePreviewOf(formats, folder.TempFolder()));
  collect = std::make_unique<CollectService>(*database, *datasets, *jobs, *sources, formats,
                                             folder.path());
  collect->RegisterCommits();
  send = std::make_unique<SendService>(*datasets, *jobs, *sources, folder.path());
  schedules = std::make_unique<ScheduleService>(*database, *access);
  collect_schedules = std::make_unique<CollectSchedules>(*datasets, *jobs, *collect, *schedules);
  collect_schedules->Register();
  sources->AddUseCheck(
      [this](const Caller& caller, const std::string& id) { return collect->UsersOf(caller, id); });
  dataset_service->AddRefresher(
      "source", [this](const Caller& caller, const DatasetInfo& dataset, bool anew) {
        return collect->Refresh(caller, dataset, anew);
      });
  model_service = std::make_unique<ModelService>(*models, *datasets, *jobs, folder.path());
  model_service->RegisterCommits();
  RegisterAllRuntimes(runtimes);
  endpoints = std::make_unique<EndpointService>(*database, *models, runtimes);
  jobs->AfterCommit("train", [this](const Job& job) { endpoints->AfterTraining(job); });
  batches = std::make_unique<BatchService>(*endpoints, *datasets, *jobs, formats, folder.path());
  batches->RegisterCommits();
}

void ServerInstance::State::BindRoutes() {
  std::vector<ReadinessCheck> checks;
  checks.push_back({"database", [this]() -> Status {
                      RETURN_IF_ERROR(database->Select("SELECT 1"));
                      return {};
                    }});
  BindHealthApi(std::move(checks), metrics, io, router);
  end_waiting = BindApi({.data_folder = folder.path(),
                         .io = io,
                         .sql = sql,
                         .ask = ask,
                         .sql_workers = *sql_workers,
                         .access = *access,
                         .jobs = *jobs,
                         .events = events,
                         .uploads = uploads,
                         .datasets = *datasets,
                         .dataset_service = *dataset_service,
                         .sources = *sources,
                         .collect = *collect,
                         .send = *send,
                         .schedules = *schedules,
                         .collect_schedules = *collect_schedules,
                         .models = *models,
                         .model_service = *model_service,
                         .endpoints = *endpoints,
                         .batches = *batches,
                         .infer = infer},
                        router);
}

void ServerInstance::State::AddMetrics() {
  http::AddProcessMetrics(metrics);
  for (const Pool* pool : {&io, &sql, &ask, &infer}) {
    const std::string labels = fmt::format("pool=\"{}\"", pool->name());
    metrics.Add("aimass_pool_queued", "gauge", "Work that waits for a thread of the pool.", labels,
                [pool] { return static_cast<double>(pool->queued()); });
    metrics.Add("aimass_pool_max_queued", "gauge", "Where the pool answers 429.", labels,
                [pool] { return static_cast<double>(pool->max_queued()); });
  }
  metrics.Add("aimass_jobs_queued", "gauge", "Jobs that wait.", "",
              [this] { return static_cast<double>(jobs->queued()); });
  metrics.Add("aimass_jobs_running", "gauge", "Jobs that run.", "",
              [this] { return static_cast<double>(jobs->running()); });
  metrics.Add("aimass_event_readers", "gauge", "Open streams of /api/v1/events.", "",
              [this] { return static_cast<double>(events.readers()); });
}

Status ServerInstance::State::Listen() {
  ASSIGN_OR_RETURN(const ListenAddress listen, ParseListen(config.Text("listen")));
  http::ServerOptions options;
  options.host = listen.host;
  options.port = listen.port;
  options.threads = static_cast<int>(config.Integer("http.threads"));
  options.max_connections = static_cast<std::size_t>(config.Integer("http.max_connections"));
  options.idle_ms = config.Integer("http.idle_s") * 1000;
  options.head_ms = config.Integer("http.request_s") * 1000;
  options.body_ms = options.head_ms;
  options.cors_origins = Words(config.Text("http.cors_origins"));
  options.temp_folder = folder.TempFolder();
  server = std::make_unique<http::Server>(
      router, io, metrics, [this](std::string_view bearer) { return access->Authenticate(bearer); },
      std::move(options));
  server->OnStop([this] {
    events.Close();
    end_waiting();
  });
  RETURN_IF_ERROR(server->Start());
  const Json state{{"address", server->address()},
                   {"pid", getpid()},
                   {"version", Version()},
                   {"command", purpose == Purpose::kCommand}};
  return WriteFileAtomic(StatePath(), state.dump() + "\n");
}

void ServerInstance::State::Stop() {
  if (stopped || server == nullptr) return;
  stopped = true;
  std::error_code ignored;
  std::filesystem::remove(StatePath(), ignored);
  schedules->Stop();
  if (server->Stop(config.Integer("http.drain_s") * 1000)) return jobs.reset();
  // A handler that does not end (a query, a model) must not hold the process: nothing that it could
  // still write was promised to anybody.
  Log(LogLevel::kWarning, "stopped_with_running_requests",
      {{"connections", server->connections()}});
  _exit(0);
}

ServerInstance::ServerInstance(std::unique_ptr<State> state) : state_(std::move(state)) {}
ServerInstance::~ServerInstance() { Stop(); }
const std::string& ServerInstance::address() const { return state_->server->address(); }
void ServerInstance::Stop() { state_->Stop(); }

std::string ServerInstance::key() const {
  const auto text = ReadFile(state_->folder.path() + "/admin.key", 4096);
  return text ? text->substr(0, text->find_first_of("\r\n")) : std::string();
}

Result<std::unique_ptr<ServerInstance>> ServerInstance::Start(const Config& config,
                                                              Purpose purpose) {
  ASSIGN_OR_RETURN(DataFolder folder, DataFolder::Open(config.Text("data")));
  auto state = std::make_unique<State>(config, std::move(folder));
  state->purpose = purpose;
  RETURN_IF_ERROR(state->OpenStore());
  state->AddModules();
  state->BindRoutes();
  state->AddMetrics();
  RETURN_IF_ERROR(state->models->Recover());
  RETURN_IF_ERROR(state->jobs->Start());
  // A command that holds the folder for a moment starts nothing that it would not wait for.
  if (purpose == Purpose::kServer) RETURN_IF_ERROR(state->schedules->Start());
  state->endpoints->Warm();
  constexpr std::int64_t kKeepPredictionsMs = std::int64_t{30} * 24 * 3600 * 1000;
  static_cast<void>(state->io.Submit([batches = state->batches.get()] {
    static_cast<void>(batches->RemoveOld(kKeepPredictionsMs));
  }));
  RETURN_IF_ERROR(state->Listen());
  return std::unique_ptr<ServerInstance>(new ServerInstance(std::move(state)));
}

namespace {

/// SIGINT and SIGTERM as a descriptor that can be awaited. Not blocked signals: children would
/// inherit them.
class StopSignal {
 public:
  StopSignal() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    read_ = FileDescriptor(ends[0]);
    write_ = FileDescriptor(ends[1]);
    write_end = ends[1];
    struct sigaction action{};
    action.sa_handler = [](int) {
      const char byte = 0;
      const int saved = errno;
      static_cast<void>(!::write(write_end, &byte, 1));
      errno = saved;
    };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, nullptr);
    sigaction(SIGHUP, &ignore, nullptr);
  }

  void Await() const {
    while (!AwaitFor(-1)) {
    }
  }
  /// Whether the signal came within that time; -1: without a limit.
  [[nodiscard]] bool AwaitFor(int timeout_ms) const {
    pollfd ready{.fd = read_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, timeout_ms) > 0;
  }

 private:
  // A signal handler has no other way to find it.
  static inline volatile int write_end = -1;
  FileDescriptor read_;
  FileDescriptor write_;
};

}  // namespace

namespace {

constexpr std::int64_t kCommandWaitMs = 60'000;

// Not where a server holds the folder that is going to stay, nor where nobody can.
bool MayBecomeFree(const std::string& data) {
  std::error_code error;
  if (!std::filesystem::exists(data + "/lock", error)) return false;
  const auto text = ReadFile(data + "/server.json", 1 << 16);
  if (!text) return true;  // whoever holds it is just starting or ending
  const auto state = ParseJson(*text);
  return !state || GetBool(*state, "command", false).value_or(false);
}

}  // namespace

Status Serve(const Config& config, const std::function<void(const std::string&)>& ready) {
  const std::int64_t started_ms = SteadyMs();
  const bool at_terminal = config.Text("log.file").empty() && isatty(STDERR_FILENO) != 0;
  const auto fail = [at_terminal](Error error) -> Status {
    if (at_terminal) return std::unexpected(std::move(error));
    Log(LogLevel::kError, "start_failed",
        {{"error", error.ToString()}, {"hint", Render(error.hint, Language::kEnglish)}});
    return std::unexpected(std::move(error));
  };
  if (auto log = SetUpLog(config); !log) return fail(log.error());
  const StopSignal signal;
  auto instance = ServerInstance::Start(config);
  // `aimass serve & aimass …`: the second may have the folder for the length of its work.
  const std::int64_t deadline_ms = SteadyMs() + kCommandWaitMs;
  while (!instance && instance.error().code == ErrorCode::kConflict &&
         MayBecomeFree(config.Text("data")) && SteadyMs() < deadline_ms) {
    if (signal.AwaitFor(100)) return {};
    instance = ServerInstance::Start(config);
  }
  if (!instance) return fail(instance.error());
  Log(LogLevel::kInfo, "ready",
      {{"address", (*instance)->address()},
       {"data", config.Text("data")},
       {"pid", getpid()},
       {"version", Version()},
       {"ms", SteadyMs() - started_ms}});
  ready((*instance)->address());
  signal.Await();
  Log(LogLevel::kInfo, "stopping", {});
  (*instance)->Stop();
  instance->reset();
  Log(LogLevel::kInfo, "stopped", {});
  return {};
}

}  // namespace aimass
