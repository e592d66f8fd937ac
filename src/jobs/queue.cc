// The queue in the server. One scheduler thread makes every decision about running jobs; executors'
// threads only note what they heard; one thread commits; one thread tells listeners.
#include "jobs/queue.h"

#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "jobs/executor.h"
#include "jobs/log_file.h"
#include "jobs/machine.h"
#include "jobs/table.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

using jobs::LogFile;
using jobs::Phase;
using jobs::Row;

constexpr int kMaxRestarts = 100;  // of servers under one job; then the job is suspected
constexpr int kMaxCommitRuns = 6;
constexpr std::int64_t kMaxBackOffMs = 60'000;
constexpr std::int64_t kHeartbeatMs = 1'000;
constexpr std::int64_t kExitGraceMs = 5'000;  // from a process's result to its end
constexpr std::int64_t kHousekeepingMs = 600'000;
constexpr std::int64_t kIdleMs = 500;
constexpr std::int64_t kBusyMs = 50;
constexpr auto kWaitStep = std::chrono::seconds(1);

// Why the queue itself ended a process.
enum class StopReason : std::uint8_t { kNone, kCancel, kTime, kSilent, kShutdown };

// A job process and what it has told so far. `row` is the scheduler's; the rest is under the mutex
// of State.
struct Running {
  Row row;
  std::unique_ptr<JobProcess> process;
  Progress progress;
  bool progress_changed = false;
  std::int64_t started_ms = 0;                                    // steady
  std::int64_t heard_ms = 0;                                      // steady: the last event
  std::optional<std::pair<double, std::int64_t>> first_progress;  // fraction and steady time
  std::optional<Json> result;
  std::optional<Error> error;
  bool error_is_memory = false;
  std::int64_t outcome_ms = 0;  // steady; 0: none yet
  bool cancel_asked = false;
  StopReason stop_reason = StopReason::kNone;
  std::int64_t stopped_ms = 0;  // steady; 0: not asked to stop
  bool killed = false;
  std::optional<JobEnd> end;
};

std::string SignalName(int number) {
  const char* name = sigabbrev_np(number);
  return name == nullptr ? std::to_string(number) : fmt::format("SIG{}", name);
}

Error MakeError(std::unexpected<Error> failure) { return std::move(failure.error()); }

// What a process that ended without saying why died of.
Error ErrorOf(const JobEnd& end, const JobLimits& limits) {
  if (end.out_of_memory) {
    return MakeError(
        WithHint(Fail(ErrorCode::kResourceExhausted,
                      "the job ran out of memory: its limit is {} MB", limits.memory_bytes >> 20),
                 Msg("raise the job's memory limit, or give it less data")));
  }
  if (end.lost) {
    return MakeError(
        Fail(ErrorCode::kInternal, "the job's process could not be started: {}", end.output_tail));
  }
  if (end.signal != 0) {
    return MakeError(Fail(ErrorCode::kInternal,
                          "the job's process crashed: {} ({}). Its last words: {}",
                          SignalName(end.signal), strsignal(end.signal), end.output_tail));
  }
  return MakeError(Fail(ErrorCode::kInternal,
                        "the job's process ended with status {} and no result. Its last words: {}",
                        end.exit_code, end.output_tail));
}

}  // namespace

struct JobQueue::State : std::enable_shared_from_this<JobQueue::State> {
  State(Database& db, Options given) : table(db), options(std::move(given)) {}

  // Threads: Scheduler.
  void Schedule(const std::stop_token& stop);
  void HandleEnded();
  void Finish(Running& running);
  void Retry(Row& row, Error error, bool memory);
  void EndOrRetry(Running& running);
  void CheckDeadlines();
  void Beat();
  void TakeOverExpired();
  void TakeOver(Row row);
  void StartJobs();
  Result<bool> StartNext();
  void Launch(Row row);
  void CleanUp();
  void RemoveWork(const std::string& id) const;

  // Threads: executors.
  void OnEvent(const std::shared_ptr<Running>& running, const Json& event);

  // Threads: commit.
  void CommitLoop(const std::stop_token& stop);
  bool CommitOne(const std::string& id, int run, const std::stop_token& stop);

  // Threads: notifier.
  void NotifyLoop(const std::stop_token& stop);

