// What people and other modules ask of the queue.
#include "jobs/queue.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "jobs/machine.h"
#include "jobs/queue_state.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

using jobs::Row;
using jobs::Running;

constexpr auto kWaitStep = std::chrono::seconds(1);

}  // namespace

Job JobQueue::State::WithLive(Row row) const {
  if (row.job.state == JobState::kQueued)
    row.job.error.reset();  // of an attempt that will be repeated
  const std::scoped_lock lock(mutex);
  const auto found = running.find(row.job.id);
  if (found != running.end() && row.job.state == JobState::kRunning)
    row.job.progress = found->second->progress;
  return std::move(row.job);
}

Result<Row> JobQueue::State::FindFor(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(std::optional<Row> row, table.Find(id));
  if (!row || row->job.caller.workspace != caller.workspace) {
    return Fail(ErrorCode::kNotFound, "no job '{}' in this workspace", id);
  }
  return std::move(*row);
}

std::vector<Migration> JobQueue::Migrations() { return jobs::Table::Migrations(); }

JobQueue::JobQueue(Database& database, Options options)
    : state_(std::make_shared<State>(database, std::move(options))) {
  JobLimits& limits = state_->options.default_limits;
  const jobs::Machine machine = jobs::MeasureMachine();
  const int shares = std::max(state_->options.max_running, 1);
  // A quarter stays with the server and the file cache.
  if (limits.memory_bytes == 0) limits.memory_bytes = machine.memory_bytes / 4 * 3 / shares;
  if (limits.threads == 0) limits.threads = std::max(machine.cpus / shares, 1);
}

