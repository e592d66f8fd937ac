#pragma once

#include <cstdint>

namespace aimass::jobs {

struct Machine {
  std::int64_t memory_bytes = 0;
  int cpus = 1;
};

/// What this process may use: the machine's, or less where its container (cgroup v2) gives less.
[[nodiscard]] Machine MeasureMachine();

}  // namespace aimass::jobs
