#include "sources/connectors/postgres/decode.h"

#include <gtest/gtest.h>

#include <limits>

namespace aimass::connectors::postgres {
namespace {

using aimass::postgres::FieldInfo;

FieldInfo Field(std::uint32_t type, int modifier = -1) {
  return {.name = "c", .type = type, .modifier = modifier};
}
FieldInfo NumericField(int precision, int scale) {
  return Field(1700, (precision << 16 | (scale & 0x7ff)) + 4);
}

template <typename T>
std::string Bytes(T value) {
  std::string out;
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff);
  return out;
}
// As the server sends a numeric: digits of base 10,000.
std::string NumericBytes(int weight, int sign, int scale, const std::vector<int>& digits) {
  std::string out = Bytes<std::int16_t>(static_cast<std::int16_t>(digits.size()));
  for (const int part : {weight, sign, scale}) out += Bytes(static_cast<std::int16_t>(part));
  for (const int digit : digits) out += Bytes(static_cast<std::int16_t>(digit));
  return out;
}

std::optional<Value> Decoded(const FieldInfo& field, std::string_view bytes) {
  return Decode(field, TypeOf(field), bytes);
}

TEST(TypeOf, HasRoomForEveryValue) {
  EXPECT_EQ(TypeName(TypeOf(Field(16))), "boolean");
  EXPECT_EQ(TypeName(TypeOf(Field(21))), "smallint");
  EXPECT_EQ(TypeName(TypeOf(Field(20))), "bigint");
  EXPECT_EQ(TypeName(TypeOf(Field(700))), "double");
  EXPECT_EQ(TypeName(TypeOf(NumericField(12, 2))), "decimal(12,2)");
  EXPECT_EQ(TypeName(TypeOf(NumericField(38, 10))), "decimal(38,10)");
  EXPECT_EQ(TypeName(TypeOf(NumericField(39, 10))), "text");
  EXPECT_EQ(TypeName(TypeOf(NumericField(3, -2))), "decimal(5,0)");  // up to 99,900
  EXPECT_EQ(TypeName(TypeOf(NumericField(3, 5))), "decimal(5,5)");   // up to 0.00999
  EXPECT_EQ(TypeName(TypeOf(Field(1700))), "text");
  EXPECT_EQ(TypeName(TypeOf(Field(1184))), "timestamp with time zone");
  EXPECT_EQ(TypeName(TypeOf(Field(2950))), "text");  // uuid
}

TEST(IsPrinted, IsWhateverHasNoFormThatIsReadHere) {
  for (const std::uint32_t type : {1700U, 2950U, 3802U, 1186U, 1007U, 99999U})
    EXPECT_TRUE(IsPrinted(Field(type))) << type;
  EXPECT_FALSE(IsPrinted(NumericField(12, 2)));
  for (const std::uint32_t type : {16U, 17U, 23U, 25U, 114U, 1043U, 1082U, 1184U})
    EXPECT_FALSE(IsPrinted(Field(type))) << type;
}

TEST(Decode, KeepsNullAndTheEmptyTextApart) {
  EXPECT_EQ(Decoded(Field(25), {})->kind, Value::Kind::kNull);
  EXPECT_EQ(Decoded(Field(25), "")->kind, Value::Kind::kText);
  EXPECT_EQ(Decoded(Field(23), {})->kind, Value::Kind::kNull);
}

TEST(Decode, ReadsNumbersToTheirEnds) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(Decoded(Field(20), Bytes(kLeast))->integer, kLeast);
  EXPECT_EQ(Decoded(Field(21), Bytes<std::int16_t>(-2))->integer, -2);
  EXPECT_EQ(Decoded(Field(26), Bytes<std::uint32_t>(4294967295))->integer, 4294967295);
  EXPECT_EQ(Decoded(Field(700), Bytes<std::uint32_t>(0x3dcccccd))->number,
            static_cast<double>(0.1F));
  EXPECT_EQ(Decoded(Field(16), std::string_view("\1", 1))->integer, 1);
  EXPECT_FALSE(Decoded(Field(20), Bytes<std::int32_t>(1)));
}

TEST(Decode, ReadsNumericsExactly) {
  EXPECT_TRUE(Decoded(NumericField(12, 2), NumericBytes(0, 0, 2, {123, 4500}))->decimal == 12345);
  EXPECT_TRUE(Decoded(NumericField(12, 2), NumericBytes(1, 0x4000, 2, {1, 0, 500}))->decimal ==
              -1000005);
  EXPECT_TRUE(Decoded(NumericField(12, 2), NumericBytes(0, 0, 0, {}))->decimal == 0);
  EXPECT_TRUE(Decoded(NumericField(12, 0), NumericBytes(2, 0, 0, {1}))->decimal == 100'000'000);
  EXPECT_TRUE(Decoded(NumericField(5, 5), NumericBytes(-1, 0, 5, {99, 9000}))->decimal == 999);
  // 38 digits, of which 37 stand behind the point: 41 digits on the wire.
  const std::string ones =
      NumericBytes(0, 0, 37, {1, 1111, 1111, 1111, 1111, 1111, 1111, 1111, 1111, 1111, 1000});
  EXPECT_EQ(Shown(NumericField(38, 37), ones), "1." + std::string(37, '1'));
  Int128 expected = 0;
  for (int i = 0; i < 38; ++i) expected = expected * 10 + 1;
  EXPECT_TRUE(Decoded(NumericField(38, 37), ones)->decimal == expected);
}

