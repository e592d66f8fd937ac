#include "datasets/sql/frames.h"

#include <gtest/gtest.h>

namespace aimass {
namespace {

TEST(Frames, AreTakenWholeAndInOrder) {
  const std::string sent = FrameHead(FrameKind::kRows, 3) + "abc" + FrameHead(FrameKind::kEnd, 0);
  std::string arrived;
  std::string heard;
  for (const char byte : sent) {  // however it is cut up on the way
    arrived += byte;
    while (const auto frame = TakeFrame(arrived))
      heard += static_cast<char>(frame->kind) + frame->payload + ";";
  }
  EXPECT_EQ(heard, "Dabc;Z;");
  EXPECT_TRUE(arrived.empty());
}

TEST(Frames, CarryAnyBytes) {
  const std::string payload("\0\xff\n\0", 4);
  std::string arrived = FrameHead(FrameKind::kCheck, payload.size()) + payload;
  const auto frame = TakeFrame(arrived);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, FrameKind::kCheck);
  EXPECT_EQ(frame->payload, payload);
}

}  // namespace
}  // namespace aimass
