#include "store/hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace aimass::store {

struct RunningSha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(),
                                                                 &EVP_MD_CTX_free};
};

RunningSha256::RunningSha256() : context_(std::make_unique<Context>()) {
  EVP_DigestInit_ex(context_->digest.get(), EVP_sha256(), nullptr);
}

RunningSha256::~RunningSha256() = default;

void RunningSha256::Add(std::string_view piece) {
  EVP_DigestUpdate(context_->digest.get(), piece.data(), piece.size());
}

std::string RunningSha256::Hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->digest.get(), digest.data(), &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace aimass::store
