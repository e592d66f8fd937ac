#include "sources/connectors/mysql/decode.h"

#include <gtest/gtest.h>

#include <limits>

namespace aimass::connectors::mysql {
namespace {

using mariadb::FieldInfo;
using mariadb::FieldType;

FieldInfo Field(FieldType type, int bytes = 8, bool is_unsigned = false) {
  return {.name = "c", .type = type, .bytes = bytes, .is_unsigned = is_unsigned};
}
FieldInfo DecimalField(int precision, int scale) {
  return {.name = "c", .type = FieldType::kDecimal, .precision = precision, .scale = scale};
}

std::optional<Value> Decoded(const FieldInfo& field, std::string_view text) {
  return Decode(field, TypeOf(field), text);
}

TEST(TypeOf, HasRoomForEveryValue) {
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kInteger, 1))), "tinyint");
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kInteger, 1, true))), "smallint");
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kInteger, 2, true))), "integer");
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kInteger, 3, true))), "integer");
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kInteger, 4, true))), "bigint");
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kInteger, 8, true))), "decimal(20,0)");
  EXPECT_EQ(TypeName(TypeOf(DecimalField(38, 10))), "decimal(38,10)");
  EXPECT_EQ(TypeName(TypeOf(DecimalField(39, 10))), "text");
  EXPECT_EQ(TypeName(TypeOf(Field(FieldType::kTime))), "text");
}

TEST(Decode, KeepsNullAndTheEmptyTextApart) {
  EXPECT_EQ(Decoded(Field(FieldType::kText), {})->kind, Value::Kind::kNull);
  EXPECT_EQ(Decoded(Field(FieldType::kText), "")->kind, Value::Kind::kText);
}

TEST(Decode, ReadsIntegersToTheirEnds) {
  EXPECT_EQ(Decoded(Field(FieldType::kInteger), "-9223372036854775808")->integer,
            std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(Decoded(Field(FieldType::kInteger, 8, true), "18446744073709551615")->decimal ==
              static_cast<Int128>(std::numeric_limits<std::uint64_t>::max()));
  for (const char* wrong : {"", "1x", "9223372036854775808", " 1"}) {
    EXPECT_FALSE(Decoded(Field(FieldType::kInteger), wrong)) << wrong;
  }
}

TEST(Decode, ReadsDecimalsExactly) {
  EXPECT_TRUE(Decoded(DecimalField(5, 2), "-123.45")->decimal == -12345);
  EXPECT_TRUE(Decoded(DecimalField(5, 2), "7")->decimal == 700);
  EXPECT_TRUE(Decoded(DecimalField(5, 2), "0.5")->decimal == 50);
  EXPECT_TRUE(Decoded(DecimalField(38, 0), "99999999999999999999999999999999999999")->decimal > 0);
  for (const char* wrong : {"", "1.234", "1234.5", "1.2.3", "1e3", "-", "--1"}) {
    EXPECT_FALSE(Decoded(DecimalField(5, 2), wrong)) << wrong;
  }
}

TEST(Decode, ReadsDaysAndMoments) {
  EXPECT_EQ(Decoded(Field(FieldType::kDate), "1970-01-02")->integer, 86'400'000'000);
  EXPECT_EQ(Decoded(Field(FieldType::kDateTime), "1970-01-01 00:00:01.5")->integer, 1'500'000);
  EXPECT_EQ(Decoded(Field(FieldType::kDateTime), "1969-12-31 23:59:59.999999")->integer, -1);
  for (const char* wrong :
       {"", "0000-00-00", "2026-00-10", "2026-02-30", "2026-1-1", "2026-01-01T00:00:00",
        "2026-01-01 24:00:00", "2026-01-01 00:00:00.", "2026-01-01 00:00:00.1234567"}) {
    EXPECT_FALSE(Decoded(Field(FieldType::kDateTime), wrong)) << wrong;
  }
}

TEST(Decode, ReadsBits) {
  FieldInfo one = Field(FieldType::kBit);
  one.precision = 1;
  EXPECT_EQ(Decoded(one, std::string_view("\1", 1))->integer, 1);
  EXPECT_EQ(Decoded(one, std::string_view("\0", 1))->integer, 0);
  FieldInfo twelve = Field(FieldType::kBit);
  twelve.precision = 12;
  EXPECT_EQ(Decoded(twelve, std::string_view("\x0a\xaa", 2))->integer, 0xaaa);
}

}  // namespace
}  // namespace aimass::connectors::mysql
