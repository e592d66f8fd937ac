#include "base/id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

namespace aimass {
namespace {

TEST(NewId, IsAVersion7UuidAndSortsByCreation) {
  std::vector<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.push_back(NewId());
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_TRUE(IsId(ids[0]));
  EXPECT_EQ(ids[0][14], '7');
  EXPECT_NE(std::string_view("89ab").find(ids[0][19]), std::string_view::npos);
}

TEST(NewId, IsUniqueAcrossThreads) {
  std::vector<std::vector<std::string>> made(4);
  {
    std::vector<std::jthread> threads;
    for (auto& list : made) {
      threads.emplace_back([&list] {
        for (int i = 0; i < 5'000; ++i) list.push_back(NewId());
      });
    }
  }
  std::set<std::string> all;
  for (const auto& list : made) all.insert(list.begin(), list.end());
  EXPECT_EQ(all.size(), 20'000U);
}

struct NameCase {
  std::string_view what;
  std::string name;
  std::string error;  // a part of it; empty: accepted
};

class CheckNameTest : public testing::TestWithParam<NameCase> {};

TEST_P(CheckNameTest, AcceptsOrExplains) {
  const auto result = CheckName("dataset", GetParam().name);
  if (GetParam().error.empty()) {
    EXPECT_TRUE(result) << result.error().ToString();
  } else {
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().ToString().find(GetParam().error), std::string::npos)
        << result.error().ToString();
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CheckNameTest,
    testing::Values(NameCase{"Plain", "orders", ""}, NameCase{"Chinese", "订单 2026", ""},
                    NameCase{"Empty", "", "has 0"},
                    NameCase{"Long", std::string(129, 'x'), "has 129"},
                    NameCase{"LongInCharactersOnly", std::string(128, 'x'), ""},
                    NameCase{"Newline", "a\nb", "U+000A at 2"}, NameCase{"Slash", "a/b", "U+002F"},
                    NameCase{"BrokenUtf8", "a\xff", "U+FFFD"},
                    NameCase{"Space", " a", "begin or end"},
                    NameCase{"Dots", "..", "dataset names cannot be '..'"},
                    NameCase{"Uuid", "01890a5d-ac96-774b-bcce-b302099a8057", "look like an id"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(NameKey, FoldsCaseAndForm) {
  EXPECT_EQ(NameKey("Straße"), NameKey("STRASSE"));
  EXPECT_EQ(NameKey("Cafe\xCC\x81"), NameKey("CAFÉ"));
  EXPECT_NE(NameKey("订单"), NameKey("定单"));
}

}  // namespace
}  // namespace aimass
