#include "sources/range.h"

#include <gtest/gtest.h>

namespace aimass {
namespace {

TEST(SourceRange, IsACondition) {
  const Type whole{.kind = TypeKind::kInt64};
  EXPECT_EQ(RangeCondition({.column = "id", .type = whole, .from = -7}, "`id`"), "`id` >= -7");
  EXPECT_EQ(RangeCondition({.column = "id", .type = whole, .from = {}}, "`id`"),
            "`id` IS NOT NULL");
  EXPECT_EQ(RangeCondition({.column = "id", .type = whole, .from = {}, .nulls = true}, "`id`"),
            "`id` IS NULL");
}

TEST(SourceRange, WritesMomentsExactly) {
  EXPECT_EQ(CursorLiteral({.kind = TypeKind::kDate}, 20'000), "'2024-10-04'");
  EXPECT_EQ(CursorLiteral({.kind = TypeKind::kTimestamp}, 1'700'000'000'000'001),
            "'2023-11-14 22:13:20.000001'");
  EXPECT_EQ(CursorLiteral({.kind = TypeKind::kTimestampTz}, 0), "'1970-01-01 00:00:00'");
}

TEST(SourceRange, NeedsAnOrderThatAllShare) {
  EXPECT_TRUE(MayBeCursor({.kind = TypeKind::kUInt64}));
  EXPECT_TRUE(MayBeCursor({.kind = TypeKind::kDecimal, .precision = 20, .scale = 0}));
  EXPECT_TRUE(MayBeCursor({.kind = TypeKind::kDate}));
  EXPECT_FALSE(MayBeCursor({.kind = TypeKind::kDecimal, .precision = 20, .scale = 2}));
  EXPECT_FALSE(MayBeCursor({.kind = TypeKind::kText}));
  EXPECT_FALSE(MayBeCursor({.kind = TypeKind::kFloat64}));
}

}  // namespace
}  // namespace aimass
