#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// Seals short texts (passwords, tokens) for the metadata database: XChaCha20-Poly1305 with a key
/// that lies outside of it, in AIMASS_SECRETS_KEY (64 hex digits) or else in DATA/secrets.key,
/// which the first Seal() makes (0600). No backup holds the key.
///
/// Threads, processes: any.
/// Source   libsodium, crypto_aead_xchacha20poly1305_ietf.
class SecretBox {
 public:
  explicit SecretBox(std::string data_folder) : data_folder_(std::move(data_folder)) {}

  /// `place` says what the secret belongs to ("source <id> password"): sealed for one place, it
  /// opens at no other. Errors: kInvalidArgument for a malformed AIMASS_SECRETS_KEY, kStorageFull,
  /// kPermissionDenied.
  [[nodiscard]] Result<std::string> Seal(std::string_view secret, std::string_view place) const;
  /// Errors   kUnprocessable where the key is missing or another one, or the text was changed.
  [[nodiscard]] Result<std::string> Open(std::string_view sealed, std::string_view place) const;

 private:
  [[nodiscard]] std::string KeyPath() const { return data_folder_ + "/secrets.key"; }
  [[nodiscard]] Result<std::string> Key(bool make) const;

  std::string data_folder_;
};

}  // namespace aimass
