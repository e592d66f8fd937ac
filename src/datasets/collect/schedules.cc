#include "datasets/collect/schedules.h"

#include "base/id.h"
#include "base/log.h"
#include "datasets/target.h"

namespace aimass {
namespace {

constexpr const char* kAction = "collect";

}  // namespace

CollectSchedules::CollectSchedules(DatasetCatalog& catalog, JobQueue& queue,
                                   CollectService& collect, ScheduleService& schedules)
    : catalog_(catalog), queue_(queue), collect_(collect), schedules_(schedules) {}

void CollectSchedules::Register() {
  catalog_.OnDelete([](SqlSession& session, const std::string& id) {
    return ScheduleService::Forget(session, id);
  });
  schedules_.Register({.name = kAction,
                       .start = [this](const Caller& caller, const std::string& id,
                                       const std::string& key) -> Result<Job> {
                         ASSIGN_OR_RETURN(const std::string name, catalog_.NameOf(caller, id));
                         ASSIGN_OR_RETURN(const DatasetInfo dataset, catalog_.Get(caller, name));
                         return collect_.Refresh(caller, dataset, false, key);
                       },
                       .open = [this](const Caller& caller, const std::string& id) -> Result<bool> {
                         ASSIGN_OR_RETURN(const std::string name, catalog_.NameOf(caller, id));
                         return queue_.HasOpen(caller, WriteGroup(caller, name));
                       }});
  // Whatever makes a version of a dataset, others may run after it.
  for (const char* kind : {"collect", "import", "derive"})
    queue_.AfterCommit(kind, [this](const Job& job) { AfterJob(job); });
}

void CollectSchedules::AfterJob(const Job& job) {
  const std::string id = job.parameters.value("dataset", "");
  if (const auto carried = job.parameters.find("schedule");
      job.kind == kAction && carried != job.parameters.end()) {
    const auto set = [&]() -> Status {
      ScheduleRequest request;
      ASSIGN_OR_RETURN(request.when, ParseWhen(carried->value("when", "")));
      ASSIGN_OR_RETURN(request.catch_up, CatchUpFromName(carried->value("catch_up", "latest")));
      request.after_subject = carried->value("after", "");
      RETURN_IF_ERROR(schedules_.Set(job.caller, kAction, id, request));
      return {};
    }();
    if (!set) {
      Log(LogLevel::kError, "schedule_not_set",
          {{"job", job.id}, {"dataset", id}, {"error", set.error().ToString()}});
    }
  }
  schedules_.Happened(id, job.id);
}

Result<ScheduleRequest> CollectSchedules::RequestOf(const Caller& caller, std::string_view when,
                                                    std::string_view catch_up) const {
  ScheduleRequest request;
  ASSIGN_OR_RETURN(request.when, ParseWhen(when));
  ASSIGN_OR_RETURN(request.catch_up, CatchUpFromName(catch_up));
  if (request.when.after.empty()) return request;
  auto after = catalog_.Get(caller, request.when.after);
  if (!after) {
    if (after.error().code == ErrorCode::kNotFound) after.error().code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(after).error());
  }
  request.after_subject = after->id;
  return request;
}

Result<Json> CollectSchedules::Carried(const Caller& caller, std::string_view name,
                                       std::string_view when, std::string_view catch_up) const {
  ASSIGN_OR_RETURN(const ScheduleRequest request, RequestOf(caller, when, catch_up));
  if (!request.after_subject.empty()) {
    if (const auto existing = catalog_.Get(caller, name))
      RETURN_IF_ERROR(schedules_.CheckAfter(kAction, existing->id, request.after_subject));
  }
  return Json{{"when", request.when.text},
              {"after", request.after_subject},
              {"catch_up", CatchUpName(request.catch_up)}};
}

Status CollectSchedules::Set(const Caller& caller, const DatasetInfo& dataset,
                             const std::optional<std::string>& when,
                             const std::optional<std::string>& catch_up) {
  if (dataset.origin.value("kind", "") != "source") {
    return Fail(ErrorCode::kUnprocessable,
                "only a dataset that is collected from a source has a schedule; '{}' is not",
                dataset.name);
  }
  ASSIGN_OR_RETURN(const auto before, Find(caller, dataset));
  if (!when && !before) {
    return Fail(ErrorCode::kUnprocessable, "dataset '{}' has no schedule: give 'schedule', too",
                dataset.name);
  }
  const std::string policy(before ? CatchUpName(before->catch_up) : "latest");
  ASSIGN_OR_RETURN(
      const ScheduleRequest request,
      RequestOf(caller, when.value_or(before ? before->when : ""), catch_up.value_or(policy)));
  RETURN_IF_ERROR(schedules_.Set(caller, kAction, dataset.id, request));
  return {};
}

Status CollectSchedules::Remove(const DatasetInfo& dataset) {
  return schedules_.Remove(kAction, dataset.id);
}

Result<std::optional<CollectSchedule>> CollectSchedules::Find(const Caller& caller,
                                                              const DatasetInfo& dataset) const {
  ASSIGN_OR_RETURN(const auto found, schedules_.Find(kAction, dataset.id));
  if (!found) return std::optional<CollectSchedule>();
  CollectSchedule schedule{.when = found->when,
                           .catch_up = found->catch_up,
                           .time_zone = found->time_zone,
                           .next_run_ms = std::nullopt,
                           .paused = std::nullopt,
                           .last_job = found->last_job,
                           .last_due_ms = found->last_due_ms,
                           .last_state = std::nullopt,
                           .last_error = found->last_error};
  if (!found->after_subject.empty()) {
    // It may be called otherwise by now.
    if (const auto name = catalog_.NameOf(caller, found->after_subject))
      schedule.when = "after:" + *name;
  }
  if (found->paused) {
    schedule.paused = found->reason;
  } else if (found->next_ms > 0) {
    schedule.next_run_ms = found->next_ms;
  }
  if (!schedule.last_job.empty()) {
    if (const auto job = queue_.Get(caller, schedule.last_job)) schedule.last_state = job->state;
  }
  return std::optional<CollectSchedule>(std::move(schedule));
}

}  // namespace aimass
