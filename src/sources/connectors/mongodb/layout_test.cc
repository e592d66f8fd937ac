#include "sources/connectors/mongodb/layout.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "sources/connectors/mongodb/decode.h"
#include "table/json_rows.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonFromJson;
using aimass::mongodb::Element;
using aimass::mongodb::Find;

Layout LayoutOfAll(std::initializer_list<std::string_view> documents, bool has_id = false) {
  Sample sample;
  for (const std::string_view json : documents) {
    const std::string document = BsonFromJson(json).value();
    EXPECT_TRUE(sample.Add(document).has_value());
  }
  return LayoutOf(sample, has_id);
}

std::string Names(const Layout& layout) {
  std::string names;
  for (const LayoutColumn& column : layout.columns)
    names += (names.empty() ? "" : " ") + column.info.name;
  return names;
}

// The type of the field "v" that is like these.
std::string TypeOf(std::initializer_list<std::string_view> values) {
  Sample sample;
  for (const std::string_view value : values) {
    const std::string document = BsonFromJson("{\"v\": " + std::string(value) + "}").value();
    EXPECT_TRUE(sample.Add(document).has_value());
  }
  return TypeName(LayoutOf(sample, false).columns.front().info.type);
}

TEST(LayoutOf, FindsTheTypeThatHoldsAll) {
  EXPECT_EQ(TypeOf({"1", R"({"$numberLong": "9223372036854775807"})", "null"}), "bigint");
  EXPECT_EQ(TypeOf({"1", "2.5"}), "double");
  EXPECT_EQ(TypeOf({"2.5", R"({"$numberLong": "9007199254740993"})"}), "text");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "12.50"})", "7"}), "decimal(38,2)");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "1E+3"})"}), "decimal(38,0)");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "0E-6000"})"}), "decimal(38,0)");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "NaN"})"}), "text");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "1E+30"})", R"({"$numberDecimal": "1E-10"})"}), "text");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "1.5"})", "1.5"}), "text");
  EXPECT_EQ(TypeOf({"true", "null"}), "boolean");
  EXPECT_EQ(TypeOf({R"({"$date": {"$numberLong": "-1"}})"}), "timestamp with time zone");
  EXPECT_EQ(TypeOf({R"({"$date": {"$numberLong": "253402300800000"}})"}), "text");  // year 10000
  EXPECT_EQ(TypeOf({R"({"$binary": {"base64": "AA==", "subType": "00"}})"}), "binary");
  EXPECT_EQ(TypeOf({R"({"$binary": {"base64": "ESIzRFVmd4iZqrvM3e7/AA==", "subType": "04"}})"}),
            "text");
  for (const std::string_view text :
       {"\"x\"", "{\"a\": 1}", "[1]", "null", R"({"$oid": "65000000aabbccddeeff0011"})"})
    EXPECT_EQ(TypeOf({text}), "text") << text;
  EXPECT_EQ(TypeOf({"1", "\"1\""}), "text");
}

TEST(LayoutOf, HasAColumnForEachField) {
  EXPECT_EQ(Names(LayoutOfAll({R"({"_id": {"$oid": "65000000aabbccddeeff0011"}, "b": 1})",
                               R"({"_id": {"$oid": "65000000aabbccddeeff0012"}, "a": 1, "b": 2})"},
                              true)),
            "_id _id_time b a more_fields");
  // Names that are the same but for their case, or like a column that is there anyway.
  EXPECT_EQ(Names(LayoutOfAll(
                {R"({"_id": 1, "Name": 1, "name": 2, "_id_time": 3, "": 4, "more_fields": 5})"})),
            "_id Name _id_time_2 more_fields_2 more_fields");
  EXPECT_EQ(Names(LayoutOfAll({}, true)), "_id more_fields");
  EXPECT_EQ(LayoutOfAll({R"({"v": 1})", R"({"v": null})", R"({"v": "x"})"}).columns[0].native_type,
            "string, null, int");
}

TEST(LayoutOf, TakesTheColumnsOfADataset) {
  const Layout first = LayoutOfAll(
      {R"({"_id": {"$oid": "65000000aabbccddeeff0011"}, "_id_time": 1, "a.b": 1.5})"}, true);
  const Layout again = LayoutOf(*first.MakeSchema());
  ASSERT_EQ(Names(again), Names(first));
  for (std::size_t i = 0; i < first.columns.size(); ++i) {
    EXPECT_EQ(again.columns[i].role, first.columns[i].role);
    if (first.columns[i].role == Role::kField) {
      EXPECT_EQ(again.columns[i].field, first.columns[i].field);
    }
  }
}

// What Decode() makes of a value of this type: "=" before a value, "!" before the reason.
std::string Decoded(std::string_view json, const char* type) {
  const std::string document = BsonFromJson("{\"v\": " + std::string(json) + "}").value();
  std::string made;
  const auto value = Decode(*Find(document, "v"), {"c", TypeFromName(type).value()}, made);
  if (!value) return "! " + Render(value.error(), Language::kEnglish);
  switch (value->kind) {
    case Value::Kind::kNull:
      return "= NULL";
    case Value::Kind::kDouble:
      return fmt::format("= {}", value->number);
    case Value::Kind::kText:
      return "= " + std::string(value->text);
    case Value::Kind::kDecimal:
      return fmt::format("= {}", static_cast<std::int64_t>(value->decimal));
    case Value::Kind::kTime:
      return "= " + TimestampText(value->integer);
    default:
      return fmt::format("= {}", value->integer);
  }
}

TEST(Decode, KeepsValuesExactlyOrSaysWhyNot) {
  const struct {
    const char* json;
    const char* type;
    const char* expected;  // its beginning
  } cases[] = {
      {"7", "bigint", "= 7"},
      {"7.0", "bigint", "= 7"},
      {R"({"$numberDecimal": "7.0"})", "bigint", "= 7"},
      {"7.5", "bigint", "! column 'c': '7.5' is no bigint"},
      {"\"7\"", "bigint", "! column 'c': '\"7\"' is no bigint"},
      {R"({"$numberDouble": "NaN"})", "bigint", "! "},
      {R"({"$numberDouble": "9223372036854775808"})", "bigint", "! "},
      {"7", "double", "= 7"},
      {R"({"$numberLong": "9007199254740993"})", "double", "! "},
      {R"({"$numberDecimal": "0.1"})", "double", "! "},
      {R"({"$numberDecimal": "1.50"})", "decimal(38,2)", "= 150"},
      {R"({"$numberDecimal": "1.505"})", "decimal(38,2)", "! "},
      {"2", "decimal(38,2)", "= 200"},
      {"2.5", "decimal(38,2)", "! "},
      {"true", "boolean", "= 1"},
      {"1", "boolean", "! "},
      {R"({"$date": {"$numberLong": "-1"}})", "timestamp with time zone",
       "= 1969-12-31T23:59:59.999"},
      {R"({"$date": {"$numberLong": "253402300800000"}})", "timestamp with time zone", "! "},
      {"null", "bigint", "= NULL"},
      {R"({"$undefined": true})", "bigint", "= NULL"},
      {"{\"a\": [1]}", "text", "= {\"a\":[1]}"},
      {"1.0", "text", "= 1.0"},
      {"{}", "binary", "! "},
  };
  for (const auto& one : cases)
    EXPECT_TRUE(Decoded(one.json, one.type).starts_with(one.expected))
        << one.json << " as " << one.type << ": " << Decoded(one.json, one.type);
}

}  // namespace
}  // namespace aimass::connectors::mongodb
