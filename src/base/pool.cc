#include "base/pool.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "base/log.h"

namespace aimass {
namespace {

thread_local Executor* current_executor = nullptr;

}  // namespace

Executor* Executor::Current() { return current_executor; }

void Executor::SetCurrent(Executor* executor) { current_executor = executor; }

Pool::Pool(std::string name, std::size_t threads, std::size_t max_queued)
    : name_(std::move(name)), max_queued_(max_queued) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

Pool::~Pool() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
}

bool Pool::Submit(std::move_only_function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    if (closing_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

std::size_t Pool::queued() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

void Pool::Work() {
  for (;;) {
    std::move_only_function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      work();
    } catch (const std::exception& defect) {
      Log(LogLevel::kError, "pool_work_threw", {{"pool", name_}, {"what", defect.what()}});
    }
  }
}

}  // namespace aimass
