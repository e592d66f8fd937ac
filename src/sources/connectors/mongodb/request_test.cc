#include "sources/connectors/mongodb/request.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace aimass::connectors::mongodb {
namespace {

constexpr Type kWhole{.kind = TypeKind::kInt64};
constexpr Type kMoment{.kind = TypeKind::kTimestampTz};

Layout SomeLayout() {
  const Type decimal{.kind = TypeKind::kDecimal, .precision = 38, .scale = 0};
  return LayoutOf(Schema{.columns = {{"_id", {.kind = TypeKind::kText}},
                                     {"_id_time", kMoment},
                                     {"n", kWhole},
                                     {"at", kMoment},
                                     {"big", decimal},
                                     {"a.b", kWhole},
                                     {"$x", kWhole},
                                     {"more_fields", {.kind = TypeKind::kText}}}});
}

std::string Filter(const std::string& column, const Type& type, std::optional<std::int64_t> from,
                   bool nulls = false) {
  const SourceRange range{.column = column, .type = type, .from = from, .nulls = nulls};
  const auto filter = FilterOf(range, SomeLayout());
  return filter ? *filter : "! " + filter.error().ToString();
}

TEST(FilterOf, LooksForTheRange) {
  EXPECT_EQ(FilterOf(std::nullopt, SomeLayout()).value(), "{}");
  EXPECT_EQ(Filter("n", kWhole, 7), R"({"n": {"$gte": {"$numberLong": "7"}}})");
  EXPECT_EQ(Filter("n", kWhole, std::nullopt), R"({"n": {"$ne": null}})");
  EXPECT_EQ(Filter("n", kWhole, std::nullopt, true), R"({"n": null})");
  EXPECT_EQ(Filter("at", kMoment, 1'500), R"({"at": {"$gte": {"$date": {"$numberLong": "2"}}}})");
  EXPECT_EQ(Filter("at", kMoment, -1'500), R"({"at": {"$gte": {"$date": {"$numberLong": "-1"}}}})");
  EXPECT_EQ(Filter("big", {.kind = TypeKind::kDecimal, .precision = 38, .scale = 0}, 7),
            R"({"big": {"$gte": {"$numberDecimal": "7"}}})");
}

TEST(FilterOf, LooksForObjectIdsByTheirTime) {
  EXPECT_EQ(Filter("_id_time", kMoment, 0x65000000 * std::int64_t{1'000'000}),
            R"({"_id": {"$gte": {"$oid": "650000000000000000000000"}}})");
  EXPECT_EQ(Filter("_id_time", kMoment, -5),
            R"({"_id": {"$gte": {"$oid": "000000000000000000000000"}}})");
  EXPECT_EQ(Filter("_id_time", kMoment, std::nullopt),
            R"({"_id": {"$gte": {"$oid": "000000000000000000000000"}}})");
  EXPECT_EQ(Filter("_id_time", kMoment, std::nullopt, true),
            R"({"$nor": [{"_id": {"$gte": {"$oid": "000000000000000000000000"}}}]})");
}

TEST(FilterOf, RefusesWhatServersCannotLookFor) {
  for (const char* column : {"a.b", "$x", "more_fields", "gone"})
    EXPECT_TRUE(Filter(column, kWhole, 1).starts_with("! ")) << column;
}

TEST(FindOptions, AskForTheFieldsOfTheColumns) {
  const Layout all = SomeLayout();
  EXPECT_EQ(FindOptions(all, 0), R"({"batchSize": 100})");
  EXPECT_EQ(FindOptions(all, 5), R"({"batchSize": 100, "limit": {"$numberLong": "5"}})");
  const auto options = [&](std::vector<std::string> columns) {
    SourceRead request{.table = "t", .columns = std::move(columns)};
    return FindOptions(Narrowed(all, request).value(), 0);
  };
  EXPECT_EQ(options({"n"}), R"({"batchSize": 100, "projection": {"n": 1, "_id": 0}})");
  EXPECT_EQ(options({"n", "_id"}), R"({"batchSize": 100, "projection": {"n": 1, "_id": 1}})");
  EXPECT_EQ(options({"_id_time"}), R"({"batchSize": 100, "projection": {"_id": 1}})");
  EXPECT_EQ(options({"n", "a.b"}), R"({"batchSize": 100})");  // would mean another field
}

TEST(ParseQuery, TakesAPipelineThatOnlyReads) {
  const auto query = ParseQuery(
      R"({"aggregate": "orders", "pipeline": [{"$match": {"b": 1, "a": 2}}, {"$sort": {"z": 1, "a": -1}}]})");
  ASSERT_TRUE(query.has_value()) << query.error().ToString();
  EXPECT_EQ(query->collection, "orders");
  EXPECT_EQ(query->pipeline, R"([{"$match":{"b":1,"a":2}},{"$sort":{"z":1,"a":-1}}])");
  EXPECT_TRUE(query->keeps_documents);
  EXPECT_EQ(query->Then(R"({"$limit": 3})"),
            R"([{"$match":{"b":1,"a":2}},{"$sort":{"z":1,"a":-1}},{"$limit": 3}])");
  const auto groups = ParseQuery(
      R"({"aggregate": "o", "pipeline": [{"$facet": {"x": [{"$group": {"_id": "$city"}}]}}]})");
  ASSERT_TRUE(groups.has_value());
  EXPECT_FALSE(groups->keeps_documents);
  EXPECT_EQ(ParseQuery(R"({"aggregate": "o", "pipeline": []})")->Then("{}"), "[{}]");
}

TEST(ParseQuery, RefusesTheRest) {
  for (
      const char* text : {
          "",
          "SELECT 1",
          "[]",
          R"({"aggregate": "o"})",
          R"({"aggregate": 1, "pipeline": []})",
          R"({"aggregate": "", "pipeline": []})",
          R"({"pipeline": []})",
          R"({"aggregate": "o", "pipeline": [], "bypassDocumentValidation": true})",
          R"({"aggregate": "o", "pipeline": [{"$out": "copy"}]})",
          R"({"aggregate": "o", "pipeline": [{"$merge": {"into": "copy"}}]})",
          R"({"aggregate": "o", "pipeline": [{"$match": {"$where": "1"}}]})",
          R"({"aggregate": "o", "pipeline": [{"$project": {"x": {"$function": {}}}}]})",
          R"({"aggregate": "o", "pipeline": [{"$sample": {"size": 5}}]})",
          R"({"aggregate": "o", "pipeline": [{"$currentOp": {}}]})",
          R"({"aggregate": "o", "pipeline": [{"$match": {}, "$limit": 1}]})",
          R"({"aggregate": "o", "pipeline": ["$match"]})",
          R"({"aggregate": "o", "pipeline": [{"$lookup": {"from": "p", "pipeline": [{"$out": "q"}], "as": "r"}}]})",
          R"({"aggregate": "o", "pipeline": [{"$unionWith": {"coll": "p", "pipeline": [{"$collStats": {}}]}}]})",
          R"({"aggregate": "o", "pipeline": [{"$facet": {"x": [{"$indexStats": {}}]}}]})",
      })
    EXPECT_FALSE(ParseQuery(text).has_value()) << text;
}

}  // namespace
}  // namespace aimass::connectors::mongodb
