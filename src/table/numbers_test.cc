#include "table/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "table/builder.h"

namespace aimass {
namespace {

// Every column of plain numbers reads as its cells do, with nulls and from any row on.
TEST(ReadNumbers, GivesWhatCellsGive) {
  Schema schema;
  for (const TypeKind kind : {TypeKind::kInt8, TypeKind::kInt16, TypeKind::kInt32, TypeKind::kInt64,
                              TypeKind::kFloat64}) {
    schema.columns.push_back(
        {.name = fmt::format("c{}", schema.columns.size()), .type = {.kind = kind}});
  }
  BatchBuilder builder(std::make_shared<const Schema>(schema));
  for (const double value : {-7.0, 0.0, 120.0, 33.0, -1.0}) {
    for (std::size_t c = 0; c < schema.columns.size(); ++c) {
      builder.AppendCell(c, Cell::Number(value));
      builder.AppendNull(c);
    }
  }
  const Batch batch = builder.Finish().value();
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    for (const std::size_t first : {0U, 3U}) {
      std::vector<double> numbers(batch.num_rows() - first);
      ASSERT_TRUE(ReadNumbers(batch.column(c), first, numbers));
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Cell cell = batch.column(c).At(first + i);
        if (cell.kind == CellKind::kNull) {
          EXPECT_TRUE(std::isnan(numbers[i]));
        } else {
          EXPECT_EQ(numbers[i], cell.number) << c << " " << first + i;
        }
      }
    }
  }
}

TEST(ReadNumbers, ReadsUnsignedAndNarrowFloatsOfAnyProducer) {
  const std::vector<std::uint64_t> large{std::numeric_limits<std::uint64_t>::max(), 1};
  const std::vector<float> narrow{0.1F, -std::numeric_limits<float>::infinity()};
  for (const bool is_float : {false, true}) {
    const void* buffers[] = {nullptr, is_float ? static_cast<const void*>(narrow.data())
                                               : static_cast<const void*>(large.data())};
    ArrowArray array{};
    array.length = 2;
    array.n_buffers = 2;
    array.buffers = buffers;
    const Type type{.kind = is_float ? TypeKind::kFloat32 : TypeKind::kUInt64};
    const ColumnView column(&array, &type, 0);
    std::vector<double> numbers(2);
    ASSERT_TRUE(ReadNumbers(column, 0, numbers));
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(numbers[i], column.At(i).number);
  }
}

TEST(ReadNumbers, LeavesWhatIsNoPlainNumber) {
  Schema schema;
  for (const TypeKind kind : {TypeKind::kText, TypeKind::kBool, TypeKind::kDate})
    schema.columns.push_back(
        {.name = fmt::format("c{}", schema.columns.size()), .type = {.kind = kind}});
  schema.columns.push_back(
      {.name = "money", .type = {.kind = TypeKind::kDecimal, .precision = 9, .scale = 2}});
  BatchBuilder builder(std::make_shared<const Schema>(schema));
  for (std::size_t c = 0; c < schema.columns.size(); ++c) builder.AppendNull(c);
  const Batch batch = builder.Finish().value();
  std::vector<double> numbers(1, 5.0);
  for (std::size_t c = 0; c < schema.columns.size(); ++c)
    EXPECT_FALSE(ReadNumbers(batch.column(c), 0, numbers));
  EXPECT_EQ(numbers[0], 5.0);
}

}  // namespace
}  // namespace aimass
