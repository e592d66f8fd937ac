#pragma once

#include <mutex>
#include <utility>

namespace aimass {

/// A value that is reachable only under its lock: `hits.With([](auto& map) { ++map["predict"]; });`
///
/// Threads  any. Do not call With() of the same object inside With().
template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <typename F>
  decltype(auto) With(F&& use) {
    const std::scoped_lock lock(mutex_);
    return std::forward<F>(use)(value_);
  }
  template <typename F>
  decltype(auto) With(F&& use) const {
    const std::scoped_lock lock(mutex_);
    return std::forward<F>(use)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

}  // namespace aimass
