#include "jobs/scheduler.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "jobs/log_file.h"

namespace aimass::jobs {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::int64_t kCleanEveryMs = 3'600'000;
constexpr std::int64_t kCloseGraceMs = 1'500;

// Time left by the share that is done; only once enough is done to say.
std::optional<std::int64_t> Eta(double fraction, std::int64_t elapsed_ms) {
  if (fraction < 0.02 || elapsed_ms < 1'000) return std::nullopt;
  return static_cast<std::int64_t>(static_cast<double>(elapsed_ms) * (1.0 - fraction) / fraction);
}

void LogError(std::string_view event, const std::string& id, const Error& error) {
  Log(LogLevel::kError, event, {{"job", id}, {"error", error.ToString()}});
}

}  // namespace

std::string FolderOf(const JobQueue::Options& options, std::string_view id) {
  return fmt::format("{}/jobs/{}", options.data_folder, id);
}

Scheduler::Scheduler(Table& table, const JobQueue::Options& options,
                     std::unique_ptr<JobExecutor> executor, Committer& committer,
                     Notifier& notifier)
    : table_(table),
      options_(options),
      executor_(std::move(executor)),
      committer_(committer),
      notifier_(notifier),
      owner_(NewId()) {}

Scheduler::~Scheduler() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Scheduler::Start() {
  ASSIGN_OR_RETURN(std::vector<Row> left, table_.OwnedByOthers(owner_, std::nullopt));
  for (Row& row : left) RETURN_IF_ERROR(Adopt(std::move(row)));
  thread_ = std::thread([this] { Work(); });
  return {};
}

Status Scheduler::Adopt(Row row) {
  ASSIGN_OR_RETURN(const bool ours, table_.Adopt(row, owner_, NowUnixMs() + options_.lease_ms));
  if (!ours) return {};
  row.owner = owner_;
  if (row.phase != Phase::kWorking) {
    committer_.Add(std::move(row));
    return {};
  }
  Attempt attempt;
  attempt.stopped_by_us = true;
  static_cast<void>(Decide(attempt, NowUnixMs(), options_.retry_base_ms, row));
  RETURN_IF_ERROR(table_.Leave(row));
  notifier_.Publish(row.job);
  return {};
}

void Scheduler::Wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

bool Scheduler::Cancel(std::string_view id) {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || found->second.ended || found->second.attempt.result) return false;
  Running& running = found->second;
  running.row.cancel_requested = true;
  if (running.stop_steady_ms == 0) {
    running.stop_steady_ms = SteadyMs();
    if (running.process) running.process->Stop();
  }
  return true;
}

void Scheduler::Overlay(Job& job) const {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(job.id);
  if (found != running_.end() && job.state == JobState::kRunning)
    job.progress = found->second.row.job.progress;
}

std::size_t Scheduler::running() const {
  const std::scoped_lock lock(mutex_);
  return running_.size();
}

void Scheduler::Work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kTick, [this] { return woken_ || closing_; });
      woken_ = false;
      if (closing_) break;
    }
    CollectEnded();
    Watch();
    StartJobs();
    Beat();
    CleanUp();
  }
  // Closing: every process is asked to stop, then killed; their jobs are queued again.
  const std::int64_t asked_ms = SteadyMs();
  for (bool any = true; any;) {
    {
      const std::scoped_lock lock(mutex_);
      any = !running_.empty();
      for (auto& [id, running] : running_) {
        const bool first = !running.attempt.stopped_by_us;
        running.attempt.stopped_by_us = true;
        if (running.process && first) running.process->Stop();
        if (running.process && SteadyMs() - asked_ms > kCloseGraceMs) running.process->Kill();
      }
    }
    CollectEnded();
    if (any) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void Scheduler::StartJobs() {
  for (;;) {
    {
      const std::scoped_lock lock(mutex_);
      if (closing_ ||
          running_.size() >= static_cast<std::size_t>(std::max(1, options_.max_running)))
        return;
    }
    if (!StartNext()) return;
  }
}

// The workspace that runs the fewest jobs is next; among equals, the one after the last that had
// its turn.
bool Scheduler::StartNext() {
  auto workspaces = table_.WaitingWorkspaces(NowUnixMs());
  if (!workspaces) {
    LogError("job_queue_unreadable", "", workspaces.error());
    return false;
  }
  std::ranges::rotate(*workspaces, std::ranges::upper_bound(*workspaces, last_workspace_));
  std::map<std::string, int> counts;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, running] : running_) ++counts[running.row.job.caller.workspace];
  }
  std::ranges::stable_sort(*workspaces, {},
                           [&counts](const std::string& name) { return counts[name]; });
  for (const std::string& workspace : *workspaces) {
    const std::int64_t now = NowUnixMs();
    auto row = table_.NextIn(workspace, now);
    if (!row || !*row) continue;
    const auto claimed = table_.Claim(**row, owner_, now + options_.lease_ms, now);
    if (!claimed || !*claimed) continue;
    last_workspace_ = workspace;
    Launch(std::move(**row));
    return true;
  }
  return false;
}