  // Threads: any.
  void Tell(Job job);
  Job WithLive(Row row) const;
  Result<Row> FindFor(const Caller& caller, std::string_view id) const;
  [[nodiscard]] std::string FolderOf(std::string_view id) const {
    return options.data_folder + "/jobs/" + std::string(id);
  }
  [[nodiscard]] LogFile LogOf(std::string_view id) const {
    return LogFile(FolderOf(id) + "/log.ndjson");
  }
  void WriteLog(const Row& row, const Message& line) const {
    LogOf(row.job.id).Append(NowUnixMs(), row.job.attempt, line);
  }

  jobs::Table table;
  Options options;
  const std::string owner = NewId();
  std::unique_ptr<JobExecutor> executor;
  std::map<std::string, Commit> commits;                      // read-only after Start()
  std::map<std::string, std::vector<Listener>> after_commit;  // read-only after Start()

  mutable std::mutex mutex;
  mutable std::condition_variable changed;  // a job changed its state
  std::condition_variable_any wake;         // of the scheduler
  bool woken = false;
  std::uint64_t changes = 0;
  std::map<std::string, std::shared_ptr<Running>, std::less<>> running;
  bool shutting_down = false;

  // The scheduler's own.
  std::map<std::string, std::int64_t> last_served;  // workspace → a count that rises
  std::int64_t served = 0;
  std::int64_t beat_ms = 0;
  std::int64_t take_over_ms = 0;
  std::int64_t housekeeping_ms = 0;
  std::int64_t database_trouble_until_ms = 0;

  std::mutex commit_mutex;
  std::condition_variable_any commit_wake;
  std::deque<std::string> to_commit;

  std::mutex notify_mutex;
  std::condition_variable_any notify_wake;
  std::list<Job> to_tell;
  std::recursive_mutex listeners_mutex;  // held while listeners run
  std::map<std::uint64_t, Listener> listeners;
  std::uint64_t next_listener = 1;

  std::jthread scheduler;
  std::jthread committer;
  std::jthread notifier;

  void Wake() {
    {
      const std::scoped_lock lock(mutex);
      woken = true;
      ++changes;
    }
    wake.notify_all();
    changed.notify_all();
  }
};

// ----------------------------------------------------------------------------------------------
// scheduler

void JobQueue::State::Schedule(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    HandleEnded();
    CheckDeadlines();
    Beat();
    TakeOverExpired();
    StartJobs();
    CleanUp();
    std::unique_lock lock(mutex);
    const auto pause = std::chrono::milliseconds(running.empty() ? kIdleMs : kBusyMs);
    wake.wait_for(lock, stop, pause, [this] { return woken; });
    woken = false;
  }
}

void JobQueue::State::HandleEnded() {
  if (SteadyMs() < database_trouble_until_ms) return;
  std::vector<std::shared_ptr<Running>> ended;
  {
    const std::scoped_lock lock(mutex);
    for (const auto& [id, one] : running) {
      if (one->end) ended.push_back(one);
    }
  }
  for (const auto& one : ended) {
    one->process.reset();  // ends the executor's thread: nothing is heard of it any more
    Finish(*one);
  }
}

// Writes down what came of an attempt. While the database does not answer the job stays here and is
// tried again at the next turn.
void JobQueue::State::Finish(Running& one) {
  Row& row = one.row;
  row.job.progress = one.progress;
  {
    const std::scoped_lock lock(mutex);
    if (one.cancel_asked) one.stop_reason = StopReason::kCancel;
  }
  const bool unwanted =
      one.stop_reason == StopReason::kCancel || one.stop_reason == StopReason::kTime;
  Result<bool> written = false;
  bool commit = false;
  if (one.result && !unwanted) {
    written = table.SaveResult(row, *one.result);
    commit = written && *written;
  } else {
    Row before = row;
    EndOrRetry(one);
    written = table.Leave(row);
    if (!written) row = std::move(before);
  }
  if (!written) {
    Log(LogLevel::kError, "job_end_not_written",
        {{"job", row.job.id}, {"error", written.error().ToString()}});
    database_trouble_until_ms = SteadyMs() + 1'000;
    return;
  }
  if (*written && row.job.error && !commit) {
    if (row.job.state == JobState::kQueued) {
      WriteLog(row, Msg("the attempt failed and will be repeated in {} s: {}",
                        std::max<std::int64_t>((row.not_before_ms - NowUnixMs() + 999) / 1000, 0),
                        row.job.error->ToString()));
    } else {
      WriteLog(row, row.job.error->message);
    }
  }
  if (Ended(row.job.state)) RemoveWork(row.job.id);
  bool late_cancel = false;
  {
    const std::scoped_lock lock(mutex);
    running.erase(row.job.id);  // `one` lives on in the caller's list
    late_cancel = one.cancel_asked;
  }
  if (late_cancel && row.job.state == JobState::kQueued) {
    if (table.CancelQueued(row.job.id, NowUnixMs()).value_or(false)) {
      row.job.state = JobState::kCancelled;
      RemoveWork(row.job.id);
    }
  }
  Job told = row.job;
  if (commit) {
    {
      const std::scoped_lock lock(commit_mutex);
      to_commit.push_back(told.id);
    }
    commit_wake.notify_all();
  } else {
    Tell(std::move(told));
  }
  Wake();
}

