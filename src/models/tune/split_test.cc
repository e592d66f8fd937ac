#include "models/tune/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "models/testing/tables.h"

namespace aimass {
namespace {

using testing::MakeTable;
using testing::SchemaOf;

constexpr std::int64_t kDayUs = 86'400'000'000;

TargetColumn TargetOf(const RowTable& table, const char* name = "y") {
  return ReadTarget(table, name, "auto").value();
}

// Two numbers, a running number and a target of pure noise; each row stands in it `copies` times.
RowTable Copies(std::size_t different, std::size_t copies) {
  Random random(3);
  std::vector<std::array<double, 3>> rows;
  for (std::size_t i = 0; i < different; ++i)
    rows.push_back({random.Unit(), random.Unit(), random.Unit() < 0.5 ? 1.0 : 0.0});
  return MakeTable(SchemaOf({{"id", TypeKind::kInt64},
                             {"a", TypeKind::kFloat64},
                             {"b", TypeKind::kFloat64},
                             {"y", TypeKind::kInt64}}),
                   different * copies, [&](BatchBuilder& builder, std::size_t row) {
                     const auto& values = rows[row % different];
                     builder.AppendInt64(0, static_cast<std::int64_t>(row));
                     builder.AppendDouble(1, values[0]);
                     builder.AppendDouble(2, values[1]);
                     builder.AppendInt64(3, static_cast<std::int64_t>(values[2]));
                   });
}

TEST(GroupsTest, FindsRowsThatRepeatWhateverNumbersThem) {
  const RowTable table = Copies(300, 2);
  const auto groups = GroupRows(table, TargetOf(table), {.target = "y"});
  ASSERT_TRUE(groups) << groups.error().ToString();
  EXPECT_EQ(groups->by, "rows");
  EXPECT_EQ(groups->duplicates, 300U);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(groups->of[i], groups->of[i + 300]);
  EXPECT_EQ(std::set<std::uint32_t>(groups->of.begin(), groups->of.end()).size(), 300U);
}

TEST(GroupsTest, RowsOfDifferentValuesStaySingle) {
  const RowTable table = Copies(300, 1);
  const auto groups = GroupRows(table, TargetOf(table), {.target = "y"});
  ASSERT_TRUE(groups);
  EXPECT_EQ(groups->by, "none");
  EXPECT_EQ(groups->duplicates, 0U);
  EXPECT_TRUE(groups->of.empty());
}

// Class, sex and age of passengers: the same values are other people.
TEST(GroupsTest, AFewDifferentRowsAreCasesAndNoCopies) {
  const RowTable table = Copies(8, 100);
  const auto groups = GroupRows(table, TargetOf(table), {.target = "y"});
  ASSERT_TRUE(groups);
  EXPECT_EQ(groups->by, "none");
  EXPECT_EQ(groups->duplicates, 792U);
}

TEST(SplitTest, CopiesStayOnOneSideAndInOneFold) {
  const RowTable table = Copies(300, 2);
  const TargetColumn target = TargetOf(table);
  const RowGroups groups = GroupRows(table, target, {.target = "y"}).value();
  const auto split = SplitRows(table, target, groups, {.seed = 5});
  ASSERT_TRUE(split) << split.error().ToString();
  EXPECT_EQ(split->method, "random");
  EXPECT_EQ(split->training.size() + split->holdout.size(), 600U);
  EXPECT_NEAR(static_cast<double>(split->holdout.size()), 120.0, 8.0);
  std::set<std::uint32_t> held;
  for (const std::uint32_t row : split->holdout) held.insert(groups.of[row]);
  for (const std::uint32_t row : split->training) EXPECT_FALSE(held.contains(groups.of[row]));

  const Folds folds = MakeFolds(table, target, groups, split->training, "", 5, 5);
  EXPECT_EQ(folds.count, 5);
  std::map<std::uint32_t, std::set<int>> of_group;
  std::vector<int> rows(5, 0);
  for (std::size_t i = 0; i < split->training.size(); ++i) {
    of_group[groups.of[split->training[i]]].insert(folds.of[i]);
    ++rows[folds.of[i]];
  }
  for (const auto& [group, in] : of_group) EXPECT_EQ(in.size(), 1U) << group;
  EXPECT_LE(*std::ranges::max_element(rows) - *std::ranges::min_element(rows), 4);
}

TEST(SplitTest, CustomersStayOnOneSide) {
  Random random(7);
  const RowTable table = MakeTable(
      SchemaOf({{"customer", TypeKind::kText}, {"x", TypeKind::kFloat64}, {"y", TypeKind::kInt64}}),
      900, [&](BatchBuilder& builder, std::size_t row) {
        builder.AppendText(0, "c" + std::to_string(random.Below(40)));
        builder.AppendDouble(1, random.Unit());
        builder.AppendInt64(2, static_cast<std::int64_t>(row % 2));
      });
  const TargetColumn target = TargetOf(table);
  const RowGroups groups = GroupRows(table, target, {.target = "y", .column = "customer"}).value();
  EXPECT_EQ(groups.by, "column");
  const Split split = SplitRows(table, target, groups, {}).value();
  EXPECT_NEAR(static_cast<double>(split.holdout.size()), 180.0, 40.0);
  std::set<std::string> held, trained;
  for (const std::uint32_t row : split.holdout) held.emplace(table.At(row, 0).text);
  for (const std::uint32_t row : split.training) trained.emplace(table.At(row, 0).text);
  for (const std::string& customer : held) EXPECT_FALSE(trained.contains(customer)) << customer;

  const auto missing = GroupRows(table, target, {.target = "y", .column = "Customer"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().ToString(), "there is no group column 'Customer'");
}

TEST(SplitTest, OneGroupOnlyCannotBeMeasured) {
  const RowTable table = MakeTable(SchemaOf({{"g", TypeKind::kText}, {"y", TypeKind::kInt64}}), 60,
                                   [](BatchBuilder& builder, std::size_t row) {
                                     builder.AppendText(0, "all");
                                     builder.AppendInt64(1, static_cast<std::int64_t>(row % 2));
                                   });
  const auto groups = GroupRows(table, TargetOf(table), {.target = "y", .column = "g"});
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().code, ErrorCode::kUnprocessable);
}

TEST(SplitTest, TwoLargeGroupsStillSplit) {
  const RowTable table = MakeTable(SchemaOf({{"g", TypeKind::kText}, {"y", TypeKind::kInt64}}), 100,
                                   [](BatchBuilder& builder, std::size_t row) {
                                     builder.AppendText(0, row < 60 ? "north" : "south");
                                     builder.AppendInt64(1, static_cast<std::int64_t>(row % 2));
                                   });
  const TargetColumn target = TargetOf(table);
  const RowGroups groups = GroupRows(table, target, {.target = "y", .column = "g"}).value();
  const auto split = SplitRows(table, target, groups, {});
  ASSERT_TRUE(split) << split.error().ToString();
  EXPECT_EQ(split->holdout.size(), 40U);
  // One group is left to train on: its rows validate each other.
  EXPECT_EQ(MakeFolds(table, target, groups, split->training, "", 5, 1).count, 5);
}

// Rows every day; the hold-out begins 40 days after the last training row.
TEST(SplitTest, ByTimeThePastValidatesOnTheFutureWithTheSameGap) {
  const RowTable table =
      MakeTable(SchemaOf({{"day", TypeKind::kDate}, {"y", TypeKind::kInt64}}), 500,
                [](BatchBuilder& builder, std::size_t row) {
                  const std::size_t day = row < 400 ? row : row + 39;
                  builder.AppendUnixUs(0, static_cast<std::int64_t>(day) * kDayUs);
                  builder.AppendInt64(1, static_cast<std::int64_t>(row % 2));
                });
  const TargetColumn target = TargetOf(table);
  const Split split = SplitRows(table, target, {}, {.time_column = "day"}).value();
  ASSERT_EQ(split.method, "time");
  ASSERT_EQ(split.training.size(), 400U);
  const double gap = GapOf(table, split);
  EXPECT_DOUBLE_EQ(gap, 40.0 * kDayUs);
  const Folds folds = MakeFolds(table, target, {}, split.training, "day", 5, 1);
  ASSERT_EQ(folds.count, 5);
  EXPECT_EQ(folds.measurable(), 4);
  EXPECT_EQ(folds.of.back(), 0) << "the latest block is the first fold";
  const std::vector<FoldRows> rows = RowsOfFolds(folds, folds.measurable(), gap);
  for (std::size_t fold = 0; fold < rows.size(); ++fold) {
    ASSERT_FALSE(rows[fold].train.empty());
    EXPECT_EQ(rows[fold].validation.size(), 80U);
    EXPECT_LE(rows[fold].train.back() + 40, rows[fold].validation.front()) << fold;
  }
  EXPECT_EQ(rows[0].validation.back(), 399U);
}

TEST(SplitTest, OneTimeOnlyIsNoTime) {
  const RowTable table = MakeTable(SchemaOf({{"day", TypeKind::kDate}, {"y", TypeKind::kInt64}}),
                                   100, [](BatchBuilder& builder, std::size_t row) {
                                     builder.AppendUnixUs(0, row < 80 ? 0 : kDayUs);
                                     builder.AppendInt64(1, static_cast<std::int64_t>(row % 2));
                                   });
  const TargetColumn target = TargetOf(table);
  const Split split = SplitRows(table, target, {}, {.time_column = "day"}).value();
  const Folds folds = MakeFolds(table, target, {}, split.training, "day", 4, 1);
  EXPECT_EQ(folds.measurable(), 4);
  for (const FoldRows& fold : RowsOfFolds(folds, 4, GapOf(table, split)))
    EXPECT_EQ(fold.train.size() + fold.validation.size(), split.training.size());
}

}  // namespace
}  // namespace aimass
