#pragma once

#include <cstdint>

#include "base/cancel.h"

namespace aimass {

/// Waits `ms` milliseconds, looking at the token ten times a second. Errors: kCancelled.
[[nodiscard]] Status Wait(std::int64_t ms, const CancelToken& cancel);

}  // namespace aimass