void JobQueue::State::EndOrRetry(Running& one) {
  Row& row = one.row;
  const auto end_as = [&row](JobState state, std::optional<Error> error) {
    row.job.state = state;
    row.job.error = std::move(error);
    row.job.finished_ms = NowUnixMs();
  };
  if (one.stop_reason == StopReason::kCancel) {
    end_as(JobState::kCancelled, std::nullopt);
  } else if (one.stop_reason == StopReason::kTime) {
    end_as(
        JobState::kFailed,
        MakeError(WithHint(Fail(ErrorCode::kTimeout, "the job took longer than its limit of {} s",
                                row.limits.time_ms / 1000),
                           Msg("raise the job's time limit, or give it less to do"))));
  } else if (one.stop_reason == StopReason::kShutdown) {
    row.job.state = JobState::kQueued;
    row.job.error.reset();
    row.not_before_ms = 0;
  } else if (one.stop_reason == StopReason::kSilent) {
    Retry(row,
          MakeError(Fail(ErrorCode::kUnavailable,
                         "the job's process was silent for {} s and was given up",
                         options.lease_ms / 1000)),
          false);
  } else if (one.end->out_of_memory || one.error_is_memory) {
    Retry(row, one.error ? *one.error : ErrorOf(*one.end, row.limits), true);
  } else if (!one.error) {
    Retry(row, ErrorOf(*one.end, row.limits), false);
  } else if (one.error->code == ErrorCode::kUnavailable ||
             one.error->code == ErrorCode::kCancelled) {
    Retry(row, *one.error, false);  // nobody here cancelled it: something outside ended the process
  } else {
    end_as(JobState::kFailed, *one.error);
  }
}

// A crash, or a part that did not answer, may pass: the job waits and is tried again, a few times.
void JobQueue::State::Retry(Row& row, Error error, bool memory) {
  (memory ? row.memory_failures : row.failures) += 1;
  const int failed = row.failures + row.memory_failures;
  row.job.error = std::move(error);
  if (failed >= row.max_attempts || row.memory_failures > 1) {
    row.job.state = JobState::kFailed;
    row.job.finished_ms = NowUnixMs();
    return;
  }
  const std::int64_t back_off =
      std::min(options.retry_base_ms << std::min(failed - 1, 16), kMaxBackOffMs);
  row.job.state = JobState::kQueued;
  row.not_before_ms = NowUnixMs() + back_off;
}

void JobQueue::State::CheckDeadlines() {
  const std::int64_t now = SteadyMs();
  const std::scoped_lock lock(mutex);
  for (const auto& [id, one] : running) {
    if (one->end || !one->process) continue;
    if (one->stop_reason == StopReason::kNone) {
      if (one->cancel_asked) {
        one->stop_reason = StopReason::kCancel;
      } else if (one->row.limits.time_ms > 0 && now - one->started_ms > one->row.limits.time_ms) {
        one->stop_reason = StopReason::kTime;
      } else if (one->outcome_ms == 0 && now - one->heard_ms > options.lease_ms) {
        one->stop_reason = StopReason::kSilent;
      } else if (shutting_down) {
        one->stop_reason = StopReason::kShutdown;
      }
      if (one->stop_reason != StopReason::kNone) {
        one->stopped_ms = now;
        one->process->Stop();
      }
    }
    const bool overdue = (one->stop_reason != StopReason::kNone &&
                          now - one->stopped_ms >= options.cancel_grace_ms) ||
                         (one->outcome_ms != 0 && now - one->outcome_ms > kExitGraceMs);
    if (overdue && !one->killed) {
      one->killed = true;
      one->process->Kill();
    }
  }
}

