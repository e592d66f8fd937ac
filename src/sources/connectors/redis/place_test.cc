#include "sources/connectors/redis/place.h"

#include <gtest/gtest.h>

namespace aimass::connectors::redis {
namespace {

struct Case {
  std::string_view table;
  Shape shape;
  std::string_view pattern;
  bool typed;
  std::string_view key;  // empty: it may be several
  std::string_view prefix;
};

TEST(PlaceOf, ReadsTypeAndPattern) {
  const Case cases[] = {
      {"hash user:*", Shape::kHash, "user:*", true, "", "user:"},
      {"fields config", Shape::kFields, "config", true, "config", "config"},
      {"user:*", Shape::kHash, "user:*", false, "", "user:"},
      {"zset board:[ab]", Shape::kZset, "board:[ab]", true, "", "board:"},
      {"list a\\*b", Shape::kList, "a\\*b", true, "a*b", "a*b"},
      {"stream clicks*", Shape::kStream, "clicks*", true, "clicks*", "clicks"},  // by its name
      {"string 键 一", Shape::kString, "键 一", true, "键 一", "键 一"},
      {"hash", Shape::kHash, "hash", false, "hash", "hash"},
      {"set ", Shape::kHash, "set ", false, "set ", "set "},
      {"*", Shape::kHash, "*", false, "", ""},
  };
  for (const Case& one : cases) {
    const auto place = PlaceOf(one.table);
    ASSERT_TRUE(place.has_value()) << one.table;
    EXPECT_EQ(place->shape, one.shape) << one.table;
    EXPECT_EQ(place->pattern, one.pattern) << one.table;
    EXPECT_EQ(place->typed, one.typed) << one.table;
    EXPECT_EQ(place->Key(), one.key) << one.table;
    EXPECT_EQ(place->Prefix(), one.prefix) << one.table;
  }
  EXPECT_FALSE(PlaceOf("").has_value());
}

TEST(Escaped, MeansItself) {
  for (const std::string_view key : {"a*b", "[x]", "what?", "back\\slash", "plain", "键"}) {
    const Place place{.shape = Shape::kHash, .pattern = Escaped(key), .typed = true};
    EXPECT_EQ(place.Key(), key);
  }
}

}  // namespace
}  // namespace aimass::connectors::redis
