#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "native/redis/redis.h"

namespace aimass::connectors::redis {

/// Which keys have changed since it began, by the server's own word: its messages for caches
/// (CLIENT TRACKING … BCAST) on a connection of their own. Expired and evicted keys are among them.
///
/// Errors   as Connection's; kPermissionDenied naming the rule, kUnprocessable before version 6.
/// Threads  one at a time.
/// Source   Redis' documentation, "Client-side caching".
class Witness {
 public:
  /// Of the keys that begin with `prefix`.
  [[nodiscard]] static Result<Witness> Begin(const aimass::redis::Options& options,
                                             const std::string& prefix);

  /// Takes what has arrived. Often enough, or the server gives up on who does not listen.
  [[nodiscard]] Status Listen();
  /// Waits until all is heard of what changed before this call.
  [[nodiscard]] Status Await();
  [[nodiscard]] bool any() const { return everything_ || !keys_.empty(); }
  /// Whether the key has changed.
  [[nodiscard]] bool Changed(std::string_view key) const { return keys_.contains(key); }
  /// More has changed than can be kept in mind, or the database was emptied.
  [[nodiscard]] bool everything() const { return everything_; }

 private:
  explicit Witness(aimass::redis::Connection connection) : connection_(std::move(connection)) {}
  void Take(const aimass::redis::Reply& message);
  [[nodiscard]] Status AwaitAnswer();

  aimass::redis::Connection connection_;
  std::set<std::string, std::less<>> keys_;
  std::size_t bytes_ = 0;
  bool everything_ = false;
};

}  // namespace aimass::connectors::redis
