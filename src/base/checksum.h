#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace aimass {

/// SHA-256 of bytes that come piece by piece. Of a whole text or file: Sha256(), Sha256File().
class Sha256Sum {
 public:
  Sha256Sum();
  void Add(std::string_view bytes);
  /// Lower-case hex; nothing may be added behind it.
  [[nodiscard]] std::string Hex();

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// HMAC-SHA-256 (RFC 2104) of `text`: 32 bytes, not hex. Threads: pure function.
[[nodiscard]] std::string HmacSha256(std::string_view key, std::string_view text);

/// Bytes as lower-case hex digits.
[[nodiscard]] std::string ToHex(std::string_view bytes);

}  // namespace aimass
