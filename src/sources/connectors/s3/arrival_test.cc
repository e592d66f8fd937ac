#include "sources/connectors/s3/arrival.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/id.h"

namespace aimass::connectors::s3 {
namespace {
namespace fs = std::filesystem;

class ArrivalTest : public testing::Test {
 protected:
  ~ArrivalTest() override {
    std::error_code ignored;
    fs::remove(to_, ignored);
  }
  static curl::Answer Whole(const char* etag = "\"e\"") {
    return {.status = 200, .headers = {{"content-length", "6"}, {"etag", etag}}};
  }
  static curl::Answer From(std::int64_t from, const char* total = "6") {
    return {.status = 206,
            .headers = {{"content-range", fmt::format("bytes {}-5/{}", from, total)}}};
  }

  std::string to_ = fs::temp_directory_path() / ("aimass-arrival-" + NewId());
  SourceFile file_{.path = "a.csv", .bytes = 6};
  FetchRequest request_{.to = to_, .cancel = {}, .progress = {}};
  Arrival arrival_ = Arrival::Open(file_, "e", request_).value();
};

TEST_F(ArrivalTest, PutsTogetherWhatCameInPieces) {
  ASSERT_TRUE(arrival_.Take(Whole(), "ab"));
  EXPECT_FALSE(arrival_.whole());
  arrival_.Expect();
  ASSERT_TRUE(arrival_.Take(From(2), "cd"));
  ASSERT_TRUE(arrival_.Take(From(2), "ef"));
  ASSERT_TRUE(arrival_.whole());
  EXPECT_EQ(arrival_.Finish().sha256, Sha256("abcdef"));
  EXPECT_EQ(ReadFile(to_).value(), "abcdef");
}

TEST_F(ArrivalTest, BeginsAgainWhereAllComesAgain) {
  ASSERT_TRUE(arrival_.Take(Whole(), "abcd"));
  arrival_.Expect();
  ASSERT_TRUE(arrival_.Take(Whole(), "ABCDEF"));
  EXPECT_EQ(arrival_.Finish().sha256, Sha256("ABCDEF"));
  EXPECT_EQ(ReadFile(to_).value(), "ABCDEF");
}

TEST_F(ArrivalTest, TakesNothingOfAnotherObject) {
  const auto refused = [&](const curl::Answer& answer, std::string_view bytes) {
    arrival_.Expect();
    const Status taken = arrival_.Take(answer, bytes);
    return !taken && taken.error().code == ErrorCode::kUnavailable && arrival_.changed();
  };
  EXPECT_TRUE(refused(Whole("\"f\""), "x"));
  EXPECT_TRUE(refused({.status = 200, .headers = {{"content-length", "7"}}}, "x"));
  EXPECT_TRUE(refused(From(3), "x"));
  EXPECT_TRUE(refused(From(0, "7"), "x"));
  EXPECT_TRUE(refused({.status = 206}, "x"));
  EXPECT_TRUE(refused({.status = 200}, "1234567"));  // more than was listed
  EXPECT_EQ(arrival_.have(), 0);
}

TEST_F(ArrivalTest, IsRefusedWhereItIsTooLarge) {
  request_.max_bytes = 5;
  const auto opened = Arrival::Open(file_, "e", request_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kPayloadTooLarge);
}

}  // namespace
}  // namespace aimass::connectors::s3
