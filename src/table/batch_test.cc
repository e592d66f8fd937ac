#include "table/batch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "table/builder.h"
#include "table/decimal.h"
#include "table/ipc.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

std::shared_ptr<const Schema> Columns(std::initializer_list<TypeKind> kinds) {
  Schema schema;
  for (const TypeKind kind : kinds) {
    schema.columns.push_back(
        {.name = fmt::format("c{}", schema.columns.size()), .type = {.kind = kind}});
  }
  return std::make_shared<const Schema>(std::move(schema));
}

std::string Json(const Batch& batch) {
  std::string out;
  AppendJsonRows(out, batch, 0, batch.num_rows());
  return out;
}

TEST(BatchBuilder, BuildsEveryColumnKind) {
  BatchBuilder builder(
      Columns({TypeKind::kBool, TypeKind::kInt64, TypeKind::kFloat64, TypeKind::kText,
               TypeKind::kBinary, TypeKind::kDate, TypeKind::kTimestamp, TypeKind::kTimestampTz}));
  for (int round = 0; round < 2; ++round) {  // a builder can be used again
    for (std::size_t i = 0; i < 8; ++i) builder.AppendNull(i);
    builder.AppendBool(0, true);
    builder.AppendInt64(1, std::numeric_limits<std::int64_t>::min());
    builder.AppendDouble(2, 0.1);
    builder.AppendText(3, "中\n");
    builder.AppendText(4, std::string_view("\0\xff", 2));
    for (const std::size_t i : {5, 6, 7}) builder.AppendUnixUs(i, -1);
    const auto batch = builder.Finish();
    ASSERT_TRUE(batch) << batch.error().ToString();
    EXPECT_EQ(Json(*batch),
              "[null,null,null,null,null,null,null,null],"
              "[true,\"-9223372036854775808\",0.1,\"中\\n\",\"AP8=\",\"1969-12-31\","
              "\"1969-12-31T23:59:59.999999\",\"1969-12-31T23:59:59.999999Z\"]");
  }
}

TEST(BatchBuilder, ConvertsCellsOrGivesNull) {
  BatchBuilder builder(Columns(
      {TypeKind::kBool, TypeKind::kInt64, TypeKind::kFloat64, TypeKind::kText, TypeKind::kDate}));
  const Cell cells[] = {
      Cell::Null(),        Cell::Bool(true), Cell::Number(1),           Cell::Number(2.5),
      Cell::Number(1e300), Cell::Text("7"),  Cell::Time(86'400'000'000)};
  for (const Cell& cell : cells) {
    for (std::size_t i = 0; i < 5; ++i) builder.AppendCell(i, cell);
  }
  const auto batch = builder.Finish();
  ASSERT_TRUE(batch);
  EXPECT_EQ(
      Json(*batch),
      "[null,null,null,null,null],[true,1,1,\"true\",null],[true,1,1,\"1\",null],"
      "[null,null,2.5,\"2.5\",null],[null,null,1e+300,\"1e+300\",null],[null,null,null,\"7\",null],"
      "[null,null,null,null,\"1970-01-02\"]");
}

TEST(BatchBuilder, KeepsNarrowIntegersAndDecimalsExactly) {
  Schema schema;
  schema.columns = {{"tiny", {.kind = TypeKind::kInt8}},
                    {"small", {.kind = TypeKind::kInt16}},
                    {"int", {.kind = TypeKind::kInt32}},
                    {"money", {.kind = TypeKind::kDecimal, .precision = 38, .scale = 2}}};
  BatchBuilder builder(std::make_shared<const Schema>(schema));
  const Int128 vast = static_cast<Int128>(INT64_MAX) * INT64_MAX;
  for (const std::int64_t value : {-128L, 127L, 128L}) {
    for (std::size_t column = 0; column < 3; ++column) builder.AppendInt64(column, value);
    builder.AppendDecimal(3, value < 0 ? -vast : vast);
  }
  builder.AppendInt64(0, 1);
  builder.AppendInt64(1, 32768);
  builder.AppendInt64(2, INT32_MIN);
  builder.AppendNull(3);
  const Batch batch = builder.Finish().value();
  EXPECT_EQ(batch.column(0).Int64(0), -128);
  EXPECT_TRUE(batch.column(0).IsNull(2));  // 128 does not fit
  EXPECT_EQ(batch.column(1).Int64(2), 128);
  EXPECT_TRUE(batch.column(1).IsNull(3));
  EXPECT_EQ(batch.column(2).Int64(3), INT32_MIN);
  EXPECT_TRUE(batch.column(3).Decimal(0) == -vast);
  EXPECT_TRUE(batch.column(3).Decimal(1) == vast);
  EXPECT_TRUE(batch.column(3).IsNull(3));
}

TEST(BatchBuilder, RefusesColumnsOfUnequalLength) {
  BatchBuilder builder(Columns({TypeKind::kInt64, TypeKind::kInt64}));
  builder.AppendInt64(0, 1);
  const auto batch = builder.Finish();
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().ToString(), "column 'c1' got 0 values where the first column got 1");
}

TEST(ColumnView, GivesCells) {
  BatchBuilder builder(
      Columns({TypeKind::kInt64, TypeKind::kText, TypeKind::kTimestampTz, TypeKind::kBool}));
  builder.AppendInt64(0, 5);
  builder.AppendText(1, "x");
  builder.AppendUnixUs(2, 7);
  builder.AppendBool(3, true);
  const auto batch = builder.Finish();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->column(0).At(0).number, 5.0);
  EXPECT_EQ(batch->column(1).At(0).text, "x");
  EXPECT_EQ(batch->column(2).At(0).unix_us, 7);
  EXPECT_EQ(batch->column(3).At(0).kind, CellKind::kBool);
  EXPECT_FALSE(batch->column(0).IsNull(0));
}

