#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "main/cli/context.h"
#include "main/cli/verb.h"

namespace aimass::cli {

/// Follows the job in `answer` ({"job":{…}}) to its end, with progress on standard error: the ended
/// job.
///
/// Ctrl-C: says that the job goes on and how to cancel it; cancels it where the server is embedded.
/// Errors   the job's own error where it failed; kCancelled.
[[nodiscard]] Result<Json> AwaitJob(Context& context, const Json& answer);

/// Posts `body` to `path`, which starts a job, and follows it to its end. With `no_wait` it only
/// says how to follow it: nothing is returned.
[[nodiscard]] Result<std::optional<Json>> RunJob(Context& context, const std::string& path,
                                                 const Json& body, bool no_wait);

/// The option --no-wait, of every verb that starts a job.
void AddNoWait(Verb& verb, bool& no_wait);

/// The job's id out of {"job":{"id":…}} or {"id":…}.
[[nodiscard]] Result<std::string> JobIdOf(const Json& answer);

}  // namespace aimass::cli
