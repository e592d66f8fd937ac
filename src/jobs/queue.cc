#include "jobs/queue.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "jobs/executor.h"
#include "jobs/log_file.h"
#include "jobs/scheduler.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
constexpr int kMaxPage = 1000;

Error NoSuchJob(std::string_view id) {
  return Fail(ErrorCode::kNotFound, "no job '{}'", id).error();
}

}  // namespace

struct JobQueue::State {
  State(Database& database, Options given)
      : options(std::move(given)),
        table(database),
        committer(table, [this](const jobs::Row& row) { NoteEnd(row); }) {
    // Wait() wakes up when a job ends.
    static_cast<void>(notifier.Add([this](const Job& job) {
      if (!Ended(job.state)) return;
      {
        const std::scoped_lock lock(ended_mutex);
        ++ended_count;
      }
      ended.notify_all();
    }));
  }

  void NoteEnd(const jobs::Row& row) {
    std::error_code error;
    fs::remove_all(fmt::format("{}/{}", jobs::FolderOf(options, row.job.id), jobs::kWorkName),
                   error);
    notifier.Publish(row.job);
  }

  Result<jobs::Row> Find(const Caller& caller, std::string_view id) const {
    ASSIGN_OR_RETURN(std::optional<jobs::Row> row, table.Find(id));
    if (!row || row->job.caller.workspace != caller.workspace)
      return std::unexpected(NoSuchJob(id));
    if (scheduler) scheduler->Overlay(row->job);
    return std::move(*row);
  }

  const Options options;
  jobs::Table table;
  jobs::Notifier notifier;
  jobs::Committer committer;
  std::unique_ptr<jobs::Scheduler> scheduler;
  std::mutex ended_mutex;
  std::condition_variable ended;
  std::uint64_t ended_count = 0;
};

std::vector<Migration> JobQueue::Migrations() { return jobs::Table::Migrations(); }

JobQueue::JobQueue(Database& database, Options options)
    : state_(std::make_shared<State>(database, std::move(options))) {}

JobQueue::~JobQueue() { state_->scheduler.reset(); }

void JobQueue::OnCommit(std::string kind, Commit commit) {
  state_->committer.OnCommit(std::move(kind), std::move(commit));
}

void JobQueue::AfterCommit(std::string kind, Listener listener) {
  state_->committer.AfterCommit(std::move(kind), std::move(listener));
}

std::uint64_t JobQueue::OnChange(Listener listener) {
  return state_->notifier.Add(std::move(listener));
}

void JobQueue::RemoveListener(std::uint64_t id) { state_->notifier.Remove(id); }

Status JobQueue::Start() {
  ExecutorRegistry executors("executor");
  RegisterAllExecutors(executors);
  ASSIGN_OR_RETURN(const ExecutorType* type, executors.Find(state_->options.executor));
  ASSIGN_OR_RETURN(std::unique_ptr<JobExecutor> executor, type->open());
  state_->scheduler = std::make_unique<jobs::Scheduler>(
      state_->table, state_->options, std::move(executor), state_->committer, state_->notifier);
  state_->committer.Start();
  return state_->scheduler->Start();
}

