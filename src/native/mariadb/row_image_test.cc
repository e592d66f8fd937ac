#include "native/mariadb/row_image.h"

#include <gtest/gtest.h>

namespace aimass::mariadb {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view kAll = "\xff\xff"sv;

TEST(LoggedColumns, KnowTheirLengths) {
  // int, varchar(300), char(10), enum, decimal(12,2), datetime(3), blob, bit(9)
  const auto columns = LoggedColumns("\x03\x0f\xfe\xfe\xf6\x12\xfc\x10"sv,
                                     "\x2c\x01\xfe\x28\xf7\x01\x0c\x02\x03\x02\x01\x01"sv);
  ASSERT_TRUE(columns.has_value());
  ASSERT_EQ(columns->size(), 8U);
  EXPECT_EQ((*columns)[1].meta, 300);
  EXPECT_EQ((*columns)[2].meta, 40);
  EXPECT_EQ((*columns)[3].type, 0xf7);
  EXPECT_EQ((*columns)[3].meta, 1);
  EXPECT_EQ((*columns)[5].meta, 3);
  // A CHAR(200) of four bytes each has its length in ten bits.
  const auto wide = LoggedColumns("\xfe"sv, "\xce\x20"sv);
  ASSERT_TRUE(wide.has_value());
  EXPECT_EQ((*wide)[0].type, 0xfe);
  EXPECT_EQ((*wide)[0].meta, 800);
  EXPECT_FALSE(LoggedColumns("\x0f"sv, "\x01"sv).has_value());
  EXPECT_EQ(LoggedColumns("\x63"sv, ""sv).error().code, ErrorCode::kUnsupported);
}

TEST(RowImages, WalkOverValuesAndNulls) {
  const auto columns =
      LoggedColumns("\x03\x0f\x0f\xf6\x08"sv, "\x14\x00\x2c\x01\x0c\x02"sv).value();
  // 7, "ab", NULL, a decimal(12,2) of 6 bytes, 9; then 8 and NULLs
  const std::string bytes =
      "\x04\x07\0\0\0\x02"
      "ab\x80\0\0\0\x05\x19\x09\0\0\0\0\0\0\0"
      "\x1e\x08\0\0\0"s;
  RowImages images(columns, kAll, bytes);
  ASSERT_EQ(images.Next().value_or(false), true);
  EXPECT_EQ(LoggedText(columns[0], images.value(0).value(), false), "7");
  EXPECT_EQ(images.value(1), "ab"sv);
  EXPECT_EQ(images.value(2), std::nullopt);
  EXPECT_EQ(images.value(3).value().size(), 6U);
  EXPECT_EQ(LoggedText(columns[4], images.value(4).value(), false), "9");
  ASSERT_EQ(images.Next().value_or(false), true);
  EXPECT_EQ(LoggedText(columns[0], images.value(0).value(), false), "8");
  EXPECT_EQ(images.value(4), std::nullopt);
  EXPECT_EQ(images.Next().value_or(true), false);
}

TEST(RowImages, MayHaveSomeColumnsOnly) {
  const auto columns = LoggedColumns("\x03\x0f\x01"sv, "\x14\x00"sv).value();
  RowImages images(columns, "\x05"sv, "\x00\x07\0\0\0\xff"sv);  // without the varchar
  ASSERT_EQ(images.Next().value_or(false), true);
  EXPECT_TRUE(images.has(0));
  EXPECT_FALSE(images.has(1));
  EXPECT_EQ(LoggedText(columns[2], images.value(2).value(), false), "-1");
  EXPECT_EQ(LoggedText(columns[2], images.value(2).value(), true), "255");
}

TEST(RowImages, SayWhatIsDamaged) {
  const auto columns = LoggedColumns("\x03\x0f"sv, "\x14\x00"sv).value();
  const std::string whole =
      "\x00\x07\0\0\0\x02"
      "ab"s;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    RowImages images(columns, kAll, std::string_view(whole).substr(0, size));
    const auto next = images.Next();
    EXPECT_TRUE(!next && next.error().code == ErrorCode::kUnavailable) << size;
  }
  RowImages unknown(columns, ""sv, whole);
  EXPECT_FALSE(unknown.Next().has_value());
}

TEST(LoggedText, PrintsKeysAsTheServerDoes) {
  const auto text = [](std::uint8_t type, std::uint16_t meta, std::string_view value) {
    return LoggedText({.type = type, .meta = meta}, value, false).value_or("none");
  };
  EXPECT_EQ(text(9, 0, "\xff\xff\xff"sv), "-1");  // MEDIUMINT
  EXPECT_EQ(text(8, 0, "\0\0\0\0\0\0\0\x80"sv), "-9223372036854775808");
  EXPECT_EQ(text(10, 0, "\x76\xd5\x0f"sv), "2026-11-22");  // 2026 << 9 | 11 << 5 | 22
  // 2026-11-22 08:30:15.25: (2026 * 13 + 11) << 22 | 22 << 17 | 8 << 12 | 30 << 6 | 15
  EXPECT_EQ(text(18, 2, "\x99\xbb\x6c\x87\x8f\x19"sv), "2026-11-22 08:30:15.25");
  EXPECT_EQ(text(17, 0, "\x69\x21\x70\x58"sv), "2025-11-22 08:12:08");
  EXPECT_EQ(text(246, 0x020c, "\x80\0\0\0\x05\x19"sv), "none");  // a decimal is no key here
}

}  // namespace
}  // namespace aimass::mariadb
