#include "native/mongodb/bson.h"

#include <bson/bson.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace aimass::mongodb {
namespace {

std::string Bson(std::string_view json) { return BsonFromJson(json).value(); }

std::string DecimalBytes(const char* text) {
  bson_decimal128_t value{};
  EXPECT_TRUE(bson_decimal128_from_string(text, &value)) << text;
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), &value.low, 8);
  std::memcpy(bytes.data() + 8, &value.high, 8);
  return bytes;
}

TEST(BsonReader, ReadsEveryType) {
  const std::string document = Bson(R"({
    "double": 1.5, "text": "a\u0000b", "document": {"x": 1}, "array": [1, 2],
    "binary": {"$binary": {"base64": "AP8Q", "subType": "00"}}, "id": {"$oid": "65000000aabbccddeeff0011"},
    "yes": true, "date": {"$date": {"$numberLong": "-1"}}, "nothing": null,
    "regex": {"$regularExpression": {"pattern": "^a", "options": "i"}}, "code": {"$code": "f;"},
    "int": 7, "stamp": {"$timestamp": {"t": 3, "i": 4}}, "long": {"$numberLong": "9000000000"},
    "decimal": {"$numberDecimal": "1.50"}, "least": {"$minKey": 1}, "most": {"$maxKey": 1}
})");
  std::vector<std::string> names;
  BsonReader reader(document);
  while (reader.Next()) {
    const Element& element = reader.element();
    names.emplace_back(element.name);
    if (element.name == "double") {
      EXPECT_EQ(element.Double(), 1.5);
    }
    if (element.name == "text") {
      EXPECT_EQ(element.bytes, std::string_view("a\0b", 3));
    }
    if (element.name == "document") {
      EXPECT_EQ(Find(element.bytes, "x")->Whole(), 1);
    }
    if (element.name == "array") {
      EXPECT_EQ(Find(element.bytes, "1")->Whole(), 2);
    }
    if (element.name == "binary") {
      EXPECT_EQ(element.bytes, std::string_view("\0\xff\x10", 3));
    }
    if (element.name == "id") {
      EXPECT_EQ(ObjectIdText(element.bytes), "65000000aabbccddeeff0011");
      EXPECT_EQ(ObjectIdSeconds(element.bytes), 0x65000000);
    }
    if (element.name == "yes") {
      EXPECT_TRUE(element.Bool());
    }
    if (element.name == "date") {
      EXPECT_EQ(element.Whole(), -1);
    }
    if (element.name == "int") {
      EXPECT_EQ(element.Whole(), 7);
    }
    if (element.name == "long") {
      EXPECT_EQ(element.Whole(), 9'000'000'000);
    }
    if (element.name == "decimal") {
      EXPECT_EQ(Decimal128Text(element.bytes), "1.50");
    }
  }
  EXPECT_FALSE(reader.damaged());
  EXPECT_EQ(names.size(), 17U);
}

// Whatever is cut off or turned over is seen, and nothing outside of the bytes is read (ASan).
TEST(BsonReader, SeesDamage) {
  const std::string document = Bson(
      R"({"a": "text", "b": {"c": [1, {"d": 2.5}]}, "e": {"$binary": {"base64": "AAAA", "subType": "02"}},
              "f": {"$regularExpression": {"pattern": "x", "options": ""}}, "g": {"$code": "h", "$scope": {}}})");
  for (std::size_t length = 0; length < document.size(); ++length) {
    BsonReader reader(std::string_view(document).substr(0, length));
    while (reader.Next()) {
    }
    EXPECT_TRUE(reader.damaged()) << length;
  }
  for (std::size_t at = 0; at < document.size(); ++at) {
    for (const char byte : {'\x00', '\x7f', '\xff'}) {
      const auto copy = std::make_unique<char[]>(document.size());
      document.copy(copy.get(), document.size());
      copy[at] = byte;
      std::size_t bytes = 0;
      for (BsonReader reader({copy.get(), document.size()}); reader.Next();)
        for (const char c : reader.element().bytes) bytes += static_cast<unsigned char>(c);
      EXPECT_LT(bytes, 255 * document.size());
    }
  }
}

TEST(Decimal128, IsExact) {
  const struct {
    const char* text;
    int precision;
    int scale;
    const char* expected;  // unscaled; empty: does not fit
  } cases[] = {
      {"12.50", 38, 2, "1250"},
      {"12.5", 38, 2, "1250"},
      {"-0.01", 38, 2, "-1"},
      {"1E+3", 38, 0, "1000"},
      {"0E-6000", 38, 2, "0"},
      {"12.505", 38, 2, ""},
      {"12.500", 38, 2, "1250"},
      {"NaN", 38, 2, ""},
      {"-Infinity", 38, 2, ""},
      {"1E+37", 38, 0,
       "1"
       "0000000000000000000000000000000000000"},
      {"1E+38", 38, 0, ""},
      {"1E+6000", 38, 0, ""},
      {"1E-6000", 38, 2, ""},
      {"99.99", 4, 2, "9999"},
      {"100.00", 4, 2, ""},
      {"9999999999999999999999999999999999", 38, 4, "99999999999999999999999999999999990000"},
  };
  for (const auto& one : cases) {
    const std::string bytes = DecimalBytes(one.text);
    const auto found = Unscaled(Decimal128Of(bytes), one.precision, one.scale);
    std::string text;
    if (found) {
      Int128 value = *found < 0 ? -*found : *found;
      do text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
      while ((value /= 10) != 0);
      if (*found < 0) text.insert(text.begin(), '-');
    }
    EXPECT_EQ(text, one.expected) << one.text;
  }
}

TEST(BsonFromJson, SaysWhatIsWrong) {
  EXPECT_FALSE(BsonFromJson("{\"a\":").has_value());
  EXPECT_FALSE(BsonFromJson("").has_value());
  // Operators that Extended JSON has names like: a regex becomes a value, which servers take alike.
  const std::string document = Bson(
      R"({"a": {"$regex": "^x"}, "b": {"$type": "string"}, "c": {"$gte": {"$date": {"$numberLong": "5"}}}})");
  EXPECT_EQ(Find(document, "a")->type, BsonType::kRegex);
  EXPECT_EQ(Find(document, "b")->type, BsonType::kDocument);
  EXPECT_EQ(Find(Find(document, "c")->bytes, "$gte")->type, BsonType::kDate);
}

}  // namespace
}  // namespace aimass::mongodb
