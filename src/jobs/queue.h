#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/job.h"
#include "store/database.h"

namespace aimass {

struct SubmitOptions {
  JobLimits limits;
  int max_attempts = 3;         // a crash or a restart is tried again; an error of the input is not
  std::string idempotency_key;  // the same key in a workspace gives the same job
  std::string group;  // at most one running job per group ("dataset:<id>"); empty: no limit
};

struct JobFilter {
  std::string kind;
  std::optional<JobState> state;
  int limit = 50;
  std::string cursor;
};

struct JobPage {
  std::vector<Job> items;
  std::string next_cursor;
};

/// The persisted queue and its scheduler: leases, heartbeats, retry with back-off, fair between
/// workspaces.
///
/// Threads  any.
class JobQueue {
 public:
  struct Options {
    std::string data_folder;
    std::string binary;  // the aimass binary that job processes run
    int max_running = 2;
    JobLimits default_limits;
    std::int64_t lease_ms = 15'000;  // a process that is silent for so long is given up
    std::string executor = "local";
    std::int64_t retry_base_ms = 1'000;    // the first back-off; it doubles, up to a minute
    std::int64_t cancel_grace_ms = 1'500;  // from asking a process to stop to killing it
    std::int64_t max_queued = 10'000;      // of one workspace
    std::int64_t keep_finished = 1'000;    // of one workspace, and for keep_ms
    std::int64_t keep_ms = std::int64_t{30} * 24 * 3600 * 1000;
  };
  /// Commits a finished job's output in the server; the value it returns is the job's `output`.
  ///
  /// It runs on the queue's one commit thread, after the output was made durable. It can run again
  /// for the same job: when the server dies between the commit and the note that it was done, and
  /// after kUnavailable. So it must find its earlier work by `job.id` (store it with what you
  /// commit, under a unique key) and return the same value again. An error fails the job. A job
  /// that reached its commit can no longer be cancelled.
  using Commit = std::function<Result<Json>(const Job& job, const Json& output)>;
  /// Told after a job of that kind was committed (or after any job changed, for OnChange). After a
  /// commit: on the commit thread, before the job counts as succeeded, and again if the server dies
  /// meanwhile. OnChange: on one thread of its own, in order; must not block. Progress is told at
  /// most 4 times a second.
  using Listener = std::function<void(const Job& job)>;

  [[nodiscard]] static std::vector<Migration> Migrations();
  JobQueue(Database& database, Options options);
  ~JobQueue();  // stops scheduling and ends running job processes; they resume at the next start

  void OnCommit(std::string kind, Commit commit);           // one per kind, before Start()
  void AfterCommit(std::string kind, Listener listener);    // any number, in order
  [[nodiscard]] std::uint64_t OnChange(Listener listener);  // for server-sent events
  void RemoveListener(std::uint64_t id);  // after it returned, the listener is not called

  /// Takes over what an earlier process left running, then schedules.
  [[nodiscard]] Status Start();

  [[nodiscard]] Result<Job> Submit(const Caller& caller, std::string_view kind, Json parameters,
                                   const SubmitOptions& options = {});
  [[nodiscard]] Result<Job> Get(const Caller& caller, std::string_view id) const;
  [[nodiscard]] Result<JobPage> List(const Caller& caller, const JobFilter& filter) const;
  /// Ends a queued job at once, a running one within 2 s (the answer may still say "running"); one
  /// that is being committed is finished. Errors: kNotFound, kConflict when it has ended.
  [[nodiscard]] Result<Job> Cancel(const Caller& caller, std::string_view id);
  /// The lines of its log, oldest first, from byte `offset` on; `next_offset` is where the next
  /// call goes on. A line is {"time","attempt","message":{"format","arguments"}}.
  [[nodiscard]] Result<std::vector<Json>> ReadLog(const Caller& caller, std::string_view id,
                                                  std::int64_t offset = 0,
                                                  std::int64_t* next_offset = nullptr) const;
  /// Blocks until the job ended or `timeout_ms` passed (then its state is still open).
  [[nodiscard]] Result<Job> Wait(const Caller& caller, std::string_view id,
                                 std::int64_t timeout_ms) const;

  /// Whether a job of the group (SubmitOptions) waits or runs in the caller's workspace.
  [[nodiscard]] Result<bool> HasOpen(const Caller& caller, std::string_view group) const;

  [[nodiscard]] std::size_t queued() const;
  [[nodiscard]] std::size_t running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The job process's side: runs the spec that stands in `spec_path`, speaks events on descriptor 3.
/// Returns the exit code. Called by `aimass run-job SPEC` only.
int RunJobProcess(const JobKindRegistry& kinds, const std::string& spec_path);

}  // namespace aimass
