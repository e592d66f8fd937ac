#include "api/http/url.h"

#include <gtest/gtest.h>

namespace aimass::http {
namespace {

TEST(Url, DecodesStrictly) {
  EXPECT_EQ(*PercentDecode("a%20b", false), "a b");
  EXPECT_EQ(*PercentDecode("a+b", false), "a+b");
  EXPECT_EQ(*PercentDecode("a+b", true), "a b");
  EXPECT_EQ(*PercentDecode("%E9%94%80", false), "销");
  for (const std::string_view bad :
       {"%", "%4", "%zz", "%4g", "a%", "%E9%94", "%FF", "%00", "\xC0\xAF", "%C0%AF"}) {
    EXPECT_FALSE(PercentDecode(bad, false).has_value()) << bad;
  }
}

TEST(Url, EncodesWhatItDecodes) {
  const std::string text = "a/b c?d&e=f%销+~-._";
  EXPECT_EQ(*PercentDecode(PercentEncode(text), true), text);
}

TEST(Url, ReadsQueries) {
  const auto query = ParseQuery("a=1&b=x%26y&c&&d=");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->at("a"), "1");
  EXPECT_EQ(query->at("b"), "x&y");
  EXPECT_EQ(query->at("c"), "");
  EXPECT_EQ(query->size(), 4u);
  EXPECT_FALSE(ParseQuery("a=1&a=2").has_value());
  EXPECT_FALSE(ParseQuery("a=%").has_value());
}

TEST(Url, ReadsTargets) {
  EXPECT_EQ(ParseTarget("/a?b")->query, "b");
  EXPECT_EQ(ParseTarget("http://host:1/a?b")->path, "/a");
  EXPECT_EQ(ParseTarget("http://host")->path, "/");
  EXPECT_FALSE(ParseTarget("host:443").has_value());
  EXPECT_FALSE(ParseTarget("a/b").has_value());
}

TEST(Url, SplitsPaths) {
  EXPECT_EQ(SplitPath("/a/{b}"), (std::vector<std::string>{"a", "{b}"}));
  EXPECT_EQ(SplitPath("/a/"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(SplitPath("/"), (std::vector<std::string>{""}));
}

}  // namespace
}  // namespace aimass::http
