#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace aimass {

/// A named, bounded pool of threads for work that blocks (`sql`, `infer`, `io`).
///
/// A full queue refuses work (kResourceExhausted), it never grows. Work that throws is logged and
/// harms nothing else. The destructor runs what was
/// accepted, then joins. Threads: Submit and the counters may be called from any thread.
class Pool {
 public:
  Pool(std::string name, std::size_t threads, std::size_t max_queued);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Queues `work`; false where the queue is full or the pool is closing.
  [[nodiscard]] bool Submit(std::move_only_function<void()> work);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t queued() const;
  [[nodiscard]] std::size_t max_queued() const { return max_queued_; }

 private:
  void Work();

  const std::string name_;
  const std::size_t max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
};

/// `CO_ASSIGN_OR_RETURN(auto rows, co_await RunOn(sql_pool, [&] { return Query(text); }));`
///
/// Runs `work` (which returns Result<T>) on `pool` and goes on at the awaiting thread's Executor.
/// Errors   kResourceExhausted when the pool's queue is full; else what `work` returns. What it
///          throws is rethrown to the awaiter, as by a Task.
template <typename F>
class RunOn {
 public:
  using Value = std::invoke_result_t<F&>;

  RunOn(Pool& pool, F work) : pool_(pool), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiter) {
    Executor* const home = Executor::Current();
    const bool accepted = pool_.Submit([this, awaiter, home] {
      try {
        value_.emplace(work_());
      } catch (...) {
        exception_ = std::current_exception();
      }
      if (home == nullptr) {
        awaiter.resume();
      } else {
        home->Post([awaiter] { awaiter.resume(); });
      }
    });
    return accepted;
  }
  Value await_resume() {
    if (exception_) std::rethrow_exception(exception_);
    if (!value_) {
      return Fail(ErrorCode::kResourceExhausted,
                  "the '{}' queue is full ({} waiting); try again shortly", pool_.name(),
                  pool_.max_queued());
    }
    return std::move(*value_);
  }

 private:
  Pool& pool_;
  F work_;
  std::optional<Value> value_;
  std::exception_ptr exception_;
};

/// Runs `task` to its end and returns its value: the bridge from ordinary code (CLI, tests).
template <typename T>
T SyncWait(Task<T> task) {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  Start(std::move(task), [&promise](T value) { promise.set_value(std::move(value)); });
  return future.get();
}

}  // namespace aimass
