// libsodium 1.0.18.
#include "store/secrets.h"

#include <sodium.h>

#include <cstdlib>
#include <vector>

#include "base/base64.h"
#include "base/file.h"

namespace aimass {
namespace {

constexpr std::string_view kFormat = "1:";
constexpr std::size_t kKeyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string ToHex(std::string_view bytes) {
  std::string hex(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), Bytes(bytes), bytes.size());
  hex.pop_back();
  return hex;
}

Result<std::string> FromHex(std::string_view hex, std::string_view where) {
  std::string bytes(kKeyBytes, '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  const int failed = sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                    hex.data(), hex.size(), nullptr, &length, &end);
  if (failed != 0 || length != kKeyBytes || end != hex.data() + hex.size()) {
    return Fail(ErrorCode::kInvalidArgument, "the key in {} must be {} hex digits, found {} bytes",
                where, kKeyBytes * 2, hex.size());
  }
  return bytes;
}

Status Ready() {
  if (sodium_init() < 0) return Fail(ErrorCode::kInternal, "the cipher library does not start");
  return {};
}

}  // namespace

Result<std::string> SecretBox::Key(bool make) const {
  RETURN_IF_ERROR(Ready());
  if (const char* const given = std::getenv("AIMASS_SECRETS_KEY"); given != nullptr && *given != 0)
    return FromHex(given, "AIMASS_SECRETS_KEY");
  auto text = ReadFile(KeyPath(), 4096);
  if (!text && text.error().code == ErrorCode::kNotFound && make) {
    std::string key(kKeyBytes, '\0');
    randombytes_buf(key.data(), key.size());
    const Status written = CreateFileAtomic(KeyPath(), ToHex(key) + "\n", 0600);
    // Another process may have been first: then its key is the key.
    if (!written && written.error().code != ErrorCode::kConflict)
      return std::unexpected(written.error());
    text = ReadFile(KeyPath(), 4096);
  }
  if (!text) return std::unexpected(std::move(text).error());
  const std::string_view line(*text);
  return FromHex(line.substr(0, line.find_first_of("\r\n")), KeyPath());
}

Result<std::string> SecretBox::Seal(std::string_view secret, std::string_view place) const {
  ASSIGN_OR_RETURN(const std::string key, Key(true));
  std::string sealed(kNonceBytes + secret.size() + kTagBytes, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(sealed.data());
  randombytes_buf(bytes, kNonceBytes);
  unsigned long long length = 0;  // NOLINT(google-runtime-int): the library's type
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + kNonceBytes, &length, Bytes(secret),
                                             secret.size(), Bytes(place), place.size(), nullptr,
                                             bytes, Bytes(key));
  return std::string(kFormat) + ToBase64(sealed);
}

Result<std::string> SecretBox::Open(std::string_view sealed, std::string_view place) const {
  const auto failure = [&] {
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "a stored password cannot be opened with the key in '{}'",
             KeyPath()),
        Msg("put the secrets.key of the server that stored it there, or set AIMASS_SECRETS_KEY, or "
            "enter the password again"));
  };
  auto key = Key(false);
  if (!key) {
    if (key.error().code != ErrorCode::kNotFound) return key;
    return failure();
  }
  if (!sealed.starts_with(kFormat)) return failure();
  const std::string bytes = FromBase64(sealed.substr(kFormat.size())).value_or("");
  if (bytes.size() < kNonceBytes + kTagBytes) return failure();
  std::string secret(bytes.size() - kNonceBytes - kTagBytes, '\0');
  unsigned long long length = 0;  // NOLINT(google-runtime-int): the library's type
  const int wrong = crypto_aead_xchacha20poly1305_ietf_decrypt(
      reinterpret_cast<unsigned char*>(secret.data()), &length, nullptr, Bytes(bytes) + kNonceBytes,
      bytes.size() - kNonceBytes, Bytes(place), place.size(), Bytes(bytes), Bytes(*key));
  if (wrong != 0) return failure();
  return secret;
}

}  // namespace aimass