TEST(Batch, MovesAndHandsOverItsMemory) {
  BatchBuilder builder(Columns({TypeKind::kInt64}));
  for (int i = 0; i < 3; ++i) builder.AppendInt64(0, i);
  auto built = builder.Finish();
  ASSERT_TRUE(built);
  Batch batch = std::move(*built);
  EXPECT_EQ(built->num_rows(), 0U);
  batch = FirstRows(std::move(batch), 2);
  EXPECT_EQ(Json(batch), "[0],[1]");
  ArrowArray array = batch.ReleaseArray();
  EXPECT_EQ(batch.num_rows(), 0U);
  array.release(&array);
}

TEST(Decimal, HasExactDigits) {
  struct Case {
    Int128 value;
    int scale;
    std::string_view text;
  };
  const Int128 big = Int128{1} << 126;
  for (const Case& c :
       std::initializer_list<Case>{{0, 0, "0"},
                                   {0, 2, "0.00"},
                                   {5, 2, "0.05"},
                                   {-5, 2, "-0.05"},
                                   {-12345, 3, "-12.345"},
                                   {100, 2, "1.00"},
                                   {big, 0, "85070591730234615865843651857942052864"},
                                   {-big, 38, "-0.85070591730234615865843651857942052864"}}) {
    EXPECT_EQ(DecimalText(c.value, c.scale), c.text);
    EXPECT_EQ(DecimalToDouble(c.value, c.scale), std::stod(std::string(c.text)));
  }
}

TEST(DateText, GoesFarBackAndAhead) {
  EXPECT_EQ(DateText(0), "1970-01-01");
  EXPECT_EQ(DateText(-1), "1969-12-31");
  EXPECT_EQ(DateText(19'782), "2024-02-29");
  EXPECT_EQ(DateText(-719'162), "0001-01-01");
  EXPECT_EQ(DateText(-719'528), "0000-01-01");
  EXPECT_EQ(DateText(-719'529), "-000001-12-31");
  EXPECT_EQ(DateText(2'932'896), "9999-12-31");
  EXPECT_EQ(DateText(2'932'897), "+010000-01-01");
  EXPECT_EQ(DateText(std::numeric_limits<std::int32_t>::max()), "infinity");
  EXPECT_EQ(TimestampText(-1), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(TimestampText(1'500'000), "1970-01-01T00:00:01.500");
  EXPECT_EQ(TimestampText(std::numeric_limits<std::int64_t>::max()), "infinity");
  EXPECT_EQ(TimeText(86'400'000'000), "24:00:00");
}

TEST(AppendJsonText, EscapesAndRepairs) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a\"b\\c/\x01\n\r\t", "\"a\\\"b\\\\c/\\u0001\\n\\r\\t\""},
      {"中文😀", "\"中文😀\""},
      {"\xff", "\"\xEF\xBF\xBD\""},
      {"a\xc3", "\"a\xEF\xBF\xBD\""},                                // cut off
      {"\xc0\xaf", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                  // overlong
      {"\xed\xa0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},  // a surrogate
      {"\xf4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  for (const auto& [text, json] : cases) {
    std::string out;
    AppendJsonText(out, text);
    EXPECT_EQ(out, json);
  }
}

// The content is read by pyarrow in tests/sql/; here: what frames it.
TEST(Ipc, FramesItsMessages) {
  BatchBuilder builder(Columns({TypeKind::kInt64, TypeKind::kText, TypeKind::kBool}));
  for (int i = 0; i < 9; ++i) {
    builder.AppendInt64(0, i);
    builder.AppendText(1, std::string(static_cast<std::size_t>(i), 'x'));
    builder.AppendNull(2);
  }
  const auto batch = builder.Finish();
  ASSERT_TRUE(batch);
  const std::string schema = IpcSchemaMessage(batch->schema());
  const std::string rows = IpcBatchMessage(*batch);
  EXPECT_EQ(schema.size() % 8, 0U);
  EXPECT_EQ(rows.size() % 8, 0U);
  EXPECT_EQ(schema.substr(0, 4), "\xff\xff\xff\xff");
  // 9 × 8 bytes of integers, 10 × 4 of offsets, 36 of text, 2 bitmaps of 2 bytes, each padded to 8.
  EXPECT_GE(rows.size(), 72U + 40U + 40U + 8U + 8U);
  EXPECT_NE(rows.find(std::string(8, 'x')), std::string::npos);
  EXPECT_EQ(IpcEndOfStream(), std::string("\xff\xff\xff\xff\0\0\0\0", 8));
}

}  // namespace
}  // namespace aimass