// Renews leases and writes progress, all jobs in one transaction.
void JobQueue::State::Beat() {
  if (SteadyMs() - beat_ms < kHeartbeatMs) return;
  beat_ms = SteadyMs();
  std::vector<jobs::Table::Beat> beats;
  {
    const std::scoped_lock lock(mutex);
    for (const auto& [id, one] : running) {
      beats.push_back(
          {.id = id,
           .attempt = one->row.job.attempt,
           .progress = one->progress_changed ? std::optional(one->progress) : std::nullopt});
      one->progress_changed = false;
    }
  }
  if (const auto done = table.Heartbeat(beats, NowUnixMs() + options.lease_ms); !done) {
    Log(LogLevel::kWarning, "job_heartbeat_not_written", {{"error", done.error().ToString()}});
  }
}

// With a shared database another server may have died: its jobs are ours once their leases are
// over.
void JobQueue::State::TakeOverExpired() {
  if (SteadyMs() - take_over_ms < options.lease_ms) return;
  take_over_ms = SteadyMs();
  auto rows = table.OwnedByOthers(owner, NowUnixMs() - options.lease_ms);
  if (!rows) return;
  for (Row& row : *rows) TakeOver(std::move(row));
}

void JobQueue::State::TakeOver(Row row) {
  const auto adopted = table.Adopt(row, owner, NowUnixMs() + options.lease_ms);
  if (!adopted || !*adopted) return;
  if (row.phase != Phase::kWorking) {
    {
      const std::scoped_lock lock(commit_mutex);
      to_commit.push_back(row.job.id);
    }
    commit_wake.notify_all();
    return;
  }
  row.restarts += 1;
  if (row.cancel_requested) {
    row.job.state = JobState::kCancelled;
    row.job.finished_ms = NowUnixMs();
  } else if (row.restarts > kMaxRestarts) {
    row.job.state = JobState::kFailed;
    row.job.finished_ms = NowUnixMs();
    row.job.error = MakeError(Fail(
        ErrorCode::kInternal, "the server was restarted {} times while the job ran", kMaxRestarts));
  } else {
    row.job.state = JobState::kQueued;
    row.not_before_ms = 0;
    WriteLog(row, Msg("the server was restarted; the job goes on from its last checkpoint"));
  }
  if (const auto left = table.Leave(row); left && *left) {
    if (Ended(row.job.state)) RemoveWork(row.job.id);
    Tell(row.job);
  }
}

void JobQueue::State::StartJobs() {
  if (SteadyMs() < database_trouble_until_ms) return;
  for (;;) {
    {
      const std::scoped_lock lock(mutex);
      if (shutting_down ||
          running.size() >= static_cast<std::size_t>(std::max(options.max_running, 1)))
        return;
    }
    const auto started = StartNext();
    if (!started) {
      Log(LogLevel::kError, "job_queue_unreadable", {{"error", started.error().ToString()}});
      database_trouble_until_ms = SteadyMs() + 1'000;
      return;
    }
    if (!*started) return;
  }
}

// Fair: the workspace with the fewest running jobs, among those the one that was served longest
// ago.
Result<bool> JobQueue::State::StartNext() {
  const std::int64_t now = NowUnixMs();
  ASSIGN_OR_RETURN(std::vector<std::string> workspaces, table.WaitingWorkspaces(now));
  std::map<std::string, std::int64_t> busy;
  {
    const std::scoped_lock lock(mutex);
    for (const auto& [id, one] : running) ++busy[one->row.job.caller.workspace];
  }
  std::ranges::sort(workspaces, {}, [&](const std::string& workspace) {
    return std::pair(busy[workspace], last_served[workspace]);
  });
  for (const std::string& workspace : workspaces) {
    ASSIGN_OR_RETURN(std::optional<Row> row, table.NextIn(workspace, now));
    if (!row) continue;  // all of them wait for their group
    ASSIGN_OR_RETURN(const bool ours, table.Claim(*row, owner, now + options.lease_ms, now));
    if (!ours) continue;
    last_served[workspace] = ++served;
    Launch(std::move(*row));
    return true;
  }
  return false;
}

