#include "sources/connectors/redis/stream.h"

#include <gtest/gtest.h>

#include <limits>

namespace aimass::connectors::redis {
namespace {

TEST(EntryId, IsAPositionInTheOrderOfIds) {
  const auto id = ParseEntryId("1764318600000-3");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->Text(), "1764318600000-3");
  EXPECT_EQ(id->Position(), 1'764'318'600'000'000'003);
  EXPECT_EQ(EntryId::AtPosition(*id->Position()), *id);
  EXPECT_EQ(id->Following().Text(), "1764318600000-4");
  EXPECT_LT(*id, id->Following());
  EXPECT_EQ((EntryId{.ms = 7, .number = std::numeric_limits<std::uint64_t>::max()}.Following()),
            (EntryId{.ms = 8, .number = 0}));
}

TEST(EntryId, HasNoPositionWhereThereIsNoRoom) {
  EXPECT_FALSE((EntryId{.ms = 1, .number = 1'000'000}.Position().has_value()));
  EXPECT_TRUE((EntryId{.ms = 1, .number = 999'999}.Position().has_value()));
  EXPECT_FALSE((EntryId{.ms = 9'300'000'000'000, .number = 0}.Position().has_value()));
  EXPECT_EQ(EntryId::AtPosition(-5), EntryId{});
}

TEST(ParseEntryId, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "1", "1-", "-1", "1-2x", "a-1", "1-2-3", "99999999999999999999-0"})
    EXPECT_FALSE(ParseEntryId(text).has_value()) << text;
}

}  // namespace
}  // namespace aimass::connectors::redis
