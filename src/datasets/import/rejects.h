#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "datasets/format.h"

namespace aimass {

/// Rejected pieces of input, one JSON object per line:
/// {"file","line","reason":{"format","arguments"},"text"}.
///
/// Threads  one at a time.
class RejectLog {
 public:
  /// Goes on behind the first `bytes` bytes of an earlier attempt's file.
  [[nodiscard]] static Result<RejectLog> Open(const std::string& path, std::int64_t bytes,
                                              std::int64_t count);
  [[nodiscard]] Status Add(const Reject& reject);
  [[nodiscard]] Status Flush();
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }  // flushed or not
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  std::string path_;
  FileDescriptor file_;
  std::string buffer_;
  std::int64_t bytes_ = 0;
  std::int64_t count_ = 0;
};

/// `limit` entries of such a file from entry `offset` on.
[[nodiscard]] Result<std::vector<Json>> ReadRejects(const std::string& path, std::int64_t offset,
                                                    std::int64_t limit);

}  // namespace aimass
