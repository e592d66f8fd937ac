#include "base/base64.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace aimass {
namespace {

TEST(Base64, GoesBothWays) {
  const std::vector<std::pair<std::string, std::string>> both = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {std::string("\x00\xff\x10", 3), "AP8Q"},
  };
  for (const auto& [bytes, text] : both) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text), bytes);
  }
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"Zg", "Zg=", "Z===", "Zg==Zg==", "Zm 9v", "Zm9*", "=m9v"})
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace aimass
