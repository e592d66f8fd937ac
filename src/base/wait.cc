#include "base/wait.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"

namespace aimass {

Status Wait(std::int64_t ms, const CancelToken& cancel) {
  for (const std::int64_t end = SteadyMs() + ms;;) {
    RETURN_IF_ERROR(cancel.Check());
    const std::int64_t left = end - SteadyMs();
    if (left <= 0) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min<std::int64_t>(left, 100)));
  }
}

}  // namespace aimass
