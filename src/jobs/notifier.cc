#include "jobs/notifier.h"

#include <utility>
#include <vector>

namespace aimass::jobs {

Notifier::Notifier() : thread_([this] { Tell(); }) {}

Notifier::~Notifier() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::uint64_t Notifier::Add(JobQueue::Listener listener) {
  const std::scoped_lock lock(mutex_);
  listeners_.emplace(next_, std::make_shared<JobQueue::Listener>(std::move(listener)));
  return next_++;
}

void Notifier::Remove(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  listeners_.erase(id);
  told_.wait(lock, [this, id] { return calling_ != id; });
}

void Notifier::Publish(const Job& job) {
  {
    const std::scoped_lock lock(mutex_);
    if (listeners_.empty()) return;
    waiting_.push_back(job);
  }
  wake_.notify_one();
}

void Notifier::Tell() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    std::vector<std::uint64_t> ids;
    for (const auto& [id, listener] : listeners_) ids.push_back(id);
    for (const std::uint64_t id : ids) {
      const auto found = listeners_.find(id);
      if (found == listeners_.end()) continue;
      const std::shared_ptr<JobQueue::Listener> listener = found->second;
      calling_ = id;
      lock.unlock();
      (*listener)(job);
      lock.lock();
      calling_ = 0;
      told_.notify_all();
    }
  }
}

}  // namespace aimass::jobs
