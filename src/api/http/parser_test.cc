#include "api/http/parser.h"

#include <gtest/gtest.h>

namespace aimass::http {
namespace {

struct HeadCase {
  std::string_view what;
  std::string_view bytes;
  int status;  // 200: accepted
};

class HeadTest : public testing::TestWithParam<HeadCase> {};

TEST_P(HeadTest, IsAcceptedOrRefused) {
  RequestParser parser({.max_bytes = 400, .max_fields = 5, .max_target = 60});
  const auto taken = parser.TakeHead(GetParam().bytes);
  if (GetParam().status == 200) {
    ASSERT_TRUE(taken.has_value()) << taken.error().error.ToString();
    EXPECT_GT(*taken, 0u);
  } else {
    ASSERT_FALSE(taken.has_value()) << "was accepted";
    EXPECT_EQ(taken.error().status, GetParam().status) << taken.error().error.ToString();
  }
}

INSTANTIATE_TEST_SUITE_P(
    , HeadTest,
    testing::Values(
        HeadCase{"Plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
        HeadCase{"EmptyLineBefore", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
        HeadCase{"Http10WithoutHost", "GET / HTTP/1.0\r\n\r\n", 200},
        HeadCase{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        HeadCase{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        HeadCase{
            "LengthAndChunked",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400},
        HeadCase{
            "ChunkedAndLength",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            400},
        HeadCase{"TwoLengths",
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
                 400},
        HeadCase{"TwoDifferentLengths",
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                 400},
        HeadCase{"LengthList", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
        HeadCase{"LengthSigned", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
        HeadCase{"LengthNegative", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", 400},
        HeadCase{"LengthHuge",
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        HeadCase{"LengthHex", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", 400},
        HeadCase{"TwoEncodings",
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n",
                 400},
        HeadCase{"GzipChunked",
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        HeadCase{"ChunkedIdentity",
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 501},
        HeadCase{"ChunkedInHttp10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        HeadCase{"FoldedField", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400},
        HeadCase{"FoldedFirst", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        HeadCase{"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        HeadCase{"BareLf", "GET / HTTP/1.1\nHost: a\n\n", 400},
        HeadCase{"BareCr", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400},
        HeadCase{"Nul", std::string_view("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 29), 400},
        HeadCase{"NoColon", "GET / HTTP/1.1\r\nHost a\r\n\r\n", 400},
        HeadCase{"NoVersion", "GET /\r\nHost: a\r\n\r\n", 400},
        HeadCase{"Http2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        HeadCase{"BadMethod", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        HeadCase{
            "LongTarget",
            "GET "
            "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
            "HTTP/1.1\r\nHost: a\r\n\r\n",
            414},
        HeadCase{"ManyFields",
                 "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\n\r\n", 431}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(RequestParser, RefusesALongHeadBeforeItsEnd) {
  RequestParser parser({.max_bytes = 400, .max_fields = 5, .max_target = 60});
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(400, 'x');
  const auto taken = parser.TakeHead(bytes);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().status, 431);
}

TEST(RequestParser, WaitsForTheWholeHead) {
  const std::string_view bytes = "GET /a?b=1 HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nx-two: 2\r\n\r\n";
  RequestParser parser({});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto taken = parser.TakeHead(bytes.substr(0, i));
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(*taken, 0u) << i;
  }
  const auto taken = parser.TakeHead(bytes);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, bytes.size());
  EXPECT_EQ(parser.head().target, "/a?b=1");
  EXPECT_EQ(parser.head().Field("x-two"), "1, 2");
  EXPECT_TRUE(parser.done());
}

struct ChunkCase {
  std::string_view what;
  std::string_view bytes;
  std::string_view body;
  bool good;
};

class ChunkTest : public testing::TestWithParam<ChunkCase> {};

// Whole, and byte by byte: where the network cuts must not matter.
TEST_P(ChunkTest, GivesTheBody) {
  for (const bool whole : {true, false}) {
    RequestParser parser({});
    const auto head =
        parser.TakeHead("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    ASSERT_TRUE(head.has_value());
    std::string body;
    std::string pending;
    bool failed = false;
    const std::string_view bytes = GetParam().bytes;
    const std::size_t step = whole ? bytes.size() : 1;
    for (std::size_t i = 0; i < bytes.size() && !failed && !parser.done(); i += step) {
      pending += bytes.substr(i, step);
      const auto used = parser.TakeBody(pending, &body);
      failed = !used;
      if (used) pending.erase(0, *used);
    }
    EXPECT_EQ(!failed && parser.done(), GetParam().good) << whole;
    if (GetParam().good) {
      EXPECT_EQ(body, GetParam().body) << whole;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ChunkTest,
    testing::Values(ChunkCase{"Two", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", true},
                    ChunkCase{"Empty", "0\r\n\r\n", "", true},
                    ChunkCase{"Extension", "3;a=b\r\nabc\r\n0\r\n\r\n", "abc", true},
                    ChunkCase{"Trailer", "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", "abc", true},
                    ChunkCase{"BadSize", "x\r\nabc\r\n0\r\n\r\n", "", false},
                    ChunkCase{"NegativeSize", "-3\r\nabc\r\n0\r\n\r\n", "", false},
                    ChunkCase{"HugeSize", "FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n", "", false},
                    ChunkCase{"NoCrlfAfterData", "3\r\nabcX0\r\n\r\n", "", false},
                    ChunkCase{"BareLf", "3\nabc\n0\n\n", "", false}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(RequestParser, LeavesTheNextRequestAlone) {
  RequestParser parser({});
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n";
  const auto head = parser.TakeHead(bytes);
  ASSERT_TRUE(head.has_value());
  std::string body;
  const auto used = parser.TakeBody(std::string_view(bytes).substr(*head), &body);
  ASSERT_TRUE(used.has_value());
  EXPECT_EQ(*used, 3u);
  EXPECT_EQ(body, "abc");
  EXPECT_TRUE(parser.done());
}

}  // namespace
}  // namespace aimass::http
