// Every decision about running jobs: one thread that looks at what executors' threads have noted.
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "jobs/queue_state.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

using jobs::MakeError;
using jobs::Phase;
using jobs::Row;
using jobs::Running;
using jobs::StopReason;

constexpr int kMaxRestarts = 100;  // of servers under one job; then the job is suspected
constexpr std::int64_t kMaxBackOffMs = 60'000;
constexpr std::int64_t kHeartbeatMs = 1'000;
constexpr std::int64_t kExitGraceMs = 5'000;  // from a process's result to its end
constexpr std::int64_t kHousekeepingMs = 600'000;
constexpr std::int64_t kIdleMs = 500;
constexpr std::int64_t kBusyMs = 50;

std::string SignalName(int number) {
  const char* name = sigabbrev_np(number);
  return name == nullptr ? std::to_string(number) : fmt::format("SIG{}", name);
}

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

// With a shared database another server may have died: its jobs are ours once nobody has renewed
// their leases for twice their length by our own steady clock. The clocks of two servers may
// differ, and either may jump.
void JobQueue::State::TakeOverExpired() {
  const std::int64_t now = SteadyMs();
  if (now - take_over_ms < options.lease_ms / 3) return;
  take_over_ms = now;
  auto rows = table.OwnedByOthers(owner);
  if (!rows) return;
  std::map<std::string, Watched> still;
  for (Row& row : *rows) {
    Watched one{.lease_until_ms = row.lease_until_ms, .since_ms = now};
    if (const auto seen = watched.find(row.job.id);
        seen != watched.end() && seen->second.lease_until_ms == row.lease_until_ms) {
      one.since_ms = seen->second.since_ms;
    }
    if (now - one.since_ms >= 2 * options.lease_ms) {
      TakeOver(std::move(row));
    } else {
      still.emplace(row.job.id, one);
    }
  }
  watched = std::move(still);
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
    const std::int64_t started = NowUnixMs();
    ASSIGN_OR_RETURN(const bool ours,
                     table.Claim(*row, owner, started + options.lease_ms, started));
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
    one->error = std::move(done).error();  // its code says whether another attempt may help
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

void JobQueue::State::OnEvent(const std::shared_ptr<Running>& one, const Json& event) {
  const std::string kind = GetString(event, "event", "").value_or("");
  if (kind == "log") {
    LogOf(one->row.job.id)
        .Append(GetInteger(event, "time_ms", NowUnixMs()).value_or(NowUnixMs()),
                one->row.job.attempt, MessageFromJson(event.value("message", Json::object())));
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
      one->error_is_memory = GetBool(event, "out_of_memory", false).value_or(false);
      one->outcome_ms = now;
    }
  }
  if (told) Tell(std::move(*told));
}

}  // namespace aimass