void Scheduler::Launch(Row row) {
  const std::string id = row.job.id;
  const int number = row.job.attempt;
  const std::string folder = FolderOf(options_, id);
  if (row.limits.memory_bytes == 0) row.limits.memory_bytes = options_.default_limits.memory_bytes;
  if (row.limits.threads == 0) row.limits.threads = options_.default_limits.threads;
  if (row.limits.threads == 0)
    row.limits.threads = static_cast<int>(std::thread::hardware_concurrency());
  if (row.limits.time_ms == 0) row.limits.time_ms = options_.default_limits.time_ms;
  const JobSpec spec{.id = id,
                     .kind = row.job.kind,
                     .caller = row.job.caller,
                     .parameters = row.job.parameters,
                     .limits = row.limits,
                     .work_folder = fmt::format("{}/{}", folder, kWorkName),
                     .attempt = number};
  const std::string spec_path = folder + "/spec.json";
  notifier_.Publish(row.job);

  Running running;
  running.row = row;
  running.started_steady_ms = running.heard_steady_ms = SteadyMs();
  {
    const std::scoped_lock lock(mutex_);
    running_.insert_or_assign(id, std::move(running));
  }
  Status ready = MakeFolder(spec.work_folder);
  if (ready) ready = WriteFileAtomic(spec_path, ToJson(spec).dump(), 0600);
  if (!ready) {
    const std::scoped_lock lock(mutex_);
    running_.at(id).attempt.error = ready.error();
    running_.at(id).ended = true;
    return;
  }
  JobEvents events{
      .on_event = [this, id, number](const Json& event) { OnEvent(id, number, event); },
      .on_end = [this, id, number](JobEnd end) { OnEnd(id, number, std::move(end)); }};
  auto process = executor_->Launch({.binary = options_.binary,
                                    .spec_path = spec_path,
                                    .output_path = folder + "/output.txt",
                                    .limits = row.limits},
                                   std::move(events));
  const std::scoped_lock lock(mutex_);
  Running& entry = running_.at(id);
  if (!process) {
    entry.attempt.end.lost = true;
    entry.attempt.end.output_tail = process.error().ToString();
    entry.ended = true;
    return;
  }
  entry.process = std::move(*process);
  if (entry.row.cancel_requested) entry.process->Stop();  // asked while it was being started
}

void Scheduler::NoteProgress(Running& running, const Json& event) {
  Progress progress = ProgressFromJson(event.value("progress", Json::object()));
  if (!progress.eta_ms)
    progress.eta_ms = Eta(progress.fraction, SteadyMs() - running.started_steady_ms);
  running.row.job.progress = std::move(progress);
  running.progress_changed = true;
  notifier_.Publish(running.row.job);
}

void Scheduler::OnEvent(const std::string& id, int attempt, const Json& event) {
  const std::string kind = event.value("event", "");
  if (kind == "log") {
    const LogFile log(fmt::format("{}/{}", FolderOf(options_, id), kLogName));
    log.Append(event.value("time_ms", NowUnixMs()), attempt,
               MessageFromJson(event.value("message", Json())));
  }
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || found->second.row.job.attempt != attempt) return;
  Running& running = found->second;
  running.heard_steady_ms = SteadyMs();
  if (kind == "progress") NoteProgress(running, event);
  if (kind == "checkpoint") running.attempt.checkpointed = true;
  if (kind == "result") running.attempt.result = event.value("output", Json());
  if (kind == "error") {
    running.attempt.error = ErrorFromJson(event.value("error", Json::object()));
    running.attempt.out_of_memory = event.value("out_of_memory", false);
  }
}

void Scheduler::OnEnd(const std::string& id, int attempt, JobEnd end) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end() || found->second.row.job.attempt != attempt) return;
    found->second.attempt.end = std::move(end);
    found->second.ended = true;
    woken_ = true;
  }
  wake_.notify_one();
}

