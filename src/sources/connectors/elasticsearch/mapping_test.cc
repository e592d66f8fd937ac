#include "sources/connectors/elasticsearch/mapping.h"

#include <gtest/gtest.h>

namespace aimass::connectors::elasticsearch {
namespace {

Json Mapping(const char* properties) {
  return {{"i", {{"mappings", {{"properties", Json::parse(properties)}}}}}};
}

// "path:type" of each field; "!" where the server may not add it up.
std::string Shown(const MappedFields& fields) {
  std::string text;
  for (const auto& [path, field] : fields.by_path) {
    text += (text.empty() ? "" : " ") + path + ":" +
            (field.form == Form::kJson ? "json" : TypeName(field.type)) + (field.exact ? "" : "!");
  }
  return text;
}

TEST(FieldsOf, MapsEveryType) {
  EXPECT_EQ(Shown(FieldsOf(Mapping(R"({
      "a": {"type": "byte"}, "b": {"type": "short"}, "c": {"type": "integer"},
      "d": {"type": "long"}, "e": {"type": "unsigned_long"}, "f": {"type": "half_float"},
      "g": {"type": "scaled_float", "scaling_factor": 100}, "h": {"type": "boolean"},
      "i": {"type": "date"}, "j": {"type": "date_nanos"}, "k": {"type": "keyword"},
      "l": {"type": "text", "fields": {"raw": {"type": "keyword"}}}, "m": {"type": "binary"},
      "n": {"type": "geo_point"}, "o": {"type": "nested", "properties": {"x": {"type": "long"}}},
      "p": {"type": "flattened"}, "q": {"type": "alias", "path": "a"}, "r": {"type": "ip"}})"))
                      .value()),
            "a:tinyint b:smallint c:integer d:bigint e:decimal(20,0) f:double g:double h:boolean "
            "i:timestamp with time zone j:timestamp with time zone k:text l:text m:binary n:json! "
            "o:json! p:json! r:text");
}

TEST(FieldsOf, FlattensObjects) {
  const MappedFields fields =
      FieldsOf(Mapping(R"({"user": {"properties": {"name": {"type": "keyword"},
          "home": {"type": "object", "properties": {"city": {"type": "keyword"}}},
          "raw": {"type": "object", "enabled": false}}}, "empty": {"type": "object"}})"))
          .value();
  EXPECT_EQ(Shown(fields), "user.home.city:text user.name:text user.raw:json!");
  EXPECT_EQ(fields.objects, (std::set<std::string, std::less<>>{"empty", "user", "user.home"}));
}

TEST(FieldsOf, KnowsWhatTheIndexHoldsOtherwise) {
  EXPECT_EQ(Shown(FieldsOf(Mapping(R"({
      "a": {"type": "long", "null_value": -1}, "b": {"type": "long", "copy_to": ["c"]},
      "c": {"type": "long"}, "d": {"type": "long", "doc_values": false},
      "e": {"type": "long", "script": {"source": "emit(1);"}
}
})"))
                      .value()),
            "a:bigint! b:bigint c:bigint! d:bigint!");
}

TEST(FieldsOf, ReadsFormatsOrLeavesThemToTheServer) {
  const MappedFields fields = FieldsOf(Mapping(R"({
      "a": {"type": "date"}, "b": {"type": "date", "format": "epoch_second"},
      "c": {"type": "date", "format": "yyyy/MM/dd||epoch_millis"}})"))
                                  .value();
  EXPECT_EQ(fields.by_path.at("a").dates,
            (std::vector<DateForm>{DateForm::kIso, DateForm::kMillis}));
  EXPECT_EQ(fields.by_path.at("b").dates, std::vector<DateForm>{DateForm::kSeconds});
  EXPECT_TRUE(fields.by_path.at("c").dates.empty());
}

TEST(FieldsOf, UnitesIndices) {
  Json mappings = Mapping(R"({"a": {"type": "integer"}, "b": {"type": "long"},
      "c": {"type": "keyword"}, "d": {"type": "keyword"}, "e": {"type": "geo_point"},
      "f": {"type": "date"}})");
  mappings["j"] = Mapping(R"({"a": {"type": "long"}, "b": {"type": "keyword"},
      "c": {"type": "text"}, "d": {"properties": {"x": {"type": "long"}}}, "e": {"type": "text"},
      "f": {"type": "date", "format": "epoch_second"}, "g": {"type": "boolean"}})")["i"];
  const MappedFields fields = FieldsOf(mappings).value();
  EXPECT_EQ(Shown(fields),
            "a:bigint b:text! c:text d:json! e:json! f:timestamp with time zone g:boolean");
  EXPECT_TRUE(fields.by_path.at("f").dates.empty());
  EXPECT_EQ(fields.by_path.at("b").native_type, "long | keyword");
}

TEST(FieldsOf, LeavesOutWhatDocumentsDoNotKeep) {
  Json mappings = Mapping(R"({"a": {"type": "long"}, "secret": {"properties":
      {"x": {"type": "long"}}}, "big_1": {"type": "text"}})");
  mappings["i"]["mappings"]["_source"] = {{"excludes", {"secret", "big_*"}}};
  EXPECT_EQ(Shown(FieldsOf(mappings).value()), "a:bigint");
  mappings["i"]["mappings"]["_source"] = {{"includes", {"secret.*"}}};
  EXPECT_EQ(Shown(FieldsOf(mappings).value()), "secret.x:bigint");
  mappings["i"]["mappings"]["_source"] = {{"enabled", false}};
  EXPECT_EQ(FieldsOf(mappings).error().code, ErrorCode::kUnprocessable);
}

TEST(MarkLists, MakesJson) {
  MappedFields fields = FieldsOf(Mapping(R"({"tags": {"type": "keyword"}, "n": {"type": "long"},
      "items": {"properties": {"sku": {"type": "keyword"}, "more": {"properties":
      {"x": {"type": "long"}}}}}})"))
                            .value();
  MarkLists(fields, {"items", "items.more", "items.sku", "tags"});
  EXPECT_EQ(Shown(fields), "items:json! n:bigint tags:json!");
  EXPECT_TRUE(fields.objects.empty());
  EXPECT_EQ(fields.by_path.at("items").native_type, "object[]");
  EXPECT_EQ(fields.by_path.at("tags").native_type, "keyword[]");
}

}  // namespace
}  // namespace aimass::connectors::elasticsearch
