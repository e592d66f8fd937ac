#pragma once

#include <memory>
#include <optional>
#include <string>

#include "main/cli/context.h"
#include "main/cli/verb.h"

namespace aimass::cli {

/// --schedule and --catch-up of a verb.
struct ScheduleOptions {
  std::optional<std::string> schedule, catch_up;
};
void AddScheduleOptions(Verb& verb, ScheduleOptions& given);
void PutSchedule(const ScheduleOptions& given, Json& body);

/// What `datasets show` says of the schedule; nothing where there is none.
void SaySchedule(Context& context, const Json& dataset);

/// aimass datasets schedule
void AddScheduleVerb(Verb& noun);

}  // namespace aimass::cli
