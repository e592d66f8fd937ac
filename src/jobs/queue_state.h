#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "jobs/executor.h"
#include "jobs/log_file.h"
#include "jobs/queue.h"
#include "jobs/table.h"

// The inside of JobQueue, shared by its parts: scheduler.cc, committer.cc, notifier.cc and
// queue.cc.
namespace aimass {
namespace jobs {

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

[[nodiscard]] inline Error MakeError(std::unexpected<Error> failure) {
  return std::move(failure.error());
}

}  // namespace jobs

struct JobQueue::State : std::enable_shared_from_this<JobQueue::State> {
  State(Database& db, Options given) : table(db, given.data_folder), options(std::move(given)) {}

  // Threads: Scheduler.
  void Schedule(const std::stop_token& stop);
  void HandleEnded();
  void Finish(jobs::Running& running);
  void Retry(jobs::Row& row, Error error, bool memory);
  void EndOrRetry(jobs::Running& running);
  void CheckDeadlines();
  void Beat();
  void TakeOverExpired();
  void TakeOver(jobs::Row row);
  void StartJobs();
  Result<bool> StartNext();
  void Launch(jobs::Row row);
  void CleanUp();
  void RemoveWork(const std::string& id) const;

  // Threads: executors.
  void OnEvent(const std::shared_ptr<jobs::Running>& running, const Json& event);

  // Threads: commit.
  void CommitLoop(const std::stop_token& stop);
  bool CommitOne(const std::string& id, int run, const std::stop_token& stop);

  // Threads: notifier.
  void NotifyLoop(const std::stop_token& stop);

  // Threads: any.
  void Tell(Job job);
  Job WithLive(jobs::Row row) const;
  Result<jobs::Row> FindFor(const Caller& caller, std::string_view id) const;
  [[nodiscard]] std::string FolderOf(std::string_view id) const {
    return options.data_folder + "/jobs/" + std::string(id);
  }
  [[nodiscard]] jobs::LogFile LogOf(std::string_view id) const {
    return jobs::LogFile(FolderOf(id) + "/log.ndjson");
  }
  void WriteLog(const jobs::Row& row, const Message& line) const {
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
  std::map<std::string, std::shared_ptr<jobs::Running>, std::less<>> running;
  bool shutting_down = false;

  // The scheduler's own.
  std::map<std::string, std::int64_t> last_served;  // workspace → a count that rises
  std::int64_t served = 0;
  std::int64_t beat_ms = 0;
  std::int64_t take_over_ms = 0;
  struct Watched {
    std::int64_t lease_until_ms = 0;
    std::int64_t since_ms = 0;  // steady
  };
  std::map<std::string, Watched> watched;  // other servers' jobs and since when their leases stand
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

}  // namespace aimass
