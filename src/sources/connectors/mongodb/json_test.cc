#include "sources/connectors/mongodb/json.h"

#include <gtest/gtest.h>

#include <string>

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonFromJson;
using aimass::mongodb::Find;

// The value of "v" in `json`, as JSON and as a text.
std::pair<std::string, std::string> Written(std::string_view json) {
  const std::string document = BsonFromJson(json).value();
  const auto element = Find(document, "v");
  std::pair<std::string, std::string> written;
  EXPECT_EQ(AppendJson(written.first, *element), Flaw::kNone) << json;
  EXPECT_EQ(AppendText(written.second, *element), Flaw::kNone) << json;
  return written;
}

TEST(AppendJson, IsRelaxedExtendedJson) {
  const struct {
    const char* canonical;
    const char* json;
    const char* text;  // empty: as JSON
  } cases[] = {
      {R"({"v": 7})", "7", ""},
      {R"({"v": {"$numberLong": "-9223372036854775808"}})", "-9223372036854775808", ""},
      {R"({"v": 2.0})", "2.0", ""},
      {R"({"v": 1e300})", "1e+300", ""},
      {R"({"v": {"$numberDouble": "NaN"}})", R"({"$numberDouble":"NaN"})", "NaN"},
      {R"({"v": {"$numberDouble": "-Infinity"}})", R"({"$numberDouble":"-Infinity"})", "-Infinity"},
      {R"({"v": true})", "true", ""},
      {R"({"v": "say \"你好\""})", R"("say \"你好\"")", R"(say "你好")"},
      {R"({"v": {"$oid": "65000000aabbccddeeff0011"}})", R"({"$oid":"65000000aabbccddeeff0011"})",
       "65000000aabbccddeeff0011"},
      {R"({"v": {"$numberDecimal": "1.50"}})", R"({"$numberDecimal":"1.50"})", "1.50"},
      {R"({"v": {"$date": {"$numberLong": "1500"}}})", R"({"$date":"1970-01-01T00:00:01.500Z"})",
       "1970-01-01T00:00:01.500Z"},
      {R"({"v": {"$date": {"$numberLong": "-1"}}})", R"({"$date":{"$numberLong":"-1"}})",
       "1969-12-31T23:59:59.999Z"},
      {R"({"v": {"$binary": {"base64": "AP8Q", "subType": "00"}}})",
       R"({"$binary":{"base64":"AP8Q","subType":"00"}})", "AP8Q"},
      {R"({"v": {"$binary": {"base64": "ESIzRFVmd4iZqrvM3e7/AA==", "subType": "04"}}})",
       R"({"$binary":{"base64":"ESIzRFVmd4iZqrvM3e7/AA==","subType":"04"}})",
       "11223344-5566-7788-99aa-bbccddeeff00"},
      {R"({"v": {"$regularExpression": {"pattern": "^a\"", "options": "im"}}})",
       R"({"$regularExpression":{"pattern":"^a\"","options":"im"}})", ""},
      {R"({"v": {"$timestamp": {"t": 4294967295, "i": 2}}})",
       R"({"$timestamp":{"t":4294967295,"i":2}})", ""},
      {R"({"v": {"$code": "f;"}})", R"({"$code":"f;"})", ""},
      {
          R"({"v": {"$code": "f;", "$scope" : {"x" : 1}
}
})",
          R"({"$code":"f;","$scope":{"x":1}})", ""},
      {R"({"v": {"$minKey": 1}})", R"({"$minKey":1})", ""},
      {R"({"v": {"$maxKey": 1}})", R"({"$maxKey":1})", ""},
      {R"({"v": {"b": 1, "a": [1, null, {"": []}]}})", R"({"b":1,"a":[1,null,{"":[]}]})", ""},
  };
  for (const auto& one : cases) {
    const auto [json, text] = Written(one.canonical);
    EXPECT_EQ(json, one.json);
    EXPECT_EQ(text, *one.text == '\0' ? one.json : one.text);
  }
}

std::string Nested(int depth) {
  std::string document = BsonFromJson("{}").value();
  for (int i = 0; i < depth; ++i) {
    const auto length = static_cast<std::uint32_t>(document.size() + 4 + 3 + 1);
    std::string outer(reinterpret_cast<const char*>(&length), 4);
    outer += std::string(
                 "\x03"
                 "v\0",
                 3) +
             document + '\0';
    document = outer;
  }
  return document;
}

TEST(AppendJson, SaysWhyThereIsNone) {
  std::string out;
  std::string text = BsonFromJson(R"({"v": "xx"})").value();
  text[text.size() - 3] = '\xff';
  EXPECT_EQ(AppendJson(out, *Find(text, "v")), Flaw::kNotUtf8);
  EXPECT_EQ(AppendText(out, *Find(text, "v")), Flaw::kNotUtf8);
  EXPECT_EQ(ShownDocument(text), "{\"v\":\"x\xEF\xBF\xBD\"}");
  EXPECT_EQ(AppendJson(out, *Find(Nested(150), "v")), Flaw::kNone);
  const std::string deep = Nested(5'000);
  EXPECT_EQ(AppendJson(out, *Find(deep, "v")), Flaw::kTooDeep);
  EXPECT_LT(ShownDocument(deep).size(), 2000U);
}

}  // namespace
}  // namespace aimass::connectors::mongodb
