#include "sources/connectors/redis/spool.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace aimass::connectors::redis {
namespace {

std::map<std::string, std::string> All(Spool& spool) {
  std::map<std::string, std::string> records;
  for (;;) {
    const auto found = spool.Next();
    EXPECT_TRUE(found.has_value());
    if (!found || !*found) return records;
    EXPECT_TRUE(records.emplace(spool.id(), spool.more()).second) << spool.id();
  }
}

TEST(Spool, GivesEachOnceWithWhatCameLast) {
  Spool spool;
  ASSERT_TRUE(spool.Add("a", "1"));
  ASSERT_TRUE(spool.Add("b", "2"));
  ASSERT_TRUE(spool.Add("a", "3"));
  ASSERT_TRUE(spool.Add("", "4"));
  EXPECT_EQ(spool.added(), 4);
  const std::map<std::string, std::string> expected{{"", "4"}, {"a", "3"}, {"b", "2"}};
  EXPECT_EQ(All(spool), expected);
}

TEST(Spool, IsTheSameThroughAFile) {
  Spool spool;
  const std::string more(1000, 'x');
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40'000; ++i)  // 80 MB in all
      ASSERT_TRUE(spool.Add("key:" + std::to_string(i), more + std::to_string(round)));
  }
  const auto records = All(spool);
  EXPECT_EQ(records.size(), 40'000U);
  EXPECT_EQ(records.at("key:39999"), more + "1");
}

}  // namespace
}  // namespace aimass::connectors::redis
