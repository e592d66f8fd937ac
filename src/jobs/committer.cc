// What comes after a job's process: the commit in the server, one job after the other.
#include <algorithm>

#include "base/log.h"
#include "jobs/queue_state.h"

namespace aimass {
namespace {

using jobs::Phase;
using jobs::Row;

constexpr int kMaxCommitRuns = 6;
constexpr std::int64_t kMaxBackOffMs = 60'000;

}  // namespace

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

}  // namespace aimass
