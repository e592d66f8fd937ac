#include "api/http/chunks.h"

#include <algorithm>

namespace aimass::http {
namespace {

// Of all extensions and trailers of one body: nobody needs them, and they must not grow without
// end.
constexpr std::size_t kMaxOverhead = 16u << 10;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsControl(char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 127; }

}  // namespace

std::size_t ChunkDecoder::Put(std::string_view bytes, std::string* out) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ != State::kDone && state_ != State::kBad) {
    if (state_ == State::kData) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size() - used));
      out->append(bytes.substr(used, n));
      used += n;
      size_ -= n;
      if (size_ == 0) state_ = State::kDataCr;
    } else {
      Step(bytes[used++]);
    }
  }
  return used;
}

void ChunkDecoder::Step(char c) {
  State next = State::kBad;
  switch (state_) {
    case State::kSize:
      if (const int digit = HexDigit(c); digit >= 0 && digits_ < 15) {
        size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
        ++digits_;
        next = State::kSize;
      } else if (digits_ > 0 && c == '\r') {
        next = State::kSizeLf;
      } else if (digits_ > 0 && c == ';') {
        next = State::kExtension;
      }
      break;
    case State::kExtension:
      if (c == '\r') {
        next = State::kSizeLf;
      } else if (!IsControl(c) && ++overhead_ <= kMaxOverhead) {
        next = State::kExtension;
      }
      break;
    case State::kSizeLf:
      if (c == '\n') next = size_ == 0 ? State::kTrailer : State::kData;
      line_ = 0;
      break;
    case State::kDataCr:
      if (c == '\r') next = State::kDataLf;
      break;
    case State::kDataLf:
      if (c == '\n') next = State::kSize;
      size_ = 0;
      digits_ = 0;
      break;
    case State::kTrailer:
      if (c == '\r') {
        next = State::kTrailerLf;
      } else if (!IsControl(c) && ++overhead_ <= kMaxOverhead) {
        ++line_;
        next = State::kTrailer;
      }
      break;
    case State::kTrailerLf:
      if (c == '\n') next = line_ == 0 ? State::kDone : State::kTrailer;
      line_ = 0;
      break;
    case State::kData:
    case State::kDone:
    case State::kBad:
      break;
  }
  state_ = next;
}

}  // namespace aimass::http
