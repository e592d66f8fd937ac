#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace aimass::jobs {

/// The log of one job: a file of lines {"time","attempt","message"}, at most `kMaxBytes` long.
///
/// Threads  any; one object appends at a time (whole lines, O_APPEND).
class LogFile {
 public:
  static constexpr std::int64_t kMaxBytes = std::int64_t{4} << 20;

  explicit LogFile(std::string path) : path_(std::move(path)) {}

  /// A line that no longer fits is dropped; the last one that fits says so. A log that cannot be
  /// written harms no job: the trouble goes to the server's own log.
  void Append(std::int64_t time_ms, int attempt, const Message& message) const;

  /// Whole lines from byte `offset` on; `next_offset` is where the next call goes on. No file: no
  /// lines.
  [[nodiscard]] Result<std::vector<Json>> Read(std::int64_t offset,
                                               std::int64_t* next_offset) const;

 private:
  std::string path_;
};

}  // namespace aimass::jobs
