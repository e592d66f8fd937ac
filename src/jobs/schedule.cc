#include "jobs/schedule.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/id.h"
#include "base/log.h"
#include "store/json.h"

namespace aimass {
namespace {

constexpr std::string_view kColumns =
    "id, action, subject, spec, after_subject, catch_up, caller, paused, reason, anchor_ms, "
    "next_ms, pending, last_due_ms, last_job, last_error, time_zone";
constexpr std::int64_t kJumpMs = 5'000;  // less is a clock that is kept right
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kPollMs = 1'000;  // jumps of the clock are seen so soon
constexpr std::int64_t kHeldMs = 250;    // from one look at an open job to the next
constexpr std::int64_t kRetryMs = 5'000;

Schedule FromRow(const SqlRow& row) {
  Schedule schedule{.id = row.Text(0),
                    .action = row.Text(1),
                    .subject = row.Text(2),
                    .when = row.Text(3),
                    .after_subject = row.Text(4),
                    .catch_up = CatchUpFromName(row.Text(5)).value_or(CatchUp::kLatest),
                    .time_zone = row.Text(15),
                    .caller = CallerFromJson(JsonOf(row, 6)),
                    .paused = row.Integer(7) != 0,
                    .reason = {},
                    .anchor_ms = row.Integer(9),
                    .next_ms = row.Integer(10),
                    .pending = row.Text(11),
                    .last_due_ms = row.Integer(12),
                    .last_job = row.Text(13),
                    .last_error = std::nullopt};
  if (!row.Text(8).empty()) schedule.reason = MessageFromJson(JsonOf(row, 8));
  if (!row.Text(14).empty()) schedule.last_error = ErrorFromJson(JsonOf(row, 14));
  return schedule;
}

// What may pass: the same moment is tried again.
bool MayPass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kResourceExhausted ||
         code == ErrorCode::kTimeout || code == ErrorCode::kStorageFull ||
         code == ErrorCode::kInternal || code == ErrorCode::kCancelled;
}

/// The moments that have come and started nothing yet, oldest first, and the one behind them.
struct Due {
  std::deque<std::int64_t> moments;
  std::int64_t next_ms = 0;
};
Due DueOf(const Schedule& schedule, const When& when, const Zone& zone, std::int64_t now,
          std::size_t most) {
  Due due;
  std::int64_t moment = schedule.next_ms;
  if (when.interval_ms > 0) {  // seconds over a year of downtime are not counted one by one
    const std::int64_t behind =
        (now - moment) / when.interval_ms - static_cast<std::int64_t>(most) + 1;
    if (behind > 0) moment += behind * when.interval_ms;
  }
  while (moment <= now) {
    due.moments.push_back(moment);
    if (due.moments.size() > most) due.moments.pop_front();
    moment = when.NextAfter(moment, schedule.anchor_ms, zone).value_or(INT64_MAX);
  }
  due.next_ms = moment;
  return due;
}

}  // namespace

struct ScheduleService::State {
  State(Database& db, const Access& a, Options given)
      : database(db), access(a), options(std::move(given)) {
    if (!options.now) options.now = NowUnixMs;
    if (!options.steady) options.steady = SteadyMs;
    up_since_ms = seen_ms = options.now();
    seen_steady_ms = options.steady();
  }

  Status RunDue();
  Status SeeClock();
  Status Rearm(const std::string& workspace);
  Status Turn(const Schedule& schedule, std::int64_t now);
  Status Begin(const Schedule& schedule, std::int64_t due_ms, const std::string& moment,
               std::int64_t next_ms);
  Status Pause(const Schedule& schedule, const Message& reason);
  Status Note(const std::string& subject, const std::string& event);
  void Loop(const std::stop_token& stop);
  std::int64_t PauseMs();
  Result<std::vector<Schedule>> Select(const std::string& where, const SqlParams& params) const;

  Database& database;
  const Access& access;
  Options options;
  std::map<std::string, ScheduleAction> actions;  // read-only after Start()

