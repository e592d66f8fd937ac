#include "sources/glob.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aimass {
namespace {

struct GlobCase {
  std::string pattern;
  std::vector<std::string> matches;
  std::vector<std::string> others;
};

class GlobTest : public ::testing::TestWithParam<GlobCase> {};

TEST_P(GlobTest, Matches) {
  const auto glob = Glob::Parse(GetParam().pattern);
  ASSERT_TRUE(glob) << glob.error().ToString();
  for (const std::string& path : GetParam().matches) EXPECT_TRUE(glob->Matches(path)) << path;
  for (const std::string& path : GetParam().others) EXPECT_FALSE(glob->Matches(path)) << path;
}

INSTANTIATE_TEST_SUITE_P(
    , GlobTest,
    ::testing::Values(
        GlobCase{"a.csv", {"a.csv"}, {"b.csv", "x/a.csv", "a.csv.gz", "A.csv"}},
        GlobCase{"*.csv", {"a.csv", "订单 1.csv", "a.b.csv"}, {"x/a.csv", ".a.csv", "a.csv~"}},
        GlobCase{"orders/*", {"orders/a", "orders/b.json"}, {"orders", "orders/x/a", "orders/.a"}},
        GlobCase{"**/*.csv", {"a.csv", "x/a.csv", "x/y/a.csv"}, {".x/a.csv", "x/.y/a.csv", "a"}},
        GlobCase{"**", {"a", "x/y/a"}, {".a", "x/.a"}},
        GlobCase{"x/**/y.csv", {"x/y.csv", "x/1/y.csv", "x/1/2/y.csv"}, {"y.csv", "x/1/z.csv"}},
        GlobCase{"订单-??.csv", {"订单-一月.csv", "订单-01.csv"}, {"订单-1.csv", "订单-001.csv"}},
        GlobCase{"[a-c][!1].csv", {"a2.csv", "cx.csv"}, {"a1.csv", "d2.csv", "a.csv"}},
        GlobCase{"[一-三].csv", {"一.csv", "七.csv"}, {"四.csv", "a.csv"}},
        GlobCase{"[]].csv", {"].csv"}, {"[.csv"}},
        GlobCase{".hidden/*.csv", {".hidden/a.csv"}, {".hidden/.a.csv"}},
        GlobCase{"*a*b*c", {"abc", "xaxbxc"}, {"ab", "acb"}}));

TEST(Glob, RefusesWhatLeadsElsewhere) {
  for (const std::string text :
       {"", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\\b", "a\nb", "[a", "x/[!"}) {
    const auto glob = Glob::Parse(text);
    ASSERT_FALSE(glob) << text;
    EXPECT_EQ(glob.error().code, ErrorCode::kUnprocessable);
  }
}

TEST(Glob, KnowsWhereToLook) {
  const Glob glob = Glob::Parse("shop/2026-*/*.csv").value();
  EXPECT_TRUE(glob.MayMatchBelow(""));
  EXPECT_TRUE(glob.MayMatchBelow("shop"));
  EXPECT_TRUE(glob.MayMatchBelow("shop/2026-01"));
  EXPECT_FALSE(glob.MayMatchBelow("shop/2025-01"));
  EXPECT_FALSE(glob.MayMatchBelow("shop/2026-01/x"));
  EXPECT_FALSE(glob.MayMatchBelow("other"));
  EXPECT_TRUE(Glob::Parse("**/*.csv")->MayMatchBelow("a/b/c"));
  EXPECT_FALSE(Glob::Parse("**/*.csv")->literal());
  EXPECT_TRUE(Glob::Parse("a/b.csv")->literal());
}

TEST(Glob, OfAPathMatchesItAlone) {
  const std::string path = "x[1]/a*b?.csv";
  const Glob glob = Glob::Parse(GlobOf(path)).value();
  EXPECT_TRUE(glob.Matches(path));
  EXPECT_FALSE(glob.Matches("x1/aXbY.csv"));
}

TEST(Glob, ManyStarsEndInTime) {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "a*";
  EXPECT_FALSE(Glob::Parse(pattern + "b")->Matches(std::string(200, 'a')));
}

}  // namespace
}  // namespace aimass
