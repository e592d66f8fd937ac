#pragma once

#include "api/http/message.h"
#include "datasets/collect/schedules.h"

namespace aimass {

/// `schedule` and `catch_up` of POST /api/v1/datasets, as the job carries them; null where there is
/// none. Errors: kUnprocessable.
[[nodiscard]] Result<Json> CarriedSchedule(const CollectSchedules& schedules, const Caller& caller,
                                           const std::string& name, const Json& body);

/// The same of PATCH /api/v1/datasets/{name}: null removes, what is absent stays.
[[nodiscard]] Status ChangeSchedule(CollectSchedules& schedules, const Caller& caller,
                                    const DatasetInfo& dataset, const Json& body);

/// Adds schedule, catch_up, time_zone, next_run_at, schedule_paused, last_scheduled_run to `json`.
[[nodiscard]] Status AddSchedule(const CollectSchedules& schedules, const Caller& caller,
                                 const DatasetInfo& dataset, Language language, Json& json);

}  // namespace aimass