  std::mutex turn;               // one turn at a time: the thread's, or a test's
  std::int64_t up_since_ms = 0;  // what was due before has been missed
  std::int64_t seen_ms = 0;
  std::int64_t seen_steady_ms = 0;
  std::map<std::string, std::int64_t> retry_ms;  // schedule → steady time
  bool held = false;                             // by an open job, at the last turn
  Guarded<std::vector<std::pair<std::string, std::string>>> unwritten;  // of Happened()

  std::mutex mutex;
  std::condition_variable_any wake;
  bool woken = false;
  std::jthread thread;

  void Wake() {
    {
      const std::scoped_lock lock(mutex);
      woken = true;
    }
    wake.notify_all();
  }
};

std::vector<Migration> ScheduleService::Migrations() {
  return {{.module = "schedules", .number = 1, .sql = R"sql(
    CREATE TABLE schedules (
      id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, action TEXT NOT NULL,
      subject TEXT NOT NULL, spec TEXT NOT NULL, after_subject TEXT NOT NULL,
      catch_up TEXT NOT NULL, caller TEXT NOT NULL, time_zone TEXT NOT NULL,
      paused BIGINT NOT NULL, reason TEXT NOT NULL, anchor_ms BIGINT NOT NULL,
      next_ms BIGINT NOT NULL, pending TEXT NOT NULL, last_due_ms BIGINT NOT NULL,
      last_job TEXT NOT NULL, last_error TEXT NOT NULL, created_ms BIGINT NOT NULL,
      UNIQUE (action, subject));
    CREATE INDEX schedules_next ON schedules (paused, next_ms);
    CREATE INDEX schedules_after ON schedules (after_subject)
  )sql"}};
}

ScheduleService::ScheduleService(Database& database, const Access& access, Options options)
    : state_(std::make_unique<State>(database, access, std::move(options))) {}

ScheduleService::~ScheduleService() { Stop(); }

void ScheduleService::Register(ScheduleAction action) {
  state_->actions.insert_or_assign(action.name, action);
}

Status ScheduleService::Start() {
  {
    const std::scoped_lock lock(state_->turn);
    RETURN_IF_ERROR(state_->Rearm(""));
    state_->up_since_ms = state_->seen_ms = state_->options.now();
    state_->seen_steady_ms = state_->options.steady();
  }
  state_->thread =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->Loop(stop); });
  return {};
}

void ScheduleService::Stop() {
  if (!state_->thread.joinable()) return;
  state_->thread.request_stop();
  state_->thread.join();
}

Result<std::vector<Schedule>> ScheduleService::State::Select(const std::string& where,
                                                             const SqlParams& params) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database.Select(fmt::format("SELECT {} FROM schedules WHERE {}", kColumns, where), params));
  std::vector<Schedule> schedules;
  for (const SqlRow& row : rows) schedules.push_back(FromRow(row));
  return schedules;
}

Status ScheduleService::CheckAfter(const std::string& action, const std::string& subject,
                                   const std::string& after_subject) const {
  for (std::string at = after_subject; !at.empty();) {
    if (at == subject) {
      return Fail(ErrorCode::kUnprocessable,
                  "these schedules would wait for each other in a circle");
    }
    ASSIGN_OR_RETURN(const auto next, state_->Select("action = ? AND subject = ?", {action, at}));
    at = next.empty() ? "" : next.front().after_subject;
  }
  return {};
}