void JobQueue::State::Launch(Row row) {
  const std::string id = row.job.id;
  const std::string folder = FolderOf(id);
  if (row.limits.memory_bytes == 0) row.limits.memory_bytes = options.default_limits.memory_bytes;
  if (row.limits.threads == 0) row.limits.threads = options.default_limits.threads;
  if (row.limits.time_ms == 0) row.limits.time_ms = options.default_limits.time_ms;

  auto one = std::make_shared<Running>();
  one->row = std::move(row);
  one->started_ms = one->heard_ms = SteadyMs();
  one->progress = one->row.job.progress;
  const JobSpec spec{.id = id,
                     .kind = one->row.job.kind,
                     .caller = one->row.job.caller,
                     .parameters = one->row.job.parameters,
                     .limits = one->row.limits,
                     .work_folder = folder + "/work",
                     .attempt = one->row.job.attempt};
  const Job told = one->row.job;
  {
    const std::scoped_lock lock(mutex);
    running.emplace(id, one);
  }
  const auto launch = [&]() -> Status {
    RETURN_IF_ERROR(MakeFolder(spec.work_folder));
    RETURN_IF_ERROR(WriteFileAtomic(folder + "/spec.json", ToJson(spec).dump(), 0600));
    WriteLog(one->row, Msg("attempt {} started", spec.attempt));
    const JobLaunch what{.binary = options.binary,
                         .spec_path = folder + "/spec.json",
                         .output_path = folder + "/output.txt",
                         .limits = spec.limits};
    // The events own what they need: the process may outlive nothing but this queue's state.
    std::weak_ptr<State> weak = weak_from_this();
    ASSIGN_OR_RETURN(auto process,
                     executor->Launch(what, {.on_event =
                                                 [weak, one](Json event) {
                                                   if (const auto state = weak.lock())
                                                     state->OnEvent(one, event);
                                                 },
                                             .on_end =
                                                 [weak, one](JobEnd end) {
                                                   const auto state = weak.lock();
                                                   if (!state) return;
                                                   {
                                                     const std::scoped_lock lock(state->mutex);
                                                     one->end = std::move(end);
                                                   }
                                                   state->Wake();
                                                 }}));
    const std::scoped_lock lock(mutex);
    one->process = std::move(process);
    return {};
  };
  if (auto done = launch(); !done) {
    const std::scoped_lock lock(mutex);
    one->end = JobEnd{.lost = true, .output_tail = done.error().ToString()};
    woken = true;
  }
  Tell(told);
}

void JobQueue::State::RemoveWork(const std::string& id) const {
  std::error_code error;
  const fs::path folder = FolderOf(id);
  for (const char* name : {"work", "spec.json", "checkpoint.json", "output.txt", "lock"}) {
    fs::remove_all(folder / name, error);
  }
}

void JobQueue::State::CleanUp() {
  if (SteadyMs() < housekeeping_ms) return;
  housekeeping_ms = SteadyMs() + kHousekeepingMs;
  const auto deleted = table.DeleteOld(options.keep_finished, NowUnixMs() - options.keep_ms);
  if (!deleted) return;
  std::error_code error;
  for (const std::string& id : *deleted) fs::remove_all(FolderOf(id), error);
  if (!deleted->empty()) housekeeping_ms = SteadyMs() + 1'000;  // there may be more than one batch
}

// ----------------------------------------------------------------------------------------------
// executors

void JobQueue::State::OnEvent(const std::shared_ptr<Running>& one, const Json& event) {
  const std::string kind = event.value("event", "");
  if (kind == "log") {
    LogOf(one->row.job.id)
        .Append(event.value("time_ms", NowUnixMs()), one->row.job.attempt,
                MessageFromJson(event.value("message", Json::object())));
  }
  std::optional<Job> told;
  {
    const std::scoped_lock lock(mutex);
    const std::int64_t now = SteadyMs();
    one->heard_ms = now;
    if (kind == "progress") {
      one->progress = ProgressFromJson(event.value("progress", Json::object()));
      one->progress_changed = true;
      const double fraction = one->progress.fraction;
      if (!one->first_progress) one->first_progress.emplace(fraction, now);
      const auto [from, since] = *one->first_progress;
      if (!one->progress.eta_ms && now - since > 1'000 && fraction - from > 0.01) {
        one->progress.eta_ms = static_cast<std::int64_t>(static_cast<double>(now - since) *
                                                         (1 - fraction) / (fraction - from));
      }
      told = one->row.job;
      told->progress = one->progress;
    } else if (kind == "result") {
      one->result = event.value("output", Json());
      one->outcome_ms = now;
    } else if (kind == "error") {
      one->error = ErrorFromJson(event.value("error", Json::object()));
      one->error_is_memory = event.value("out_of_memory", false);
      one->outcome_ms = now;
    }
  }
  if (told) Tell(std::move(*told));
}

// -------------------------------------------------------------------------------------------------
// commit

