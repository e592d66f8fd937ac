#include "datasets/sql/frames.h"

#include <bit>
#include <cstring>

namespace aimass {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kHeadBytes = 5;

}  // namespace

std::string FrameHead(FrameKind kind, std::size_t bytes) {
  const auto length = static_cast<std::uint32_t>(bytes);
  std::string head(kHeadBytes, static_cast<char>(kind));
  std::memcpy(head.data(), &length, sizeof(length));
  return head;
}

std::optional<Frame> TakeFrame(std::string& arrived) {
  if (arrived.size() < kHeadBytes) return std::nullopt;
  std::uint32_t length = 0;
  std::memcpy(&length, arrived.data(), sizeof(length));
  const std::size_t whole = kHeadBytes + std::size_t{length};
  if (arrived.size() < whole) return std::nullopt;
  Frame frame{.kind = static_cast<FrameKind>(arrived[kHeadBytes - 1]),
              .payload = arrived.substr(kHeadBytes, length)};
  arrived.erase(0, whole);
  return frame;
}

}  // namespace aimass