Result<Schedule> ScheduleService::Set(const Caller& caller, const std::string& action,
                                      const std::string& subject, const ScheduleRequest& request) {
  RETURN_IF_ERROR(CheckAfter(action, subject, request.after_subject));
  ASSIGN_OR_RETURN(const std::string zone_name, state_->access.TimeZoneOf(caller.workspace));
  ASSIGN_OR_RETURN(const Zone zone, Zone::Find(zone_name));
  const std::int64_t now = state_->options.now();
  const std::int64_t next = request.when.NextAfter(now, now, zone).value_or(0);
  const std::string by = ToJson(caller).dump();
  RETURN_IF_ERROR(state_->database.Transact([&](SqlSession& session) -> Status {
    ASSIGN_OR_RETURN(
        const auto rows,
        session.Select(
            fmt::format("SELECT {} FROM schedules WHERE action = ? AND subject = ?", kColumns),
            {action, subject}));
    const std::string policy(CatchUpName(request.catch_up));
    if (rows.empty()) {
      RETURN_IF_ERROR(session.Execute(
          "INSERT INTO schedules (id, workspace, action, subject, spec, after_subject, catch_up, "
          "caller, time_zone, paused, reason, anchor_ms, next_ms, pending, last_due_ms, last_job, "
          "last_error, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ?, ?, '', 0, '', '', "
          "?)",
          {NewId(), caller.workspace, action, subject, request.when.text, request.after_subject,
           policy, by, zone_name, now, next, now}));
      return {};
    }
    const Schedule before = FromRow(rows.front());
    const bool same = !before.paused && before.when == request.when.text &&
                      before.after_subject == request.after_subject &&
                      before.time_zone == zone_name;
    // An interval that is set again goes on from where it began, and what is due stays due.
    RETURN_IF_ERROR(session.Execute(
        "UPDATE schedules SET spec = ?, after_subject = ?, catch_up = ?, caller = ?, time_zone = "
        "?, paused = 0, reason = '', anchor_ms = ?, next_ms = ?, pending = ?, last_error = '' "
        "WHERE id = ?",
        {request.when.text, request.after_subject, policy, by, zone_name,
         same ? before.anchor_ms : now, same ? before.next_ms : next,
         same ? before.pending : std::string(), before.id}));
    return {};
  }));
  state_->Wake();
  ASSIGN_OR_RETURN(const auto now_there,
                   state_->Select("action = ? AND subject = ?", {action, subject}));
  if (now_there.empty()) return Fail(ErrorCode::kConflict, "the schedule was removed meanwhile");
  return now_there.front();
}

Result<std::optional<Schedule>> ScheduleService::Find(const std::string& action,
                                                      const std::string& subject) {
  for (int look = 0;; ++look) {
    ASSIGN_OR_RETURN(const auto found,
                     state_->Select("action = ? AND subject = ?", {action, subject}));
    if (found.empty()) return std::optional<Schedule>();
    const Schedule& schedule = found.front();
    if (schedule.paused || look > 0) return std::optional<Schedule>(schedule);
    const auto caller = state_->access.Renew(schedule.caller);
    if (caller || caller.error().code != ErrorCode::kUnauthenticated)
      return std::optional<Schedule>(schedule);
    RETURN_IF_ERROR(state_->Pause(schedule, caller.error().message));
  }
}

Status ScheduleService::Remove(const std::string& action, const std::string& subject) {
  RETURN_IF_ERROR(state_->database.Execute("DELETE FROM schedules WHERE action = ? AND subject = ?",
                                           {action, subject}));
  return {};
}

Status ScheduleService::Forget(SqlSession& session, const std::string& subject) {
  RETURN_IF_ERROR(session.Execute("DELETE FROM schedules WHERE subject = ?", {subject}));
  RETURN_IF_ERROR(session.Execute(
      "UPDATE schedules SET paused = 1, pending = '', reason = ? WHERE after_subject = ?",
      {ToJson(Msg("what this schedule runs after was deleted")).dump(), subject}));
  return {};
}

Status ScheduleService::State::Note(const std::string& subject, const std::string& event) {
  RETURN_IF_ERROR(database.Execute(
      "UPDATE schedules SET pending = ? WHERE after_subject = ? AND paused = 0", {event, subject}));
  return {};
}

void ScheduleService::Happened(const std::string& subject, const std::string& event) {
  if (subject.empty()) return;
  if (const auto noted = state_->Note(subject, event); !noted) {
    Log(LogLevel::kWarning, "schedule_event_waits",
        {{"subject", subject}, {"error", noted.error().ToString()}});
    state_->unwritten.With([&](auto& all) { all.emplace_back(subject, event); });
  }
  state_->Wake();
}

