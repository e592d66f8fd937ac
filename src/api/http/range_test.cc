#include "api/http/range.h"

#include <gtest/gtest.h>

namespace aimass::http {
namespace {

struct RangeCase {
  std::string_view what, range;
  int status;
  std::uint64_t first, bytes;
};

class RangeTest : public testing::TestWithParam<RangeCase> {};

TEST_P(RangeTest, OfTenBytes) {
  Request request;
  request.headers["range"] = GetParam().range;
  const FilePart part = PartOf(request, "\"e\"", 10);
  EXPECT_EQ(part.status, GetParam().status);
  EXPECT_EQ(part.first, GetParam().first);
  EXPECT_EQ(part.bytes, GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(, RangeTest,
                         testing::Values(RangeCase{"First", "bytes=0-3", 206, 0, 4},
                                         RangeCase{"Open", "bytes=4-", 206, 4, 6},
                                         RangeCase{"Last", "bytes=-3", 206, 7, 3},
                                         RangeCase{"LastOfMore", "bytes=-30", 206, 0, 10},
                                         RangeCase{"PastTheEnd", "bytes=8-99", 206, 8, 2},
                                         RangeCase{"Outside", "bytes=10-", 416, 0, 0},
                                         RangeCase{"NoBytes", "bytes=-0", 416, 0, 0},
                                         RangeCase{"Backwards", "bytes=5-2", 200, 0, 10},
                                         RangeCase{"Several", "bytes=0-1,3-4", 200, 0, 10},
                                         RangeCase{"OtherUnit", "rows=0-1", 200, 0, 10},
                                         RangeCase{"Garbage", "bytes=a-b", 200, 0, 10},
                                         RangeCase{"Huge", "bytes=99999999999999999999999-", 200, 0,
                                                   10}),
                         [](const auto& info) { return std::string(info.param.what); });

TEST(Range, KnowsWhatTheClientHas) {
  Request request;
  request.headers["if-none-match"] = "\"a\", \"e\"";
  EXPECT_EQ(PartOf(request, "\"e\"", 10).status, 304);
  request.headers.clear();
  request.headers["range"] = "bytes=0-1";
  request.headers["if-range"] = "\"old\"";
  EXPECT_EQ(PartOf(request, "\"e\"", 10).status, 200);
}

}  // namespace
}  // namespace aimass::http