Result<Job> JobQueue::Submit(const Caller& caller, std::string_view kind, Json parameters,
                             const SubmitOptions& options) {
  const auto earlier = [&]() -> Result<std::optional<jobs::Row>> {
    if (options.idempotency_key.empty()) return std::nullopt;
    return state_->table.FindByKey(caller.workspace, options.idempotency_key);
  };
  ASSIGN_OR_RETURN(const std::optional<jobs::Row> known, earlier());
  if (known) return known->job;
  ASSIGN_OR_RETURN(const std::int64_t waiting, state_->table.CountQueued(caller.workspace));
  if (waiting >= state_->options.max_queued) {
    return Fail(ErrorCode::kResourceExhausted, "the workspace has {} jobs waiting, and may have {}",
                waiting, state_->options.max_queued);
  }
  jobs::Row row;
  row.job.id = NewId();
  row.job.kind = kind;
  row.job.caller = caller;
  row.job.parameters = std::move(parameters);
  row.job.created_ms = NowUnixMs();
  row.limits = options.limits;
  row.max_attempts = options.max_attempts;
  row.group = options.group;
  if (const Status inserted = state_->table.Insert(row, options.idempotency_key); !inserted) {
    if (inserted.error().code == ErrorCode::kConflict) {  // the same key, at the same moment
      ASSIGN_OR_RETURN(const std::optional<jobs::Row> other, earlier());
      if (other) return other->job;
    }
    return std::unexpected(inserted.error());
  }
  state_->notifier.Publish(row.job);
  if (state_->scheduler) state_->scheduler->Wake();
  return row.job;
}

Result<Job> JobQueue::Get(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(jobs::Row row, state_->Find(caller, id));
  return std::move(row.job);
}

Result<JobPage> JobQueue::List(const Caller& caller, const JobFilter& filter) const {
  const int limit = std::clamp(filter.limit, 1, kMaxPage);
  ASSIGN_OR_RETURN(std::vector<jobs::Row> rows,
                   state_->table.List(caller.workspace, filter, limit + 1));
  JobPage page;
  if (rows.size() > static_cast<std::size_t>(limit)) {
    rows.resize(static_cast<std::size_t>(limit));
    page.next_cursor = rows.back().job.id;
  }
  for (jobs::Row& row : rows) {
    if (state_->scheduler) state_->scheduler->Overlay(row.job);
    page.items.push_back(std::move(row.job));
  }
  return page;
}

Result<Job> JobQueue::Cancel(const Caller& caller, std::string_view id) {
  ASSIGN_OR_RETURN(const jobs::Row row, state_->Find(caller, id));
  if (Ended(row.job.state)) {
    return Fail(ErrorCode::kConflict, "the job has ended already: it is {}",
                StateName(row.job.state));
  }
  ASSIGN_OR_RETURN(const bool was_queued, state_->table.CancelQueued(id, NowUnixMs()));
  if (!was_queued) {
    RETURN_IF_ERROR(state_->table.RequestCancel(id));
    if (state_->scheduler) static_cast<void>(state_->scheduler->Cancel(id));
  }
  ASSIGN_OR_RETURN(Job job, Get(caller, id));
  if (was_queued) state_->notifier.Publish(job);
  return job;
}

Result<std::vector<Json>> JobQueue::ReadLog(const Caller& caller, std::string_view id,
                                            std::int64_t offset, std::int64_t* next_offset) const {
  ASSIGN_OR_RETURN(const jobs::Row row, state_->Find(caller, id));
  return jobs::LogFile(
             fmt::format("{}/{}", jobs::FolderOf(state_->options, row.job.id), jobs::kLogName))
      .Read(offset, next_offset);
}

Result<Job> JobQueue::Wait(const Caller& caller, std::string_view id,
                           std::int64_t timeout_ms) const {
  const std::int64_t deadline_ms = SteadyMs() + timeout_ms;
  for (;;) {
    const std::uint64_t seen = [this] {
      const std::scoped_lock lock(state_->ended_mutex);
      return state_->ended_count;
    }();
    ASSIGN_OR_RETURN(Job job, Get(caller, id));
    const std::int64_t left_ms = deadline_ms - SteadyMs();
    if (Ended(job.state) || left_ms <= 0) return job;
    std::unique_lock lock(state_->ended_mutex);
    state_->ended.wait_for(lock, std::chrono::milliseconds(left_ms),
                           [this, seen] { return state_->ended_count != seen; });
  }
}

std::size_t JobQueue::queued() const {
  return static_cast<std::size_t>(state_->table.CountQueued("").value_or(0));
}

std::size_t JobQueue::running() const {
  return state_->scheduler ? state_->scheduler->running() : 0;
}

}  // namespace aimass
