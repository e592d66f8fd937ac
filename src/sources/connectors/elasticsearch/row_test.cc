#include "sources/connectors/elasticsearch/row.h"

#include <gtest/gtest.h>

#include "table/json_rows.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr const char* kMapping = R"({"i": {"mappings": {"properties": {
    "big": {"type": "long"}, "small": {"type": "byte"}, "u": {"type": "unsigned_long"},
    "d": {"type": "double"}, "flag": {"type": "boolean"}, "name": {"type": "keyword"},
    "at": {"type": "date"}, "day": {"type": "date", "format": "yyyy/MM/dd"},
    "raw": {"type": "binary"}, "place": {"type": "geo_point"},
    "user": {"properties": {"name": {"type": "text"}, "age": {"type": "integer"}}},
    "more_fields": {"type": "keyword"}}}}})";

class RowTest : public testing::Test {
 protected:
  // "name=value" of what is not empty; or why it is no row.
  std::string Read(const std::string& source, const std::string& more = "") {
    json_ =
        R"({"_index":"i","_id":"7","_score":null,"_source":)" + source + more + R"(,"sort":[42]})";
    json_.reserve(json_.size() + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document;
    simdjson::ondemand::object hit;
    if (parser_.iterate(json_).get(document) || document.get_object().get(hit)) return "no JSON";
    row_.Start();
    if (const auto error = row_.Read(hit)) return simdjson::error_message(error);
    EXPECT_EQ(row_.sort(), "[42]");
    EXPECT_EQ(row_.id(), "7");
    EXPECT_EQ(row_.document(), source);
    if (row_.spoiled()) return Render(*row_.spoiled(), Language::kEnglish);
    BatchBuilder builder(layout_.MakeSchema());
    for (std::size_t i = 0; i < row_.values().size(); ++i) Append(builder, i, row_.values()[i]);
    const Batch batch = builder.Finish().value();
    std::string text;
    for (std::size_t i = 1; i < batch.schema().columns.size(); ++i) {
      if (batch.column(i).IsNull(0)) continue;
      text += (text.empty() ? "" : " ") + batch.schema().columns[i].name + "=";
      AppendJsonValue(text, batch.column(i), 0);
    }
    return text;
  }

  Layout layout_ = LayoutOf(FieldsOf(Json::parse(kMapping)).value(), false);
  Row row_{layout_};
  simdjson::ondemand::parser parser_;
  std::string json_;
};

TEST_F(RowTest, ReadsWhatServersTake) {
  EXPECT_EQ(Read("{}"), "");
  EXPECT_EQ(Read(R"({"big": -9223372036854775808, "small": "12", "u": 18446744073709551615,
                     "d": 1e-300, "flag": "true", "name": "客 \"😀\"", "raw": "AP8Q"})"),
            R"(big="-9223372036854775808" d=1e-300 flag=true name="客 \"😀\"" raw="AP8Q" small=12 )"
            R"(u="18446744073709551615")");
  EXPECT_EQ(Read(R"({"big": 3.0, "d": 2, "flag": "", "name": 12.50, "user": null})"),
            R"(big=3 d=2 flag=false name="12.50")");
  EXPECT_EQ(Read(R"({"name": true, "big": "", "at": 1795336200250})"),
            R"(at="2026-11-22T08:30:00.250Z" name="true")");
}

TEST_F(RowTest, FindsMembersByTheirPath) {
  const char* expected = R"(user.age=7 user.name="eve")";
  EXPECT_EQ(Read(R"({"user": {"name": "eve", "age": 7}})"), expected);
  EXPECT_EQ(Read(R"({"user.name": "eve", "user.age": 7})"), expected);
  EXPECT_EQ(Read(R"({"user": [{"name": ["eve"], "age": [null, 7]}]})"), expected);
}

TEST_F(RowTest, KeepsWhatHasNoColumn) {
  EXPECT_EQ(Read(R"({"x": {"y": [1, 2]}, "user": {"tel": "1"}, "z": null, "name": "n",
                     "more_fields": "m"})"),
            R"(more_fields_2="m" name="n" )"
            R"(more_fields="{\"x\":{\"y\": [1, 2]},\"user.tel\":\"1\"}")");
  EXPECT_EQ(Read(R"({"place": {"lat": 1.50, "lon": 2}})"),
            R"(place="{\"lat\": 1.50, \"lon\": 2}")");
  EXPECT_EQ(Read(R"({"x": 123456789012345678901234567890})"),
            R"(more_fields="{\"x\":123456789012345678901234567890}")");
}

TEST_F(RowTest, SaysWhatIsNone) {
  EXPECT_EQ(Read(R"({"big": 9223372036854775808})"),
            "column 'big': '9223372036854775808' is no bigint");
  EXPECT_EQ(Read(R"({"small": 128})"), "column 'small': '128' is no tinyint");
  EXPECT_EQ(Read(R"({"big": 1.5, "name": "n"})"), "column 'big': '1.5' is no bigint");
  EXPECT_EQ(Read(R"({"u": -1})"), "column 'u': '-1' is no decimal(20,0)");
  EXPECT_EQ(Read(R"({"d": "x"})"), "column 'd': '\"x\"' is no double");
  EXPECT_EQ(Read(R"({"flag": 1})"), "column 'flag': '1' is no boolean");
  EXPECT_EQ(Read(R"({"name": {"a": 1}})"), "column 'name': '{…}' is no text");
  EXPECT_EQ(Read(R"({"raw": "*"})"), "column 'raw': '\"*\"' is no binary");
  EXPECT_EQ(Read(R"({"at": "soon"})"), "column 'at': '\"soon\"' is no timestamp with time zone");
  EXPECT_TRUE(row_.lists().empty());
}

TEST_F(RowTest, TakesNoListForAValue) {
  EXPECT_EQ(Read(R"({"name": ["a"], "big": [[7], []], "at": []})"), R"(big=7 name="a")");
  EXPECT_EQ(Read(R"({"name": ["a", "b"]})"), "column 'name' is a list of several values here");
  EXPECT_EQ(Read(R"({"user": [{"name": "a"}, {"age": 1}]})"),
            "'user' is a list of several objects");
  EXPECT_EQ(Read(R"({"user": {"age": 1}, "user.age": 2})"),
            "column 'user.age' is a list of several values here");
  EXPECT_EQ(row_.lists(), (std::set<std::string>{"name", "user", "user.age"}));
}

TEST_F(RowTest, TakesTheServersWordForItsDates) {
  const std::string day = R"({"day": "2026/11/22"})";
  EXPECT_EQ(Read(day, R"(,"fields":{"day":["2026-11-22T00:00:00.000Z"]})"),
            R"(day="2026-11-22T00:00:00Z")");
  EXPECT_EQ(Read(day), "column 'day': the server cannot read its date");
  EXPECT_EQ(Read(day, R"(,"fields":{"day":["2026-11-22","2026-11-23"]})"),
            "column 'day' is a list of several values here");
}

TEST_F(RowTest, EndsWhereTheAnswerIsNone) {
  EXPECT_EQ(Read(R"({"name": "\ud800"})"), R"(column 'name': '"\ud800"' is no text)");
  EXPECT_NE(Read(R"({"user": [1})"), "");
}

}  // namespace
}  // namespace aimass::connectors::elasticsearch
