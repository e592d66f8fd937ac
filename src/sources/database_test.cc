#include "sources/database.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>

namespace aimass {
namespace {

std::string Plain(const Type& type, const Value& value) {
  BatchBuilder builder(std::make_shared<const Schema>(Schema{{{"v", type, true}}}));
  Append(builder, 0, value);
  const auto batch = builder.Finish();
  EXPECT_TRUE(batch);
  std::string out = ">";
  if (batch) AppendPlain(out, batch->column(0), 0);
  return out.substr(1);
}

TEST(AppendPlain, WritesWhatDatabasesReadBackExactly) {
  using Kind = Value::Kind;
  EXPECT_EQ(Plain({.kind = TypeKind::kInt64},
                  {.kind = Kind::kInt, .integer = std::numeric_limits<std::int64_t>::min()}),
            "-9223372036854775808");
  EXPECT_EQ(Plain({.kind = TypeKind::kBool}, {.kind = Kind::kBool, .integer = 1}), "1");
  EXPECT_EQ(Plain({.kind = TypeKind::kFloat64}, {.kind = Kind::kDouble, .number = 0.1}), "0.1");
  EXPECT_EQ(Plain({.kind = TypeKind::kFloat64}, {.kind = Kind::kDouble, .number = 1e300}),
            "1e+300");
  EXPECT_EQ(Plain({.kind = TypeKind::kDecimal, .precision = 12, .scale = 2},
                  {.kind = Kind::kDecimal, .decimal = -5}),
            "-0.05");
  EXPECT_EQ(Plain({.kind = TypeKind::kText}, {.kind = Kind::kText, .text = "it's \\"}), "it's \\");
  EXPECT_EQ(Plain({.kind = TypeKind::kTimestamp},
                  {.kind = Kind::kTime, .integer = 1'764'318'600'000'001}),
            "2025-11-28T08:30:00.000001");
}

TEST(CheckUniqueKey, WantsAnIndexOfExactlyTheKey) {
  const SinkRequest request{.table = "t", .schema = {}, .key = {"b", "a"}, .id = {}, .cancel = {}};
  EXPECT_TRUE(CheckUniqueKey(request, {{"primary", {"id"}}, {"both", {"a", "b"}}}, "ALTER …"));
  const auto failed = CheckUniqueKey(request, {{"primary", {"id"}}, {"one", {"a"}}}, "ALTER …");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().ToString().find("exactly these columns: b, a"), std::string::npos);
  EXPECT_NE(Render(failed.error().hint, Language::kEnglish).find("ALTER …"), std::string::npos);
}

}  // namespace
}  // namespace aimass
