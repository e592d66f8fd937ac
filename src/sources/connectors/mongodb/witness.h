#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "native/mongodb/mongodb.h"

namespace aimass::connectors::mongodb {

/// Which documents of a collection have changed since it began, by the server's own word: a change
/// stream.
///
/// Errors   as Connection's; kUnprocessable where the server has no change streams.
/// Threads  one at a time, and none other of the connection meanwhile.
/// Source   MongoDB's documentation, "Change Streams".
class Witness {
 public:
  [[nodiscard]] static Result<Witness> Begin(aimass::mongodb::Connection& connection,
                                             const std::string& collection);

  /// Takes what has come, every few seconds: a server gives up on who does not listen.
  [[nodiscard]] Status Listen();
  /// Waits until the server has nothing more to tell.
  [[nodiscard]] Status Await();
  [[nodiscard]] bool any() const { return everything_ || !ids_.empty(); }
  /// Whether the document of a row has changed, by its `_id` as a column has it.
  [[nodiscard]] bool Changed(const Json& id) const;
  /// More has changed than can be kept in mind, or the collection was dropped or renamed.
  [[nodiscard]] bool everything() const { return everything_; }

 private:
  using Clock = std::chrono::steady_clock;

  explicit Witness(aimass::mongodb::ChangeStream stream)
      : stream_(std::move(stream)), heard_at_(Clock::now()) {}
  // False where nothing came.
  Result<bool> Take();

  aimass::mongodb::ChangeStream stream_;
  std::set<std::string, std::less<>> ids_;  // as texts
  std::size_t bytes_ = 0;
  bool everything_ = false;
  Clock::time_point heard_at_;
};

}  // namespace aimass::connectors::mongodb
