// Tells listeners what changed, in order, on a thread of its own.
#include "base/log.h"
#include "jobs/queue_state.h"

namespace aimass {
void JobQueue::State::Tell(Job job) {
  {
    const std::scoped_lock lock(notify_mutex);
    // A progress that nobody has heard yet is replaced by the newer one.
    if (!to_tell.empty() && to_tell.back().id == job.id && to_tell.back().state == job.state)
      to_tell.pop_back();
    to_tell.push_back(std::move(job));
  }
  notify_wake.notify_all();
}

void JobQueue::State::NotifyLoop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Job job;
    {
      std::unique_lock lock(notify_mutex);
      if (!notify_wake.wait(lock, stop, [this] { return !to_tell.empty(); })) return;
      job = std::move(to_tell.front());
      to_tell.pop_front();
    }
    const std::scoped_lock lock(listeners_mutex);
    const auto copy = listeners;  // one of them may remove itself
    for (const auto& [id, listener] : copy) {
      if (!listeners.contains(id)) continue;
      try {
        listener(job);
      } catch (const std::exception& error) {
        Log(LogLevel::kError, "job_listener_failed", {{"job", job.id}, {"error", error.what()}});
      }
    }
  }
}

}  // namespace aimass
