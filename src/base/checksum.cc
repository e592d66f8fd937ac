#include "base/checksum.h"

#include <openssl/hmac.h>

#include <array>

namespace aimass {
namespace {

// Looking an algorithm up by its name costs as much as hashing a hundred bytes: once is enough.
const EVP_MD* Algorithm() {
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm(
      EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free);
  return algorithm.get();
}

}  // namespace

Sha256Sum::Sha256Sum() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
  EVP_DigestInit_ex(context_.get(), Algorithm(), nullptr);
}

void Sha256Sum::Add(std::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Sha256Sum::Hex() {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
  return ToHex({digest.data(), size});
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(Algorithm(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()), &size);
  return {digest.data(), size};
}

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 0xfU];
  }
  return hex;
}

}  // namespace aimass
