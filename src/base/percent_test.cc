#include "base/percent.h"

#include <gtest/gtest.h>

namespace aimass {
namespace {

TEST(Percent, DecodesWhatItEncodes) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  EXPECT_EQ(PercentDecode(PercentEncode(every), true), every);
  EXPECT_EQ(PercentEncode("a b+c/é~"), "a%20b%2Bc%2F%C3%A9~");
  EXPECT_EQ(PercentEncode("订单/a b.csv", "/"), "%E8%AE%A2%E5%8D%95/a%20b.csv");
}

TEST(Percent, TakesAPlusAsIsMeant) {
  EXPECT_EQ(PercentDecode("a+b%2Bc", true), "a b+c");
  EXPECT_EQ(PercentDecode("a+b%2bc", false), "a+b+c");
}

TEST(Percent, RefusesWhatIsCutOff) {
  for (const char* const text : {"%", "a%4", "%4g", "%zz", "%4"}) {
    EXPECT_FALSE(PercentDecode(text, false).has_value()) << text;
  }
}

}  // namespace
}  // namespace aimass
