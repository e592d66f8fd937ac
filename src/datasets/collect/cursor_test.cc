#include "datasets/collect/cursor.h"

#include <gtest/gtest.h>

#include <limits>

namespace aimass {
namespace {

constexpr std::int64_t kDayUs = std::int64_t{24} * 3600 * 1'000'000;

TEST(Cursor, GoesBackByTheOverlap) {
  EXPECT_EQ(StartOf({.kind = TypeKind::kInt64}, 5000, 1000), 4000);
  EXPECT_EQ(StartOf({.kind = TypeKind::kTimestamp}, 10 * kDayUs, 300), 10 * kDayUs - 300'000'000);
  EXPECT_EQ(StartOf({.kind = TypeKind::kDate}, 100, 1), 99);  // begun days
  EXPECT_EQ(StartOf({.kind = TypeKind::kDate}, 100, 0), 100);
}

TEST(Cursor, NeverGoesBackBehindTheBeginning) {
  constexpr auto kAll = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(StartOf({.kind = TypeKind::kInt64}, -5, kAll),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(StartOf({.kind = TypeKind::kTimestamp}, 0, kAll), -719'162 * kDayUs);
  EXPECT_EQ(StartOf({.kind = TypeKind::kDate}, 0, kAll), -719'162);
}

TEST(Cursor, IsNeverOfTheFuture) {
  constexpr std::int64_t kNowMs = 1'700'000'000'000;
  EXPECT_EQ(GreatestAt({.kind = TypeKind::kTimestampTz}, kNowMs), kNowMs * 1000);
  EXPECT_EQ(GreatestAt({.kind = TypeKind::kTimestamp}, kNowMs), (kNowMs + 14 * 3600 * 1000) * 1000);
  EXPECT_EQ(GreatestAt({.kind = TypeKind::kDate}, kNowMs), 19'676);  // 2023-11-15, 12:13 there
  EXPECT_EQ(GreatestAt({.kind = TypeKind::kInt64}, kNowMs), std::nullopt);
}

TEST(Cursor, ProposesWhatGrowsTheBestFirst) {
  TableDescription table{.name = "orders", .columns = {}, .key = {"id"}, .rows = {}};
  const auto add = [&](const char* name, TypeKind kind) {
    table.columns.push_back({.column = {name, {.kind = kind}}, .native_type = {}, .comment = {}});
  };
  add("id", TypeKind::kInt64);
  add("day", TypeKind::kDate);
  add("amount", TypeKind::kInt32);
  add("name", TypeKind::kText);
  add("更新时间", TypeKind::kTimestamp);
  EXPECT_EQ(CursorCandidates(table), "更新时间 (timestamp), id (bigint), day (date)");
  table.columns.erase(table.columns.begin(), table.columns.begin() + 2);
  table.columns.pop_back();
  EXPECT_EQ(CursorCandidates(table), "");
}

TEST(Cursor, KeepsAPositionForEachWayToCollect) {
  const Cursor by_time{.column = "at", .key = {"id"}, .overlap = 5};
  const Cursor more_overlap{.column = "at", .key = {"id"}, .overlap = 500};
  const Cursor other_key{.column = "at", .key = {"name"}, .overlap = 5};
  EXPECT_EQ(PositionName("s", "t", "", by_time), PositionName("s", "t", "", more_overlap));
  EXPECT_NE(PositionName("s", "t", "", by_time), PositionName("s", "t", "", other_key));
  EXPECT_NE(PositionName("s", "t", "", by_time), PositionName("s", "", "t", by_time));
  const auto again = CursorFromJson(ToJson(by_time));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->key, by_time.key);
  EXPECT_EQ(again->overlap, 5);
}

}  // namespace
}  // namespace aimass
