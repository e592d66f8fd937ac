#include "jobs/outcome.h"

#include <algorithm>
#include <csignal>
#include <cstring>

namespace aimass::jobs {
namespace {

constexpr std::int64_t kMaxBackOffMs = 60'000;

void End(JobState state, std::optional<Error> error, std::int64_t now_ms, Row& row) {
  row.job.state = state;
  row.job.error = std::move(error);
  row.job.finished_ms = now_ms;
}

void Requeue(std::int64_t not_before_ms, Row& row) {
  row.job.state = JobState::kQueued;
  row.job.error.reset();
  row.not_before_ms = not_before_ms;
}

Error Of(std::unexpected<Error> failure) { return std::move(failure).error(); }

Error OutOfMemory(const JobLimits& limits) {
  return Of(
      WithHint(Fail(ErrorCode::kResourceExhausted, "the job ran out of memory: its limit is {} MB",
                    limits.memory_bytes >> 20),
               Msg("raise the job's memory limit, or give it less data")));
}

Error Crash(const Attempt& attempt) {
  const JobEnd& end = attempt.end;
  if (end.lost) {
    return Of(Fail(ErrorCode::kUnavailable, "the job's process could not be started: {}",
                   end.output_tail));
  }
  if (attempt.silent) {
    return Of(
        Fail(ErrorCode::kUnavailable, "the job's process was not heard of any more and was ended"));
  }
  const std::string tail = end.output_tail.empty() ? "-" : end.output_tail;
  if (end.signal != 0) {
    const char* name = sigabbrev_np(end.signal);
    return Of(Fail(ErrorCode::kInternal, "the job's process crashed with SIG{}; it last wrote: {}",
                   name == nullptr ? std::to_string(end.signal) : name, tail));
  }
  return Of(Fail(ErrorCode::kInternal,
                 "the job's process ended with code {} and no result; it last wrote: {}",
                 end.exit_code, tail));
}

}  // namespace

bool Decide(const Attempt& attempt, std::int64_t now_ms, std::int64_t retry_base_ms, Row& row) {
  if (row.cancel_requested) {
    End(JobState::kCancelled, {}, now_ms, row);
    return false;
  }
  if (attempt.result) return true;
  if (attempt.stopped_by_us) {
    ++row.restarts;
    Requeue(now_ms, row);
    return false;
  }
  if (attempt.over_time) {
    End(JobState::kFailed,
        Of(Fail(ErrorCode::kTimeout, "the job took longer than its limit of {} s",
                row.limits.time_ms / 1000)),
        now_ms, row);
    return false;
  }
  if (attempt.out_of_memory || attempt.end.out_of_memory) {
    ++row.memory_failures;
    if (row.memory_failures > 1 || !attempt.checkpointed) {
      End(JobState::kFailed, OutOfMemory(row.limits), now_ms, row);
    } else {
      Requeue(now_ms + retry_base_ms, row);
    }
    return false;
  }
  if (attempt.error && attempt.error->code != ErrorCode::kUnavailable) {
    End(JobState::kFailed, attempt.error, now_ms, row);
    return false;
  }
  ++row.failures;
  if (row.failures >= row.max_attempts) {
    End(JobState::kFailed, attempt.error ? attempt.error : Crash(attempt), now_ms, row);
  } else {
    const std::int64_t factor = std::int64_t{1} << std::min(row.failures - 1, 16);
    Requeue(now_ms + std::min(retry_base_ms * factor, kMaxBackOffMs), row);
  }
  return false;
}

}  // namespace aimass::jobs
