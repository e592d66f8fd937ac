#include "sources/connectors/s3/answers.h"

#include <gtest/gtest.h>

namespace aimass::connectors::s3 {
namespace {

std::string Page(const std::string& inside) {
  return R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>shop</Name>)" +
         inside + "</ListBucketResult>";
}

std::string Object(const std::string& key) {
  return "<Contents><Key>" + key +
         "</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
         "<ETag>&quot;0123abcd-2&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass>"
         "</Contents>";
}

TEST(ParseListing, ReadsAPage) {
  const auto page = ParseListing(
      Page("<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>" +
           Object("订单/a &amp; b.csv") + Object("a+b%20.csv")));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next, "t+/=");
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "订单/a & b.csv");
  EXPECT_EQ(page->objects[0].etag, "0123abcd-2");
  EXPECT_EQ(page->objects[0].bytes, 7);
  EXPECT_EQ(page->objects[0].last_modified, "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(page->objects[0].storage_class, "STANDARD");
  EXPECT_EQ(page->objects[1].key, "a+b%20.csv");  // it was not said to be encoded
}

TEST(ParseListing, DecodesKeysWhereTheyAreEncoded) {
  const auto page = ParseListing(Page("<EncodingType>url</EncodingType>" +
                                      Object("%E8%AE%A2/a+b%2Bc%25%0A%00.csv") + Object("%FF")));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->objects[0].key, std::string("订/a b+c%\n\0.csv", 16));
  EXPECT_EQ(page->objects[1].key, "\xff");
  EXPECT_EQ(page->next, "");
}

TEST(ParseListing, TakesNothingElseForAnEmptyBucket) {
  EXPECT_TRUE(ParseListing(Page("<IsTruncated>false</IsTruncated>")).value().objects.empty());
  for (const std::string& answer :
       {std::string(), std::string("<html><body>Sign in</body></html>"), std::string("{}"),
        Page("<IsTruncated>true</IsTruncated>"), Page("<Contents><Key>a</Key></Contents>"),
        Page("<EncodingType>url</EncodingType>" + Object("%4")), Page(Object("")),
        Page(Object("a")).substr(0, 200)}) {
    const auto page = ParseListing(answer);
    ASSERT_FALSE(page.has_value()) << answer;
    EXPECT_EQ(page.error().code, ErrorCode::kUnprocessable);
  }
}

TEST(ParseRefusal, ReadsWhatTheStoreSays) {
  const auto refusal = ParseRefusal(
      "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference …</Message>"
      "<ServerTime>2026-01-02T03:04:05Z</ServerTime>"
      "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds></Error>");
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, "RequestTimeTooSkewed");
  EXPECT_EQ(refusal->server_time, "2026-01-02T03:04:05Z");
  EXPECT_EQ(refusal->allowed_skew_ms, 900'000);
  for (const char* const other : {"", "Bad Gateway", "<html/>", "<Error></Error>"})
    EXPECT_FALSE(ParseRefusal(other).has_value()) << other;
}

TEST(BareEtag, IsWithoutQuotes) {
  EXPECT_EQ(BareEtag("\"a-2\""), "a-2");
  EXPECT_EQ(BareEtag("W/\"a\""), "a");
  EXPECT_EQ(BareEtag("a"), "a");
  EXPECT_EQ(BareEtag(""), "");
  EXPECT_EQ(BareEtag("a\r\nx: y"), "");
}

}  // namespace
}  // namespace aimass::connectors::s3
