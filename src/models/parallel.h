#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace aimass {

/// Calls work(i) once for each i of 0 … count - 1, on up to `threads` threads of which the caller's
/// is one; returns when all are done. In which order is open, so work(i) must write only what is
/// i's own.
template <typename F>
void ForEachInParallel(std::size_t count, int threads, F&& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  const auto wanted = std::min(count, static_cast<std::size_t>(std::max(threads, 1)));
  for (std::size_t t = 1; t < wanted; ++t) others.emplace_back(run);
  run();
}

}  // namespace aimass