TEST(Decode, TakesNoNumericThatTheTypeCannotHold) {
  const FieldInfo field = NumericField(5, 2);
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {NumericBytes(0, 0xc000, 0, {}), "NaN"},
      {NumericBytes(0, 0xd000, 0, {}), "Infinity"},
      {NumericBytes(0, 0xf000, 0, {}), "-Infinity"},
      {NumericBytes(0, 0, 2, {1000}), "1000.00"},
      {NumericBytes(0, 0, 3, {1, 10}), "1.001"},
      {NumericBytes(1, 0, 0, {1, 0}), "10000"},
      {NumericBytes(30, 0, 0, {9999}), "9999" + std::string(120, '0')},
      {NumericBytes(-3, 0, 12, {7}), "0.000000000007"}};
  for (const auto& [bytes, shown] : wrong) {
    EXPECT_FALSE(Decoded(field, bytes)) << shown;
    EXPECT_EQ(Shown(field, bytes), shown);
  }
  EXPECT_FALSE(Decoded(field, "short"));
  EXPECT_FALSE(Decoded(field, NumericBytes(0, 0, 0, {1}) + "x"));
}

TEST(Decode, ReadsDaysAndMoments) {
  EXPECT_EQ(Decoded(Field(1082), Bytes<std::int32_t>(-10956))->integer, 86'400'000'000);
  EXPECT_EQ(Decoded(Field(1114), Bytes<std::int64_t>(0))->integer, 946'684'800'000'000);
  EXPECT_EQ(Decoded(Field(1184), Bytes<std::int64_t>(-946'684'800'000'001))->integer, -1);
  // 9999-12-31 and the day after, 0001-01-01 and the day before.
  EXPECT_TRUE(Decoded(Field(1082), Bytes<std::int32_t>(2'921'939)));
  EXPECT_FALSE(Decoded(Field(1082), Bytes<std::int32_t>(2'921'940)));
  EXPECT_TRUE(Decoded(Field(1082), Bytes<std::int32_t>(-730'119)));
  EXPECT_FALSE(Decoded(Field(1082), Bytes<std::int32_t>(-730'120)));
}

TEST(Decode, TakesNoInfiniteDay) {
  const std::string ever = Bytes(std::numeric_limits<std::int64_t>::max());
  const std::string never = Bytes(std::numeric_limits<std::int32_t>::min());
  EXPECT_FALSE(Decoded(Field(1184), ever));
  EXPECT_EQ(Shown(Field(1184), ever), "infinity");
  EXPECT_FALSE(Decoded(Field(1082), never));
  EXPECT_EQ(Shown(Field(1082), never), "-infinity");
}

class CopyRowsTest : public testing::Test {
 protected:
  static std::string Header(const std::string& extension = "") {
    return std::string("PGCOPY\n\377\r\n\0", 11) + Bytes<std::int32_t>(0) +
           Bytes(static_cast<std::int32_t>(extension.size())) + extension;
  }
  static std::string Row(const std::vector<std::optional<std::string>>& values) {
    std::string out = Bytes(static_cast<std::int16_t>(values.size()));
    for (const auto& value : values)
      out += value ? Bytes(static_cast<std::int32_t>(value->size())) + *value
                   : Bytes<std::int32_t>(-1);
    return out;
  }
  // The rows of `bytes`, which arrive in pieces of this size; "-" is NULL.
  static std::vector<std::string> Rows(const std::string& bytes, std::size_t piece, bool* ended) {
    CopyRows rows(2);
    std::vector<std::string> found;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const std::string part = bytes.substr(at, piece);  // freed before the next one comes
      rows.Feed(part);
      for (;;) {
        const auto next = rows.Next();
        if (!next || !*next) break;
        std::string row;
        for (const std::string_view value : rows.values())
          row += value.data() == nullptr ? "-|" : std::string(value) + "|";
        found.push_back(row);
      }
    }
    *ended = rows.ended();
    return found;
  }
};

TEST_F(CopyRowsTest, ComeOutTheSameHoweverTheyArrive) {
  const std::string bytes = Header("ext") + Row({"a", std::nullopt}) + Row({"", "客户"}) +
                            Row({std::string(300, 'x'), "b"}) + Bytes<std::int16_t>(-1);
  const std::vector<std::string> expected = {"a|-|", "|客户|", std::string(300, 'x') + "|b|"};
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    bool ended = false;
    EXPECT_EQ(Rows(bytes, piece, &ended), expected) << piece;
    EXPECT_TRUE(ended) << piece;
  }
  bool ended = true;
  Rows(bytes.substr(0, bytes.size() - 1), 5, &ended);
  EXPECT_FALSE(ended);
}

TEST_F(CopyRowsTest, RefusesWhatIsNoCopy) {
  for (const std::string& bytes : {std::string(19, 'x'), Header() + Row({"a"}),
                                   Header() + Bytes<std::int16_t>(2) + Bytes<std::int32_t>(-2)}) {
    CopyRows rows(2);
    rows.Feed(bytes);
    const auto next = rows.Next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::kUnavailable);
  }
}

}  // namespace
}  // namespace aimass::connectors::postgres
