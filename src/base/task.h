#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace aimass {

/// Where a coroutine goes on after it waited for another thread. An HTTP I/O thread sets its own.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `work` later on this executor's thread. Threads: any.
  virtual void Post(std::move_only_function<void()> work) = 0;

  /// The executor of the calling thread, or nullptr outside of one.
  [[nodiscard]] static Executor* Current();
  static void SetCurrent(Executor* executor);
};

/// A lazy coroutine: it starts when it is awaited, and its awaiter owns it.
///
/// Threads  it runs on the thread that awaits it, until it awaits a pool (see pool.h).
/// Errors   carried in the value (Task<Result<T>>); an exception that escapes is rethrown to the
/// awaiter.
template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct FinalAwaiter {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> handle) noexcept {
        const auto next = handle.promise().continuation;
        return next ? next : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
    template <typename U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    void unhandled_exception() { exception = std::current_exception(); }

    std::optional<T> value;
    std::exception_ptr exception;
    std::coroutine_handle<> continuation;
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().continuation = awaiter;
    return handle_;
  }
  T await_resume() {
    if (handle_.promise().exception) std::rethrow_exception(handle_.promise().exception);
    return std::move(*handle_.promise().value);
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// A coroutine that nobody awaits: it starts at once and frees itself. Used at the two borders
/// where a callback becomes a coroutine (an HTTP request, SyncWait).
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

/// Starts `task` here and calls `done(value)` when it is finished, on the thread that finished it.
template <typename T, typename F>
void Start(Task<T> task, F done) {
  [](Task<T> owned, F call) -> Detached { call(co_await owned); }(std::move(task), std::move(done));
}

}  // namespace aimass
