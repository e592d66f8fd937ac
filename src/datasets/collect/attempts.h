#pragma once

#include <functional>

#include "jobs/job.h"

namespace aimass {

/// Runs `attempt`, which is told whether it is the last one, until it ends otherwise than with
/// kUnavailable (a connection that broke, files that changed meanwhile); three times at most, with
/// a second or two in between. Errors: kCancelled.
[[nodiscard]] Result<Json> WithAttempts(JobContext& context,
                                        const std::function<Result<Json>(bool last)>& attempt);

}  // namespace aimass
