#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jobs/committer.h"
#include "jobs/executor.h"
#include "jobs/notifier.h"
#include "jobs/outcome.h"
#include "jobs/table.h"

namespace aimass::jobs {

/// Where the files of job `id` lie, and the names in that folder.
[[nodiscard]] std::string FolderOf(const JobQueue::Options& options, std::string_view id);
inline constexpr std::string_view kLogName = "log.ndjson";
inline constexpr std::string_view kWorkName = "work";

/// Starts queued jobs where there is room, watches their processes, and decides what follows when
/// one ends. One thread does all of that; processes report to it.
///
/// Threads  any.
class Scheduler {
 public:
  Scheduler(Table& table, const JobQueue::Options& options, std::unique_ptr<JobExecutor> executor,
            Committer& committer, Notifier& notifier);
  ~Scheduler();  // stops and ends what runs; it goes on at the next start

  /// Takes over what an earlier owner left running, then schedules.
  [[nodiscard]] Status Start();
  void Wake();  // something was queued
  /// Asks a running job to stop; false where it does not run here, or has returned its result.
  [[nodiscard]] bool Cancel(std::string_view id);
  /// The newest progress of a running job, ahead of the table.
  void Overlay(Job& job) const;
  [[nodiscard]] std::size_t running() const;

 private:
  struct Running {
    Row row;
    std::unique_ptr<JobProcess> process;
    Attempt attempt;
    std::int64_t started_steady_ms = 0;
    std::int64_t heard_steady_ms = 0;
    std::int64_t stop_steady_ms = 0;  // when it was asked to stop; 0: not
    bool killed = false;
    bool ended = false;
    bool progress_changed = false;
  };

  void Work();
  void StartJobs();
  [[nodiscard]] bool StartNext();
  void Launch(Row row);
  void Watch();
  void Beat();
  void CollectEnded();
  void FinishAttempt(Running running);
  void CleanUp();
  [[nodiscard]] Status Adopt(Row row);
  void OnEvent(const std::string& id, int attempt, const Json& event);
  void OnEnd(const std::string& id, int attempt, JobEnd end);
  void NoteProgress(Running& running, const Json& event);

  Table& table_;
  const JobQueue::Options options_;
  const std::unique_ptr<JobExecutor> executor_;
  Committer& committer_;
  Notifier& notifier_;
  const std::string owner_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Running, std::less<>> running_;
  std::string last_workspace_;
  bool woken_ = false;
  bool closing_ = false;
  std::int64_t beat_steady_ms_ = 0;
  std::int64_t clean_steady_ms_ = 0;
  std::thread thread_;
};

}  // namespace aimass::jobs
