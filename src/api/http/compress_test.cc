#include "api/http/compress.h"

#include <gtest/gtest.h>

namespace aimass::http {
namespace {

class CodingTest : public testing::TestWithParam<Coding> {};

TEST_P(CodingTest, GivesBackWhatItTook) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919 % 1000) + ",";
  const auto encoder = Encoder::Make(GetParam());
  std::string packed;
  for (std::size_t i = 0; i < text.size(); i += 10'000) {
    const bool last = i + 10'000 >= text.size();
    const auto piece = encoder->Put(std::string_view(text).substr(i, 10'000), last);
    ASSERT_TRUE(piece.has_value());
    packed += *piece;
  }
  EXPECT_LT(packed.size(), text.size() / 2);
  for (const std::size_t step : {std::size_t{1}, std::size_t{777}, packed.size()}) {
    const auto decoder = Decoder::Make(GetParam());
    std::string out;
    for (std::size_t i = 0; i < packed.size(); i += step) {
      ASSERT_TRUE(
          decoder->Put(std::string_view(packed).substr(i, step), 1 << 30, &out).has_value());
    }
    EXPECT_TRUE(decoder->Finish().has_value());
    EXPECT_EQ(out, text);
  }
  // Stopped in the middle.
  const auto decoder = Decoder::Make(GetParam());
  std::string out;
  EXPECT_TRUE(decoder->Put(std::string_view(packed).substr(0, packed.size() / 2), 1 << 30, &out)
                  .has_value());
  EXPECT_FALSE(decoder->Finish().has_value());
}

TEST_P(CodingTest, StopsABomb) {
  const auto bomb = Encoder::Make(GetParam())->Put(std::string(50u << 20, 'a'), true);
  ASSERT_TRUE(bomb.has_value());
  std::string out;
  const auto put = Decoder::Make(GetParam())->Put(*bomb, 1 << 20, &out);
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_LT(out.size(), 2u << 20);
}

TEST_P(CodingTest, RefusesGarbage) {
  std::string out;
  const auto put = Decoder::Make(GetParam())->Put("this is not compressed at all", 1 << 20, &out);
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().code, ErrorCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(, CodingTest, testing::Values(Coding::kGzip, Coding::kZstd),
                         [](const auto& info) { return std::string(CodingName(info.param)); });

TEST(Coding, IsChosenByWeight) {
  EXPECT_EQ(ChooseCoding(""), Coding::kIdentity);
  EXPECT_EQ(ChooseCoding("gzip"), Coding::kGzip);
  EXPECT_EQ(ChooseCoding("gzip, zstd"), Coding::kZstd);
  EXPECT_EQ(ChooseCoding("gzip;q=1.0, zstd;q=0.5"), Coding::kGzip);
  EXPECT_EQ(ChooseCoding("gzip;q=0"), Coding::kIdentity);
  EXPECT_EQ(ChooseCoding("br, *;q=0.1"), Coding::kGzip);
  EXPECT_EQ(ChooseCoding("br, deflate"), Coding::kIdentity);
}

TEST(Coding, OfAnUnknownNameIsRefused) {
  EXPECT_EQ(CodingOf("br").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(CodingOf("gzip, gzip").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(*CodingOf("GZIP"), Coding::kGzip);
}

}  // namespace
}  // namespace aimass::http
