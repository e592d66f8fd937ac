#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "main/cli/context.h"

namespace aimass::cli {

/// Follows the job in `answer` ({"job":{…}}) to its end, with progress on standard error: the ended
/// job.
///
/// Ctrl-C: says that the job goes on and how to cancel it; cancels it where the server is embedded.
/// Errors   the job's own error where it failed; kCancelled.
[[nodiscard]] Result<Json> AwaitJob(Context& context, const Json& answer);

/// The job's id out of {"job":{"id":…}} or {"id":…}.
[[nodiscard]] Result<std::string> JobIdOf(const Json& answer);

}  // namespace aimass::cli
