#pragma once

#include "jobs/job.h"

namespace aimass::testing {

/// Job kinds for the tests of the queue: echo, steps, log, fail, throw, crash, eat, stubborn,
/// polite, flaky, resume, sleep, exit, spawn.
[[nodiscard]] JobKindRegistry TestKinds();

}  // namespace aimass::testing
