#pragma once

#include <atomic>
#include <memory>

#include "base/error.h"

namespace aimass {

/// A request to stop, shared between whoever asks and whoever works. Copies are the same token.
/// Threads  any. Workers look at least twice a second.
class CancelToken {
 public:
  CancelToken() : state_(std::make_shared<std::atomic<bool>>(false)) {}
  void Cancel() const { state_->store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool cancelled() const { return state_->load(std::memory_order_relaxed); }
  /// kCancelled once it was asked for: `RETURN_IF_ERROR(cancel.Check());`
  [[nodiscard]] Status Check() const {
    if (cancelled()) return Fail(ErrorCode::kCancelled, "the job was cancelled");
    return {};
  }

 private:
  std::shared_ptr<std::atomic<bool>> state_;
};

}  // namespace aimass
