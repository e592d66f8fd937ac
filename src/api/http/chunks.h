#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aimass::http {

/// Decodes a chunked body (RFC 9112, 7.1) from pieces of any size. Strict: CR LF and nothing else
/// ends a line, a size has 1 to 15 hexadecimal digits. Chunk extensions and trailers are read over.
///
/// Beast's own decoder asserts where the last chunk of an empty body comes in pieces ("0\r\n",
/// "\r"), so ours.
class ChunkDecoder {
 public:
  enum class State : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLf,
    kDone,
    kBad
  };

  /// Takes bytes from the front of `bytes` and appends the body's to `out`; how many were used:
  /// all, unless the body ended within them or is malformed.
  std::size_t Put(std::string_view bytes, std::string* out);
  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  [[nodiscard]] bool bad() const { return state_ == State::kBad; }

 private:
  void Step(char c);

  State state_ = State::kSize;
  std::uint64_t size_ = 0;  // of the chunk; in kData: what is still to come
  int digits_ = 0;
  std::size_t overhead_ = 0;  // bytes of extensions and trailers so far
  std::size_t line_ = 0;      // bytes of the trailer's line
};

}  // namespace aimass::http
