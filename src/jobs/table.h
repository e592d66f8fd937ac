#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/queue.h"
#include "store/database.h"

namespace aimass::jobs {

/// A running job goes through phases: its process works; its output is durable and waits for the
/// commit; the commit is done and the listeners are being told. Only the first can be cancelled or
/// started again.
enum class Phase : std::uint8_t { kWorking, kResult, kCommitted };

/// A job with what only the queue knows about it.
struct Row {
  Job job;
  JobLimits limits;
  Phase phase = Phase::kWorking;
  Json result;              // what the process returned, from kResult on
  int failures = 0;         // attempts that crashed or found something unavailable
  int memory_failures = 0;  // attempts that ran out of memory
  int restarts = 0;         // attempts that ended because the server did
  int max_attempts = 3;
  std::int64_t not_before_ms = 0;
  std::int64_t lease_until_ms = 0;
  bool cancel_requested = false;
  std::string group;
  std::string owner;  // the queue that runs it
};

/// The table of jobs: every SQL statement of the queue.
///
/// Writes about a running job carry its attempt as fencing token: they change nothing (and say
/// false) once another attempt has begun. Threads  any.
class Table {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  /// Paths inside `data_folder` are kept relative to it, so that jobs follow a folder that is moved
  /// or restored elsewhere.
  Table(Database& database, std::string data_folder)
      : database_(database), data_folder_(std::move(data_folder)) {}

  /// Errors   kConflict where the idempotency key is taken.
  [[nodiscard]] Status Insert(const Row& row, const std::string& idempotency_key);
  [[nodiscard]] Result<std::optional<Row>> Find(std::string_view id) const;
  [[nodiscard]] Result<std::optional<Row>> FindByKey(std::string_view workspace,
                                                     std::string_view idempotency_key) const;
  [[nodiscard]] Result<std::vector<Row>> List(std::string_view workspace, const JobFilter& filter,
                                              int limit) const;
  [[nodiscard]] Result<std::int64_t> CountQueued(
      std::string_view workspace) const;  // empty: of all

  /// Whether a job of the group waits or runs.
  [[nodiscard]] Result<bool> HasOpen(std::string_view workspace, std::string_view group) const;
  /// Workspaces that have a job which may start at `now_ms`.
  [[nodiscard]] Result<std::vector<std::string>> WaitingWorkspaces(std::int64_t now_ms) const;
  /// The oldest job of `workspace` that may start: its time has come and its group is free.
  [[nodiscard]] Result<std::optional<Row>> NextIn(std::string_view workspace,
                                                  std::int64_t now_ms) const;
  /// Queued → running under a new attempt; false when somebody was faster.
  [[nodiscard]] Result<bool> Claim(Row& row, const std::string& owner, std::int64_t lease_until_ms,
                                   std::int64_t now_ms);

  struct Beat {
    std::string id;
    int attempt;
    std::optional<Progress> progress;
  };
  [[nodiscard]] Status Heartbeat(const std::vector<Beat>& beats, std::int64_t lease_until_ms);

  [[nodiscard]] Result<bool> SaveResult(const Row& row, const Json& result);
  [[nodiscard]] Result<bool> SaveCommitted(const Row& row, const Json& output);
  /// Running → an end state, or back to queued with the row's counters and `not_before_ms`.
  [[nodiscard]] Result<bool> Leave(const Row& row);
  [[nodiscard]] Result<bool> CancelQueued(std::string_view id, std::int64_t now_ms);
  [[nodiscard]] Status RequestCancel(std::string_view id);

  /// Running jobs that `owner` does not run.
  [[nodiscard]] Result<std::vector<Row>> OwnedByOthers(const std::string& owner) const;
  /// The new owner of a job that was left running; false when its attempt changed.
  [[nodiscard]] Result<bool> Adopt(const Row& row, const std::string& owner,
                                   std::int64_t lease_until_ms);

  /// Deletes ended jobs beyond the newest `keep` of each workspace and those that ended before
  /// `before_ms`; the ids of what it deleted.
  [[nodiscard]] Result<std::vector<std::string>> DeleteOld(std::int64_t keep,
                                                           std::int64_t before_ms);

 private:
  [[nodiscard]] Row FromRow(const SqlRow& sql) const;
  [[nodiscard]] std::vector<Row> FromRows(const std::vector<SqlRow>& rows) const;
  [[nodiscard]] std::optional<Row> First(const std::vector<SqlRow>& rows) const;
  [[nodiscard]] Json Kept(Json json) const;   // as it is stored
  [[nodiscard]] Json Found(Json json) const;  // as it is used

  Database& database_;
  const std::string data_folder_;
};

}  // namespace aimass::jobs
