// The schedule of a dataset, in requests and answers of /api/v1/datasets.
#include "api/dataset_schedule.h"

#include "base/clock.h"
#include "base/words.h"

namespace aimass {
namespace {

// The text of a member; nothing where it is absent or null.
Result<std::optional<std::string>> TextOf(const Json& body, const char* key) {
  const auto at = body.find(key);
  if (at == body.end() || at->is_null()) return std::optional<std::string>();
  if (at->is_string()) return std::optional<std::string>(at->get<std::string>());
  return Fail(ErrorCode::kUnprocessable, "'{}' must be {}, found {}", key, Word{"a text"},
              KindOf(*at));
}

}  // namespace

Result<Json> CarriedSchedule(const CollectSchedules& schedules, const Caller& caller,
                             const std::string& name, const Json& body) {
  ASSIGN_OR_RETURN(const auto when, TextOf(body, "schedule"));
  ASSIGN_OR_RETURN(const auto catch_up, TextOf(body, "catch_up"));
  if (!when) {
    if (catch_up) return Fail(ErrorCode::kUnprocessable, "'catch_up' goes with a 'schedule'");
    return Json();
  }
  return schedules.Carried(caller, name, *when, catch_up.value_or("latest"));
}

Status ChangeSchedule(CollectSchedules& schedules, const Caller& caller, const DatasetInfo& dataset,
                      const Json& body) {
  ASSIGN_OR_RETURN(const auto when, TextOf(body, "schedule"));
  ASSIGN_OR_RETURN(const auto catch_up, TextOf(body, "catch_up"));
  if (body.contains("schedule") && !when) {
    if (catch_up) return Fail(ErrorCode::kUnprocessable, "'catch_up' goes with a 'schedule'");
    return schedules.Remove(dataset);
  }
  if (!when && !catch_up) return {};
  return schedules.Set(caller, dataset, when, catch_up);
}

Status AddSchedule(const CollectSchedules& schedules, const Caller& caller,
                   const DatasetInfo& dataset, Language language, Json& json) {
  for (const char* key : {"schedule", "catch_up", "time_zone", "next_run_at", "schedule_paused",
                          "last_scheduled_run"})
    json[key] = nullptr;
  ASSIGN_OR_RETURN(const auto schedule, schedules.Find(caller, dataset));
  if (!schedule) return {};
  json["schedule"] = schedule->when;
  json["catch_up"] = CatchUpName(schedule->catch_up);
  json["time_zone"] = schedule->time_zone;
  if (schedule->next_run_ms) json["next_run_at"] = ToRfc3339(*schedule->next_run_ms);
  if (schedule->paused) json["schedule_paused"] = Render(*schedule->paused, language);
  if (schedule->last_due_ms == 0) return {};
  Json error;
  if (schedule->last_error) error = Render(schedule->last_error->message, language);
  json["last_scheduled_run"] = {
      {"due_at", ToRfc3339(schedule->last_due_ms)},
      {"job", schedule->last_job.empty() ? Json() : Json(schedule->last_job)},
      {"state", schedule->last_state ? Json(StateName(*schedule->last_state)) : Json()},
      {"error", std::move(error)}};
  return {};
}

}  // namespace aimass