void JobQueue::State::CommitLoop(const std::stop_token& stop) {
  std::map<std::string, int> runs;
  while (!stop.stop_requested()) {
    std::string id;
    {
      std::unique_lock lock(commit_mutex);
      if (!commit_wake.wait(lock, stop, [this] { return !to_commit.empty(); })) return;
      id = std::move(to_commit.front());
      to_commit.pop_front();
    }
    const int run = ++runs[id];
    if (CommitOne(id, run, stop)) {
      runs.erase(id);
      continue;
    }
    // Something did not answer: others first, then this one again.
    std::unique_lock lock(commit_mutex);
    const auto pause = std::chrono::milliseconds(
        std::min(options.retry_base_ms << std::min(run - 1, 6), kMaxBackOffMs));
    commit_wake.wait_for(lock, stop, pause, [this] { return !to_commit.empty(); });
    to_commit.push_back(std::move(id));
  }
}

// False when it must be tried again.
bool JobQueue::State::CommitOne(const std::string& id, int run, const std::stop_token& stop) {
  const auto guarded = [](const auto& call) -> Result<Json> {
    try {
      return call();
    } catch (const std::exception& error) {
      return Fail(ErrorCode::kInternal, "the job's result could not be committed: {}",
                  error.what());
    }
  };
  auto found = table.Find(id);
  if (!found) return false;
  if (!*found || (*found)->job.state != JobState::kRunning || (*found)->phase == Phase::kWorking)
    return true;
  Row row = std::move(**found);
  if (row.phase == Phase::kResult) {
    const auto commit = commits.find(row.job.kind);
    const Result<Json> output = commit == commits.end()
                                    ? row.result
                                    : guarded([&] { return commit->second(row.job, row.result); });
    if (!output && output.error().code == ErrorCode::kUnavailable && run < kMaxCommitRuns) {
      Log(LogLevel::kWarning, "job_commit_waits",
          {{"job", id}, {"error", output.error().ToString()}});
      return false;
    }
    if (stop.stop_requested() && !output) return false;
    if (output) {
      const auto saved = table.SaveCommitted(row, *output);
      if (!saved) return false;
      row.job.output = *output;
    } else {
      row.job.state = JobState::kFailed;
      row.job.error = output.error();
      row.job.finished_ms = NowUnixMs();
      if (!table.Leave(row)) return false;
      WriteLog(row, row.job.error->message);
      RemoveWork(id);
      Tell(row.job);
      Wake();
      return true;
    }
  }
  row.job.state = JobState::kSucceeded;
  row.job.error.reset();
  row.job.finished_ms = NowUnixMs();
  row.job.progress.fraction = 1.0;
  row.job.progress.eta_ms.reset();
  if (const auto after = after_commit.find(row.job.kind); after != after_commit.end()) {
    for (const Listener& listener : after->second) {
      const auto told = guarded([&]() -> Result<Json> {
        listener(row.job);
        return Json();
      });
      if (!told)
        Log(LogLevel::kError, "job_listener_failed",
            {{"job", id}, {"error", told.error().ToString()}});
    }
  }
  if (!table.Leave(row)) return false;
  RemoveWork(id);
  Tell(row.job);
  Wake();
  return true;
}

// ----------------------------------------------------------------------------------------------
// listeners

void JobQueue::State::Tell(Job job) {
  {
    const std::scoped_lock lock(notify_mutex);
    // A progress that nobody has heard yet is replaced by the newer one.
    if (!to_tell.empty() && to_tell.back().id == job.id && to_tell.back().state == job.state)
      to_tell.pop_back();
    to_tell.push_back(std::move(job));
  }
  notify_wake.notify_all();
}

void JobQueue::State::NotifyLoop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Job job;
    {
      std::unique_lock lock(notify_mutex);
      if (!notify_wake.wait(lock, stop, [this] { return !to_tell.empty(); })) return;
      job = std::move(to_tell.front());
      to_tell.pop_front();
    }
    const std::scoped_lock lock(listeners_mutex);
    const auto copy = listeners;  // one of them may remove itself
    for (const auto& [id, listener] : copy) {
      if (!listeners.contains(id)) continue;
      try {
        listener(job);
      } catch (const std::exception& error) {
        Log(LogLevel::kError, "job_listener_failed", {{"job", job.id}, {"error", error.what()}});
      }
    }
  }
}

// -------------------------------------------------------------------------------------------------
// people

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
  ASSIGN_OR_RETURN(auto rows, state.table.OwnedByOthers(state.owner, std::nullopt));
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

std::size_t JobQueue::queued() const {
  return static_cast<std::size_t>(state_->table.CountQueued("").value_or(0));
}

std::size_t JobQueue::running() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->running.size();
}

}  // namespace aimass
