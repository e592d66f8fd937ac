#pragma once

#include <cstdint>
#include <optional>

#include "jobs/executor.h"
#include "jobs/table.h"

namespace aimass::jobs {

/// All that is known about an attempt once its process has ended.
struct Attempt {
  JobEnd end;
  std::optional<Json> result;  // what the process returned
  std::optional<Error> error;  // what it reported
  bool out_of_memory = false;  // it said so itself
  bool checkpointed = false;   // it saved a state: the next attempt goes on from there
  bool silent = false;         // killed because it had not been heard of for a lease
  bool over_time = false;      // killed because of its time limit
  bool stopped_by_us = false;  // the server is closing
};

/// What follows from it, written into `row`: the end state with its error, or queued again with
/// counters and back-off. True: the result stands and goes to the commit; `row` is unchanged.
///
/// Tried again: crashes and kUnavailable (up to max_attempts), the end of the server (always),
/// memory once and only where the attempt left a checkpoint. An error of the input is final.
[[nodiscard]] bool Decide(const Attempt& attempt, std::int64_t now_ms, std::int64_t retry_base_ms,
                          Row& row);

}  // namespace aimass::jobs