JobQueue::~JobQueue() {
  State& state = *state_;
  {
    const std::scoped_lock lock(state.mutex);
    state.shutting_down = true;
  }
  state.Wake();
  // The scheduler asks its processes to stop and kills them after the grace.
  const std::int64_t deadline = SteadyMs() + state.options.cancel_grace_ms + 3'000;
  while (state.scheduler.joinable() && SteadyMs() < deadline && running() > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (std::jthread* thread : {&state.scheduler, &state.committer, &state.notifier}) {
    if (!thread->joinable()) continue;
    thread->request_stop();
    thread->join();
  }
  // What still runs (the database did not answer) is killed here and taken over at the next start.
  std::map<std::string, std::shared_ptr<Running>, std::less<>> left;
  {
    const std::scoped_lock lock(state.mutex);
    left.swap(state.running);
  }
  for (const auto& [id, one] : left) one->process.reset();
}

void JobQueue::OnCommit(std::string kind, Commit commit) {
  state_->commits.insert_or_assign(std::move(kind), std::move(commit));
}

void JobQueue::AfterCommit(std::string kind, Listener listener) {
  state_->after_commit[std::move(kind)].push_back(std::move(listener));
}

std::uint64_t JobQueue::OnChange(Listener listener) {
  const std::scoped_lock lock(state_->listeners_mutex);
  const std::uint64_t id = state_->next_listener++;
  state_->listeners.emplace(id, std::move(listener));
  return id;
}

void JobQueue::RemoveListener(std::uint64_t id) {
  const std::scoped_lock lock(state_->listeners_mutex);
  state_->listeners.erase(id);
}

Status JobQueue::Start() {
  State& state = *state_;
  ExecutorRegistry executors("executor");
  RegisterAllExecutors(executors);
  ASSIGN_OR_RETURN(const ExecutorType* type, executors.Find(state.options.executor));
  ASSIGN_OR_RETURN(state.executor, type->open());
  RETURN_IF_ERROR(MakeFolder(state.options.data_folder + "/jobs"));
  // The data folder is ours alone, so whoever ran these jobs is gone; no lease needs to be waited
  // for.
  ASSIGN_OR_RETURN(auto rows, state.table.OwnedByOthers(state.owner));
  for (Row& row : rows) state.TakeOver(std::move(row));
  state.take_over_ms = SteadyMs();
  state.notifier = std::jthread([&state](const std::stop_token& stop) { state.NotifyLoop(stop); });
  state.committer = std::jthread([&state](const std::stop_token& stop) { state.CommitLoop(stop); });
  state.scheduler = std::jthread([&state](const std::stop_token& stop) { state.Schedule(stop); });
  return {};
}

Result<Job> JobQueue::Submit(const Caller& caller, std::string_view kind, Json parameters,
                             const SubmitOptions& options) {
  const auto existing = [&]() -> Result<std::optional<Job>> {
    if (options.idempotency_key.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(auto row, state_->table.FindByKey(caller.workspace, options.idempotency_key));
    if (!row) return std::nullopt;
    if (row->job.kind != kind) {
      return Fail(ErrorCode::kConflict, "the idempotency key '{}' was used for a job of kind '{}'",
                  options.idempotency_key, row->job.kind);
    }
    return state_->WithLive(std::move(*row));
  };
  ASSIGN_OR_RETURN(std::optional<Job> same, existing());
  if (same) return std::move(*same);
  ASSIGN_OR_RETURN(const std::int64_t waiting, state_->table.CountQueued(caller.workspace));
  if (waiting >= state_->options.max_queued) {
    return Fail(ErrorCode::kResourceExhausted,
                "{} jobs are waiting in this workspace; try again later", waiting);
  }
  Row row;
  row.job.id = NewId();
  row.job.kind = kind;
  row.job.caller = caller;
  row.job.parameters = parameters.is_null() ? Json::object() : std::move(parameters);
  row.job.created_ms = NowUnixMs();
  row.limits = options.limits;
  row.max_attempts = std::max(options.max_attempts, 1);
  row.group = options.group;
  RETURN_IF_ERROR(MakeFolder(state_->FolderOf(row.job.id)));
  if (const auto inserted = state_->table.Insert(row, options.idempotency_key); !inserted) {
    std::error_code error;
    fs::remove_all(state_->FolderOf(row.job.id), error);
    if (inserted.error().code != ErrorCode::kConflict) return std::unexpected(inserted.error());
    ASSIGN_OR_RETURN(same, existing());  // somebody with the same key was faster
    if (same) return std::move(*same);
    return std::unexpected(inserted.error());
  }
  state_->Tell(row.job);
  state_->Wake();
  return row.job;
}

Result<Job> JobQueue::Get(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(Row row, state_->FindFor(caller, id));
  return state_->WithLive(std::move(row));
}

Result<JobPage> JobQueue::List(const Caller& caller, const JobFilter& filter) const {
  const int limit = std::clamp(filter.limit, 1, 1000);
  ASSIGN_OR_RETURN(auto rows, state_->table.List(caller.workspace, filter, limit + 1));
  JobPage page;
  if (rows.size() > static_cast<std::size_t>(limit)) {
    rows.resize(static_cast<std::size_t>(limit));
    page.next_cursor = rows.back().job.id;
  }
  for (Row& row : rows) page.items.push_back(state_->WithLive(std::move(row)));
  return page;
}

Result<Job> JobQueue::Cancel(const Caller& caller, std::string_view id) {
  ASSIGN_OR_RETURN(Row row, state_->FindFor(caller, id));
  if (row.job.state == JobState::kQueued) {
    ASSIGN_OR_RETURN(const bool cancelled, state_->table.CancelQueued(id, NowUnixMs()));
    if (cancelled) {
      ASSIGN_OR_RETURN(row, state_->FindFor(caller, id));
      state_->RemoveWork(row.job.id);
      state_->Tell(row.job);
      state_->Wake();
      return row.job;
    }
    ASSIGN_OR_RETURN(row, state_->FindFor(caller, id));  // it has started meanwhile
  }
  if (Ended(row.job.state)) {
    return Fail(ErrorCode::kConflict, "the job has already ended: {}", StateName(row.job.state));
  }
  // Written down first: a server that dies now must not start the job again.
  RETURN_IF_ERROR(state_->table.RequestCancel(id));
  bool known = false;
  {
    const std::scoped_lock lock(state_->mutex);
    const auto found = state_->running.find(id);
    known = found != state_->running.end();
    if (known) found->second->cancel_asked = true;
  }
  state_->Wake();
  // Between the two looks it may have gone back to the queue to be tried again.
  if (!known) RETURN_IF_ERROR(state_->table.CancelQueued(id, NowUnixMs()));
  return Get(caller, id);
}

Result<std::vector<Json>> JobQueue::ReadLog(const Caller& caller, std::string_view id,
                                            std::int64_t offset, std::int64_t* next_offset) const {
  RETURN_IF_ERROR(state_->FindFor(caller, id));
  return state_->LogOf(id).Read(offset, next_offset);
}

Result<Job> JobQueue::Wait(const Caller& caller, std::string_view id,
                           std::int64_t timeout_ms) const {
  const std::int64_t deadline = SteadyMs() + timeout_ms;
  for (;;) {
    const std::uint64_t seen = [this] {
      const std::scoped_lock lock(state_->mutex);
      return state_->changes;
    }();
    ASSIGN_OR_RETURN(Job job, Get(caller, id));
    const std::int64_t left = deadline - SteadyMs();
    if (Ended(job.state) || left <= 0) return job;
    std::unique_lock lock(state_->mutex);
    // In steps, because another server on the same database may end the job.
    state_->changed.wait_for(
        lock, std::min<std::chrono::milliseconds>(std::chrono::milliseconds(left), kWaitStep),
        [&] { return state_->changes != seen; });
  }
}

Result<bool> JobQueue::HasOpen(const Caller& caller, std::string_view group) const {
  return state_->table.HasOpen(caller.workspace, group);
}

std::size_t JobQueue::queued() const {
  return static_cast<std::size_t>(state_->table.CountQueued("").value_or(0));
}

std::size_t JobQueue::running() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->running.size();
}

}  // namespace aimass
