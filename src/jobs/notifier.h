#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "jobs/queue.h"

namespace aimass::jobs {

/// Tells listeners about changed jobs, in order, on one thread of its own.
///
/// Threads  any.
class Notifier {
 public:
  Notifier();
  ~Notifier();  // what was published is told first

  [[nodiscard]] std::uint64_t Add(JobQueue::Listener listener);
  /// After it returned, the listener is not called. Not from inside a listener.
  void Remove(std::uint64_t id);
  void Publish(const Job& job);

 private:
  void Tell();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable told_;
  std::deque<Job> waiting_;
  std::map<std::uint64_t, std::shared_ptr<JobQueue::Listener>> listeners_;
  std::uint64_t next_ = 1;
  std::uint64_t calling_ = 0;  // the listener that is being called; 0: none
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace aimass::jobs
