#include "native/curl/download.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>

namespace aimass::curl {
namespace {

bool IsPublic(const char* text) {
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text, bytes.data()) == 1)
    return IsPublicAddress(std::span(bytes).first(4));
  EXPECT_EQ(inet_pton(AF_INET6, text, bytes.data()), 1) << text;
  return IsPublicAddress(bytes);
}

TEST(IsPublicAddress, KnowsWhatIsOurs) {
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.8",
                              "192.168.1.1",
                              "198.18.0.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2002:a9fe:a9fe::",
                              "2001::1",
                              "2001:db8::1"}) {
    EXPECT_FALSE(IsPublic(address)) << address;
  }
  for (const char* address : {"1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.169.0.1",
                              "::ffff:1.1.1.1", "2606:4700::1111", "2002:101:101::"}) {
    EXPECT_TRUE(IsPublic(address)) << address;
  }
  EXPECT_FALSE(IsPublicAddress({}));
}

TEST(WithoutSecrets, LeavesTheAddress) {
  EXPECT_EQ(WithoutSecrets("https://me:pw@host/a/b?token=1#x"), "https://host/a/b");
}

}  // namespace
}  // namespace aimass::curl
