#include "base/id.h"

#include <openssl/rand.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/words.h"

namespace aimass {
namespace {

constexpr int kMaxNameCharacters = 128;

struct LastId {
  std::int64_t unix_ms = 0;
  std::uint16_t sequence = 0;  // 12 bits, so that ids of one millisecond sort too
};

// The time and sequence of the next id: both only ever grow, even when the clock jumps back.
LastId NextTick(std::uint16_t random) {
  static Guarded<LastId> last;
  return last.With([random](LastId& tick) {
    const std::int64_t now = NowUnixMs();
    if (now > tick.unix_ms) {
      tick = {.unix_ms = now, .sequence = static_cast<std::uint16_t>(random & 0x7ff)};
    } else if (tick.sequence == 0xfff) {
      tick = {.unix_ms = tick.unix_ms + 1, .sequence = 0};
    } else {
      ++tick.sequence;
    }
    return tick;
  });
}

icu::UnicodeString ToNfc(std::string_view name) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  const auto text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(name.data(), static_cast<int>(name.size())));
  return U_SUCCESS(status) ? nfc->normalize(text, status) : text;
}

}  // namespace

std::string NewId() {
  std::array<std::uint8_t, 16> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  const LastId tick = NextTick(static_cast<std::uint16_t>(bytes[6] << 8 | bytes[7]));
  for (int i = 0; i < 6; ++i) {
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(tick.unix_ms >> (40 - 8 * i));
  }
  bytes[6] = static_cast<std::uint8_t>(0x70 | tick.sequence >> 8);
  bytes[7] = static_cast<std::uint8_t>(tick.sequence & 0xff);
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  std::string id;
  id.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += "0123456789abcdef"[bytes[i] >> 4];
    id += "0123456789abcdef"[bytes[i] & 15];
  }
  return id;
}

bool IsId(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

Result<std::string> CheckName(std::string_view noun, std::string_view name) {
  const icu::UnicodeString nfc = ToNfc(name);
  const int characters = nfc.countChar32();
  if (characters < 1 || characters > kMaxNameCharacters) {
    return Fail(ErrorCode::kInvalidArgument, "{} names have 1 to {} characters, this one has {}",
                Word{std::string(noun)}, kMaxNameCharacters, characters);
  }
  for (int i = 0; i < nfc.length(); i = nfc.moveIndex32(i, 1)) {
    const UChar32 c = nfc.char32At(i);
    if (u_iscntrl(c) || c == 0xfffd || c == '/' || c == '\\') {
      return Fail(ErrorCode::kInvalidArgument,
                  "{} names have no control characters, slashes or broken UTF-8, found U+{} at {}",
                  Word{std::string(noun)}, fmt::format("{:04X}", static_cast<unsigned>(c)), i + 1);
    }
  }
  if (u_isUWhiteSpace(nfc.char32At(0)) || u_isUWhiteSpace(nfc.char32At(nfc.length() - 1))) {
    return Fail(ErrorCode::kInvalidArgument, "{} names do not begin or end with a space: '{}'",
                Word{std::string(noun)}, name);
  }
  if (name == "." || name == "..") {
    return Fail(ErrorCode::kInvalidArgument, "{} names cannot be '{}'", Word{std::string(noun)},
                name);
  }
  if (IsId(name)) {
    return Fail(ErrorCode::kInvalidArgument, "{} names cannot look like an id: '{}'",
                Word{std::string(noun)}, name);
  }
  std::string text;
  nfc.toUTF8String(text);
  return text;
}

std::string NameKey(std::string_view name) {
  icu::UnicodeString folded = ToNfc(name);
  folded.foldCase();
  std::string text;
  folded.toUTF8String(text);
  return text;
}

}  // namespace aimass
