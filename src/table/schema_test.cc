#include "table/schema.h"

#include <gtest/gtest.h>

#include <random>

#include "table/batch.h"

namespace aimass {
namespace {

TEST(TypeName, OfEveryKind) {
  const std::pair<std::string_view, Type> cases[] = {
      {"null", {.kind = TypeKind::kNull}},
      {"boolean", {.kind = TypeKind::kBool}},
      {"tinyint", {.kind = TypeKind::kInt8}},
      {"smallint", {.kind = TypeKind::kInt16}},
      {"integer", {.kind = TypeKind::kInt32}},
      {"bigint", {.kind = TypeKind::kInt64}},
      {"utinyint", {.kind = TypeKind::kUInt8}},
      {"usmallint", {.kind = TypeKind::kUInt16}},
      {"uinteger", {.kind = TypeKind::kUInt32}},
      {"ubigint", {.kind = TypeKind::kUInt64}},
      {"float", {.kind = TypeKind::kFloat32}},
      {"double", {.kind = TypeKind::kFloat64}},
      {"decimal(18,2)", {.kind = TypeKind::kDecimal, .precision = 18, .scale = 2}},
      {"text", {.kind = TypeKind::kText}},
      {"binary", {.kind = TypeKind::kBinary}},
      {"date", {.kind = TypeKind::kDate}},
      {"time", {.kind = TypeKind::kTime}},
      {"timestamp", {.kind = TypeKind::kTimestamp}},
      {"timestamp with time zone", {.kind = TypeKind::kTimestampTz}},
      {"list(text)",
       {.kind = TypeKind::kList,
        .children = {{.name = "item", .type = {.kind = TypeKind::kText}}}}},
      {"map(text, bigint)",
       {.kind = TypeKind::kMap,
        .children = {{.name = "key", .type = {.kind = TypeKind::kText}, .nullable = false},
                     {.name = "value", .type = {.kind = TypeKind::kInt64}}}}},
      {"struct(\"a \"\"b\"\"\" date, \"名, (\" list(double))",
       {.kind = TypeKind::kStruct,
        .children = {{.name = "a \"b\"", .type = {.kind = TypeKind::kDate}},
                     {.name = "名, (",
                      .type = {.kind = TypeKind::kList,
                               .children = {{.name = "item",
                                             .type = {.kind = TypeKind::kFloat64}}}}}}}},
  };
  for (const auto& [name, type] : cases) {
    EXPECT_EQ(TypeName(type), name);
    const auto back = TypeFromName(name);
    ASSERT_TRUE(back) << name;
    EXPECT_EQ(*back, type) << name;
  }
}

TEST(TypeFromName, RefusesOtherTexts) {
  for (const std::string_view name :
       {"", "money", "INTEGER", "integer x", "decimal", "decimal(0,0)", "decimal(39,2)",
        "decimal(5,6)", "decimal(5,2", "list()", "list(int)", "map(text)", "struct()",
        "struct(a text)", "struct(\"a\" text,)", "struct(\"a text)", "timestamp with",
        "list(text))"}) {
    const auto type = TypeFromName(name);
    ASSERT_FALSE(type) << name;
    EXPECT_EQ(type.error().code, ErrorCode::kInvalidArgument);
  }
  std::string deep(100, ' ');
  for (int i = 0; i < 100; ++i) deep = "list(" + deep;
  EXPECT_FALSE(TypeFromName(deep));
}

class RandomTypes {
 public:
  Type Next(int depth = 0) {
    const int kinds = depth < 3 ? 22 : 19;
    Type type{.kind = static_cast<TypeKind>(Pick(kinds))};
    switch (type.kind) {
      case TypeKind::kDecimal:
        type.precision = 1 + Pick(38);
        type.scale = Pick(type.precision + 1);
        break;
      case TypeKind::kList:
        type.children = {{.name = "item", .type = Next(depth + 1)}};
        break;
      case TypeKind::kMap:
        type.children = {{.name = "key", .type = Next(depth + 1), .nullable = false},
                         {.name = "value", .type = Next(depth + 1)}};
        break;
      case TypeKind::kStruct:
        for (int i = Pick(4); i >= 0; --i)
          type.children.push_back({.name = Name(), .type = Next(depth + 1)});
        break;
      default:
        break;
    }
    return type;
  }

  std::string Name() {
    static constexpr std::string_view kParts[] = {"a", "\"", "名", ",", "(", ")", " ", "'", "x\"y"};
    std::string name = "n";
    for (int i = Pick(6); i > 0; --i) name += kParts[Pick(9)];
    return name;
  }

  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

 private:
  std::mt19937 random_{20261122};
};

TEST(Types, SurviveNamesAndArrow) {
  RandomTypes random;
  for (int round = 0; round < 2000; ++round) {
    Schema schema;
    for (int i = random.Pick(4); i >= 0; --i) {
      schema.columns.push_back(
          {.name = random.Name(), .type = random.Next(), .nullable = random.Pick(2) == 0});
      const Type& type = schema.columns.back().type;
      const auto back = TypeFromName(TypeName(type));
      ASSERT_TRUE(back) << TypeName(type);
      ASSERT_EQ(*back, type) << TypeName(type);
    }
    ArrowSchema arrow{};
    SchemaToArrow(schema, &arrow);
    const auto back = SchemaFromArrow(arrow);
    arrow.release(&arrow);
    ASSERT_TRUE(back) << back.error().ToString();
    ASSERT_EQ(*back, schema);
  }
}

TEST(SchemaFromArrow, NamesWhatItCannotUse) {
  const Schema schema{{{.name = "n", .type = {.kind = TypeKind::kInt64}}}};
  for (const char* format : {"U", "tsn:", "tsm:", "tss:UTC", "+L", "+w:3", "e", "tin", "vu",
                             "d:9,2,256", "w:16", "", "d:x"}) {
    ArrowSchema arrow{};
    SchemaToArrow(schema, &arrow);
    arrow.children[0]->format = format;
    const auto back = SchemaFromArrow(arrow);
    ASSERT_FALSE(back) << format;
    EXPECT_EQ(back.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(
        back.error().ToString().find(fmt::format("column 'n' has the Arrow type '{}'", format)),
        std::string::npos);
    arrow.release(&arrow);
  }
}

TEST(Schema, FindsByExactName) {
  const Schema schema{{{.name = "a"}, {.name = "A"}, {.name = "名"}}};
  EXPECT_EQ(schema.Find("A"), 1U);
  EXPECT_EQ(schema.Find("名"), 2U);
  EXPECT_EQ(schema.Find("b"), std::nullopt);
  EXPECT_TRUE(IsNumeric({.kind = TypeKind::kDecimal}));
  EXPECT_TRUE(IsNumeric({.kind = TypeKind::kInt8}));
  EXPECT_FALSE(IsNumeric({.kind = TypeKind::kBool}));
  EXPECT_FALSE(IsNumeric({.kind = TypeKind::kText}));
  EXPECT_TRUE(IsTemporal({.kind = TypeKind::kTimestampTz}));
  EXPECT_FALSE(IsTemporal({.kind = TypeKind::kTime}));
}

}  // namespace
}  // namespace aimass
