#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "jobs/job.h"
#include "jobs/when.h"
#include "store/database.h"

namespace aimass {

/// One kind of thing that a schedule starts; a module on the right registers it at start.
struct ScheduleAction {
  std::string name;  // "collect"
  /// Starts the job for `subject` (an id of the module's own), once per `idempotency_key`.
  std::function<Result<Job>(const Caller&, const std::string& subject,
                            const std::string& idempotency_key)>
      start;
  /// Whether a job for `subject` waits or runs, whoever started it.
  std::function<Result<bool>(const Caller&, const std::string& subject)> open;
};

/// What is asked of a schedule.
struct ScheduleRequest {
  When when;
  std::string after_subject;  // where `when` is "after:": the id of what it names
  CatchUp catch_up = CatchUp::kLatest;
};

struct Schedule {
  std::string id;
  std::string action;
  std::string subject;
  std::string when;           // as it was written
  std::string after_subject;  // empty: a time
  CatchUp catch_up = CatchUp::kLatest;
  std::string time_zone;  // of its workspace
  Caller caller;          // on whose behalf it starts jobs
  bool paused = false;
  Message reason;                // why it is paused
  std::int64_t anchor_ms = 0;    // where an interval begins
  std::int64_t next_ms = 0;      // 0: no time (after:, paused)
  std::string pending;           // what happened, that it is to run after; empty: nothing
  std::int64_t last_due_ms = 0;  // of the last start; 0: none yet
  std::string last_job;
  std::optional<Error> last_error;  // why the last due moment started nothing
};

/// Starts jobs when they are due. One schedule per action and subject; due moments are kept in the
/// metadata, and each starts at most one job (its idempotency key is the schedule and the moment),
/// whatever kills the server in between. While a job of the subject is open, what is due waits.
///
/// Where the clock jumps back, nothing runs twice: a schedule waits for its next moment, or, where
/// that were more than a day longer, goes on from the new time. A jump forward is like a downtime.
///
/// Threads  any.
class ScheduleService {
 public:
  struct Options {
    std::function<std::int64_t()> now;     // milliseconds since 1970, UTC; empty: the clock
    std::function<std::int64_t()> steady;  // milliseconds; empty: the steady clock
  };
  [[nodiscard]] static std::vector<Migration> Migrations();
  ScheduleService(Database& database, const Access& access, Options options = {});
  ~ScheduleService();  // Stop()

  void Register(ScheduleAction action);  // before Start()
  /// Takes up what was due meanwhile, then starts what is due, on a thread of its own.
  [[nodiscard]] Status Start();
  /// After it returned, nothing more is started.
  void Stop();

  /// Sets or replaces the schedule of `subject`. The same again changes nothing but the caller; a
  /// paused one goes on.
  /// Errors   kUnprocessable where schedules would wait for each other in a circle.
  [[nodiscard]] Result<Schedule> Set(const Caller& caller, const std::string& action,
                                     const std::string& subject, const ScheduleRequest& request);
  [[nodiscard]] Status CheckAfter(const std::string& action, const std::string& subject,
                                  const std::string& after_subject) const;
  /// As it is now: where the key of its caller was revoked, it is paused by this look.
  [[nodiscard]] Result<std::optional<Schedule>> Find(const std::string& action,
                                                     const std::string& subject);
  [[nodiscard]] Status Remove(const std::string& action, const std::string& subject);
  /// `subject` is deleted: its schedule goes, those that run after it are paused.
  [[nodiscard]] static Status Forget(SqlSession& session, const std::string& subject);

  /// `subject` was done; `event` tells one time from another (the id of its job). Schedules that
  /// run after it are due.
  void Happened(const std::string& subject, const std::string& event);
  /// The workspace has another time zone.
  [[nodiscard]] Status TimeZoneChanged(const std::string& workspace);

  /// One turn of the thread: starts what is due now. For tests, without Start().
  [[nodiscard]] Status RunDue();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aimass
