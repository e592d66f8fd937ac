#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aimass {

/// What a process of user SQL (worker.h) and the server (workers.h) say to each other over a
/// socket: five bytes, the length of the payload (little-endian) and the kind, then the payload.
enum class FrameKind : char {
  kCheck = 'C',   // server: {"sql"}                    answered by kTables or kError
  kRead = 'R',    // server: {"sql","datasets",…}       answered by kRows …, then kEnd; or kError
  kTables = 'T',  // worker: [{"table","dataset","version"}]
  kRows = 'D',    // worker: a piece of the answer, at most kMaxRowsFrame bytes
  kEnd = 'Z',     // worker: the answer is whole
  kError = 'E',   // worker: an Error as JSON; nothing more comes
};

struct Frame {
  FrameKind kind;
  std::string payload;
};

inline constexpr std::size_t kMaxRowsFrame = std::size_t{1} << 20;

/// The head of a frame with `bytes` of payload.
[[nodiscard]] std::string FrameHead(FrameKind kind, std::size_t bytes);

/// Takes the first frame out of what has arrived; nothing while it is not whole.
[[nodiscard]] std::optional<Frame> TakeFrame(std::string& arrived);

}  // namespace aimass