Status ScheduleService::TimeZoneChanged(const std::string& workspace) {
  const std::scoped_lock lock(state_->turn);
  RETURN_IF_ERROR(state_->Rearm(workspace));
  state_->Wake();
  return {};
}

// Next moments that a changed time zone or a clock set back by more than a day made wrong. What is
// due already stays due. `workspace` empty: all.
Status ScheduleService::State::Rearm(const std::string& workspace) {
  const std::int64_t now = options.now();
  ASSIGN_OR_RETURN(const auto schedules,
                   workspace.empty()
                       ? Select("paused = 0 AND next_ms > ?", {now})
                       : Select("paused = 0 AND next_ms > ? AND workspace = ?", {now, workspace}));
  std::map<std::string, std::string> zones;
  for (const Schedule& schedule : schedules) {
    auto& zone_name = zones[schedule.caller.workspace];
    if (zone_name.empty()) {
      ASSIGN_OR_RETURN(zone_name, access.TimeZoneOf(schedule.caller.workspace));
    }
    const bool from_the_future = std::max(schedule.last_due_ms, schedule.anchor_ms) > now + kDayMs;
    if (zone_name == schedule.time_zone && !from_the_future) continue;
    ASSIGN_OR_RETURN(const When when, ParseWhen(schedule.when));
    ASSIGN_OR_RETURN(const Zone zone, Zone::Find(zone_name));
    RETURN_IF_ERROR(database.Execute(
        "UPDATE schedules SET time_zone = ?, next_ms = ? WHERE id = ? AND next_ms = ?",
        {zone_name, when.NextAfter(now, schedule.anchor_ms, zone).value_or(0), schedule.id,
         schedule.next_ms}));
  }
  return {};
}

// The wall clock against the steady one.
Status ScheduleService::State::SeeClock() {
  const std::int64_t now = options.now();
  const std::int64_t steady = options.steady();
  const std::int64_t jump = (now - seen_ms) - (steady - seen_steady_ms);
  seen_ms = now;
  seen_steady_ms = steady;
  if (jump > kJumpMs) up_since_ms = now;
  if (jump < -kJumpMs) {
    up_since_ms = std::min(up_since_ms, now);
    return Rearm("");
  }
  return {};
}

Status ScheduleService::RunDue() { return state_->RunDue(); }

Status ScheduleService::State::RunDue() {
  const std::scoped_lock lock(turn);
  RETURN_IF_ERROR(SeeClock());
  const auto left = unwritten.With([](auto& all) { return std::exchange(all, {}); });
  for (const auto& one : left) {
    if (!Note(one.first, one.second)) unwritten.With([&](auto& all) { all.push_back(one); });
  }
  ASSIGN_OR_RETURN(const auto due,
                   Select("paused = 0 AND ((next_ms > 0 AND next_ms <= ?) OR pending <> '') "
                          "ORDER BY next_ms, id",
                          {seen_ms}));
  held = false;
  for (const Schedule& schedule : due) {
    const auto retry = retry_ms.find(schedule.id);
    if (retry != retry_ms.end()) {
      if (retry->second > seen_steady_ms) continue;
      retry_ms.erase(retry);
    }
    if (const auto done = Turn(schedule, seen_ms); !done) {
      Log(LogLevel::kWarning, "schedule_waits",
          {{"schedule", schedule.id}, {"error", done.error().ToString()}});
      retry_ms[schedule.id] = seen_steady_ms + kRetryMs;
    }
  }
  return {};
}

