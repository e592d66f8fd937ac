#include "datasets/collect/files_columns.h"

#include <gtest/gtest.h>

namespace aimass {
namespace {

const Type kInt{.kind = TypeKind::kInt64};
const Type kDouble{.kind = TypeKind::kFloat64};
const Type kText{.kind = TypeKind::kText};

Type Decimal(int precision, int scale) {
  return {.kind = TypeKind::kDecimal, .precision = precision, .scale = scale};
}

FileColumns File(std::string name, std::vector<ColumnInfo> columns,
                 std::set<std::string> empty = {}, bool optional = false) {
  return {.file = std::move(name),
          .schema = {.columns = std::move(columns)},
          .empty = std::move(empty),
          .optional = optional};
}

std::string Text(const Result<Schema>& schema) {
  if (!schema) return schema.error().ToString();
  std::string text;
  for (const ColumnInfo& column : schema->columns)
    text += (text.empty() ? "" : ", ") + column.name + " " + TypeName(column.type);
  return text;
}

TEST(FilesColumns, TypesWiden) {
  EXPECT_EQ(WiderType(kInt, kDouble).value(), kDouble);
  EXPECT_EQ(WiderType(kText, kInt).value(), kText);
  EXPECT_EQ(WiderType({.kind = TypeKind::kDate}, {.kind = TypeKind::kTimestamp})->kind,
            TypeKind::kTimestamp);
  EXPECT_EQ(WiderType({.kind = TypeKind::kBool}, kInt).value(), kText);
  EXPECT_EQ(WiderType(Decimal(10, 2), Decimal(8, 4)).value(), Decimal(12, 4));
  EXPECT_EQ(WiderType(Decimal(10, 2), kInt).value(), Decimal(21, 2));
  EXPECT_EQ(WiderType(Decimal(38, 2), Decimal(38, 30)).value(), kDouble);
  EXPECT_FALSE(WiderType({.kind = TypeKind::kBinary}, kText));
}

TEST(FilesColumns, AreThoseOfAllFiles) {
  EXPECT_EQ(Text(CommonColumns({File("a", {{"x", kInt}, {"y", kText}}),
                                File("b", {{"y", kText}, {"x", kDouble}}), File("empty", {})})),
            "x double, y text");
}

TEST(FilesColumns, WithoutAValueDecideNothing) {
  EXPECT_EQ(Text(CommonColumns({File("a", {{"x", kText}}, {"x"}), File("b", {{"x", kInt}})})),
            "x bigint");
  EXPECT_EQ(Text(CommonColumns({File("a", {{"x", kInt}}), File("b", {{"x", kText}}, {"x"})})),
            "x bigint");
  EXPECT_EQ(Text(CommonColumns({File("a", {{"x", kText}}, {"x"}), File("b", {{"x", kText}}),
                                File("c", {{"x", kInt}})})),
            "x text");
}

TEST(FilesColumns, ThatDifferAreNamed) {
  EXPECT_EQ(Text(CommonColumns(
                {File("a", {{"x", kInt}, {"y", kInt}}), File("b", {{"x", kInt}, {"z", kInt}})})),
            "the files of a table need the same columns; 'b' has others than 'a': 'y' -; 'z' +");
  EXPECT_EQ(Text(CommonColumns({File("a", {}), File("b", {})})),
            "none of the files has a column, so that there is nothing to make a dataset of");
}

TEST(FilesColumns, OfJsonMayBeAbsent) {
  EXPECT_EQ(Text(CommonColumns(
                {File("a", {{"x", kInt}}, {}, true), File("b", {{"y", kText}}, {}, true)})),
            "x bigint, y text");
}

TEST(FilesColumns, OfAFileMustFitTheDataset) {
  const Schema table{.columns = {{"x", kDouble}, {"y", kText}}};
  EXPECT_TRUE(CheckFileColumns(table, File("a", {{"x", kInt}, {"y", kInt}})));
  EXPECT_TRUE(CheckFileColumns(table, File("a", {{"x", kText}, {"y", kText}}, {"x"})));
  EXPECT_TRUE(CheckFileColumns(table, File("a", {{"x", kInt}}, {}, true)));
  const Status wrong = CheckFileColumns(table, File("a", {{"x", kText}, {"z", kInt}}, {}, true));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().ToString(),
            "the columns of 'a' are not those of the dataset: 'x': double → text; 'z' +");
}

}  // namespace
}  // namespace aimass