void Scheduler::Watch() {
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = SteadyMs();
  for (auto& [id, running] : running_) {
    if (!running.process || running.ended || running.killed) continue;
    const std::int64_t limit_ms = running.row.limits.time_ms;
    if (running.stop_steady_ms != 0 && now - running.stop_steady_ms >= options_.cancel_grace_ms) {
      running.killed = true;
    } else if (now - running.heard_steady_ms >= options_.lease_ms) {
      running.attempt.silent = running.killed = true;
    } else if (limit_ms > 0 && now - running.started_steady_ms >= limit_ms) {
      running.attempt.over_time = running.killed = true;
    }
    if (running.killed) running.process->Kill();
  }
}

void Scheduler::Beat() {
  const std::int64_t now = SteadyMs();
  if (now - beat_steady_ms_ < options_.lease_ms / 5) return;
  beat_steady_ms_ = now;
  std::vector<Table::Beat> beats;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [id, running] : running_) {
      Table::Beat beat{.id = id, .attempt = running.row.job.attempt, .progress = {}};
      if (running.progress_changed) beat.progress = running.row.job.progress;
      running.progress_changed = false;
      beats.push_back(std::move(beat));
    }
  }
  if (const Status told = table_.Heartbeat(beats, NowUnixMs() + options_.lease_ms); !told) {
    LogError("job_heartbeat_failed", "", told.error());
  }
}

void Scheduler::CollectEnded() {
  std::vector<Running> ended;
  {
    const std::scoped_lock lock(mutex_);
    for (auto at = running_.begin(); at != running_.end();) {
      if (at->second.ended) {
        ended.push_back(std::move(at->second));
        at = running_.erase(at);
      } else {
        ++at;
      }
    }
  }
  for (Running& running : ended) FinishAttempt(std::move(running));
}

void Scheduler::FinishAttempt(Running running) {
  running.process.reset();  // waits for its thread
  Row& row = running.row;
  const std::string id = row.job.id;
  if (Decide(running.attempt, NowUnixMs(), options_.retry_base_ms, row)) {
    const auto saved = table_.SaveResult(row, *running.attempt.result);
    if (!saved) {
      // The database does not answer: the attempt counts as lost, and is found again by its lease.
      LogError("job_result_not_noted", id, saved.error());
      return;
    }
    if (!*saved) return;  // another attempt has begun
    row.phase = Phase::kResult;
    row.result = std::move(*running.attempt.result);
    committer_.Add(std::move(row));
    return;
  }
  if (row.job.error) {
    Log(LogLevel::kWarning, "job_failed",
        {{"job", id},
         {"kind", row.job.kind},
         {"attempt", row.job.attempt},
         {"error", row.job.error->ToString()}});
  }
  const auto left = table_.Leave(row);
  if (!left) {
    LogError("job_end_not_noted", id, left.error());
    return;
  }
  if (Ended(row.job.state)) {
    std::error_code error;
    fs::remove_all(fmt::format("{}/{}", FolderOf(options_, id), kWorkName), error);
  }
  notifier_.Publish(row.job);
}

void Scheduler::CleanUp() {
  // Jobs of our own whose end could not be noted come back by their lease, as those of a dead owner
  // would.
  const std::int64_t now = SteadyMs();
  if (clean_steady_ms_ != 0 && now - clean_steady_ms_ < std::min(kCleanEveryMs, options_.lease_ms))
    return;
  const bool first = clean_steady_ms_ == 0;
  clean_steady_ms_ = now;
  if (auto lost = table_.OwnedByOthers("", NowUnixMs() - options_.lease_ms)) {
    for (Row& row : *lost) {
      {
        const std::scoped_lock lock(mutex_);
        if (running_.contains(row.job.id)) continue;
      }
      if (row.owner == owner_ && row.phase != Phase::kWorking) continue;  // waits for its commit
      if (const Status adopted = Adopt(std::move(row)); !adopted) {
        LogError("job_not_taken_over", "", adopted.error());
      }
    }
  }
  if (!first && now % kCleanEveryMs > options_.lease_ms) return;
  if (const auto old = table_.DeleteOld(options_.keep_finished, NowUnixMs() - options_.keep_ms)) {
    std::error_code error;
    for (const std::string& id : *old) fs::remove_all(FolderOf(options_, id), error);
  }
}

}  // namespace aimass::jobs
