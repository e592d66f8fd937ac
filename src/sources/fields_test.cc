#include "sources/fields.h"

#include <gtest/gtest.h>

#include <array>

namespace aimass {
namespace {

constexpr std::array<std::string_view, 1> kOwn = {"key"};

TEST(ColumnOfField, IsTheFieldUnlessThatIsTaken) {
  EXPECT_EQ(ColumnOfField("name", kOwn), "name");
  EXPECT_EQ(ColumnOfField("姓名", kOwn), "姓名");
  EXPECT_EQ(ColumnOfField("a.b $c", kOwn), "a.b $c");
  EXPECT_EQ(ColumnOfField("key", kOwn), "key_2");
  EXPECT_EQ(ColumnOfField("KEY", kOwn), "KEY_2");
  EXPECT_EQ(ColumnOfField("more_fields", kOwn), "more_fields_2");
  for (const std::string& field :
       {std::string(), std::string("a\nb"), std::string("\xff"), std::string(201, 'x')})
    EXPECT_EQ(ColumnOfField(field, kOwn), "") << field;
}

TEST(FieldOfColumn, IsTheInverse) {
  for (const std::string_view field : {"name", "key", "KEY", "more_fields", "key_2", "name_2"}) {
    const std::string column = ColumnOfField(field, kOwn);
    // A field that is called like a renamed one cannot be told from it.
    EXPECT_EQ(FieldOfColumn(column, kOwn), field == "key_2" ? "key" : field);
  }
}

}  // namespace
}  // namespace aimass