// One schedule that is due. An error: it is tried again.
Status ScheduleService::State::Turn(const Schedule& schedule, std::int64_t now) {
  const auto action = actions.find(schedule.action);
  if (action == actions.end()) return {};  // of a newer build
  std::int64_t due_ms = now;
  std::int64_t next_ms = schedule.next_ms;
  std::string moment = "after:" + schedule.pending;
  if (schedule.after_subject.empty()) {
    ASSIGN_OR_RETURN(const When when, ParseWhen(schedule.when));
    ASSIGN_OR_RETURN(const std::string zone_name, access.TimeZoneOf(schedule.caller.workspace));
    ASSIGN_OR_RETURN(const Zone zone, Zone::Find(zone_name));
    const bool all = schedule.catch_up == CatchUp::kAll;
    const Due due = DueOf(schedule, when, zone, now, all ? kMaxMissed : 1);
    due_ms = due.moments.front();
    next_ms = due.moments.size() > 1 ? due.moments[1] : due.next_ms;
    moment = std::to_string(due_ms);
    if (schedule.catch_up == CatchUp::kSkip && due_ms < up_since_ms) {
      RETURN_IF_ERROR(
          database.Execute("UPDATE schedules SET next_ms = ? WHERE id = ? AND next_ms = ?",
                           {next_ms, schedule.id, schedule.next_ms}));
      return {};
    }
  }
  const auto caller = access.Renew(schedule.caller);
  if (!caller) {
    if (caller.error().code != ErrorCode::kUnauthenticated) return std::unexpected(caller.error());
    return Pause(schedule, caller.error().message);
  }
  Schedule renewed = schedule;
  renewed.caller = *caller;
  const auto open = action->second.open(*caller, schedule.subject);
  if (open && *open) {
    held = true;
    return {};
  }
  return Begin(renewed, due_ms, moment, next_ms);
}

// Starts the job, then writes that it did. Between the two the server may die: then the same moment
// comes again, and its key finds the job that there is.
Status ScheduleService::State::Begin(const Schedule& schedule, std::int64_t due_ms,
                                     const std::string& moment, std::int64_t next_ms) {
  const auto job = actions.at(schedule.action)
                       .start(schedule.caller, schedule.subject,
                              fmt::format("schedule:{}:{}", schedule.id, moment));
  if (!job) {
    if (MayPass(job.error().code)) return std::unexpected(job.error());
    Log(LogLevel::kWarning, "schedule_failed",
        {{"schedule", schedule.id}, {"error", job.error().ToString()}});
  }
  RETURN_IF_ERROR(database.Execute(
      "UPDATE schedules SET next_ms = ?, pending = CASE WHEN pending = ? THEN '' ELSE pending END, "
      "last_due_ms = ?, last_job = ?, last_error = ? WHERE id = ? AND next_ms = ?",
      {next_ms, schedule.pending, due_ms, job ? job->id : schedule.last_job,
       job ? std::string() : ToJson(job.error()).dump(), schedule.id, schedule.next_ms}));
  return {};
}

Status ScheduleService::State::Pause(const Schedule& schedule, const Message& reason) {
  Log(LogLevel::kWarning, "schedule_paused",
      {{"schedule", schedule.id}, {"reason", Render(reason, Language::kEnglish)}});
  // Only for the caller that was looked at: another one may have set it meanwhile.
  RETURN_IF_ERROR(database.Execute(
      "UPDATE schedules SET paused = 1, pending = '', reason = ? WHERE id = ? AND caller = ?",
      {ToJson(reason).dump(), schedule.id, ToJson(schedule.caller).dump()}));
  return {};
}

std::int64_t ScheduleService::State::PauseMs() {
  if (held) return kHeldMs;
  const std::int64_t now = options.now();
  const auto rows =
      database.Select("SELECT MIN(next_ms) FROM schedules WHERE paused = 0 AND next_ms > ?", {now});
  if (!rows || rows->empty() || rows->front().IsNull(0)) return kPollMs;
  return std::clamp<std::int64_t>(rows->front().Integer(0) - now, 1, kPollMs);
}

void ScheduleService::State::Loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const auto done = RunDue(); !done)
      Log(LogLevel::kError, "schedules_unreadable", {{"error", done.error().ToString()}});
    const std::int64_t pause = PauseMs();
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, std::chrono::milliseconds(pause), [this] { return woken; });
    woken = false;
  }
}

}  // namespace aimass
