#include "sources/connectors/elasticsearch/request.h"

#include <gtest/gtest.h>

namespace aimass::connectors::elasticsearch {
namespace {

Layout Orders() {
  return LayoutOf(FieldsOf(Json::parse(R"({"orders": {"mappings": {"properties": {
      "id": {"type": "long"}, "at": {"type": "date"}, "ns": {"type": "date_nanos"},
      "day": {"type": "date", "format": "yyyy/MM/dd"},
      "bad": {"type": "long", "null_value": 0}, "user": {"properties":
      {"name": {"type": "keyword"}}}}}}})"))
                      .value(),
                  false);
}

std::string Filter(const char* query, std::optional<SourceRange> range) {
  SourceRead request;
  request.query = query;
  if (request.query.empty()) request.table = "orders";
  request.range = std::move(range);
  const auto parsed = QueryOf(request);
  if (!parsed) return parsed.error().ToString();
  const auto filter = FilterOf(*parsed, request, Orders());
  return filter ? filter->dump() : filter.error().ToString();
}

SourceRange From(const char* column, TypeKind kind, std::int64_t from) {
  return {.column = column, .type = {.kind = kind}, .from = from};
}

TEST(FilterOf, IsWhatTheServerLooksFor) {
  EXPECT_EQ(Filter("", {}), R"({"match_all":{}})");
  EXPECT_EQ(Filter("", From("id", TypeKind::kInt64, 9'007'199'254'740'993)),
            R"({"bool":{"filter":[{"range":{"id":{"gte":9007199254740993}}}]}})");
  EXPECT_EQ(Filter("", From("at", TypeKind::kTimestampTz, 1'795'336'200'250'000)),
            R"({"bool":{"filter":[{"range":{"at":{"format":"strict_date_optional_time_nanos",)"
            R"("gte":"2026-11-22T08:30:00.250Z"}}}]}})");
  EXPECT_EQ(Filter("", From("ns", TypeKind::kTimestampTz, -5)),
            R"({"bool":{"filter":[{"exists":{"field":"ns"}}]}})");
  EXPECT_EQ(
      Filter(R"({"index": "orders", "query": {"term": {"user.name": "eve"}}})",
             SourceRange{
                 .column = "id", .type = {.kind = TypeKind::kInt64}, .from = {}, .nulls = true}),
      R"({"bool":{"filter":[{"term":{"user.name":"eve"}},)"
      R"({"bool":{"must_not":[{"exists":{"field":"id"}}]}}]}})");
  EXPECT_TRUE(Filter("", From("bad", TypeKind::kInt64, 1)).contains("'bad'"));
  EXPECT_TRUE(Filter("", From("none", TypeKind::kInt64, 1)).contains("no column 'none'"));
}

TEST(QueryOf, RefusesWhatIsNone) {
  for (const char* query : {"SELECT 1", "[]", "{}", R"({"index": ""})", R"({"index": 7})",
                            R"({"index": "i", "query": "x"})", R"({"index": "i", "querry": {}})"}) {
    SourceRead request;
    request.query = query;
    EXPECT_FALSE(QueryOf(request)) << query;
  }
}

TEST(QueryOf, RefusesScripts) {
  for (const char* clause :
       {R"({"script": {"script": "1 > 0"}})",
        R"({"bool": {"must": [{"script": {"script": {"source": "1"}}}]}})",
        R"({"script_score": {"query": {"match_all": {}}, "script": "1"}})",
        R"({"function_score": {"functions": [{"script_score": {"script": {"id": "x"}}}]}})",
        R"({"terms_set": {"a": {"terms": [], "minimum_should_match_script": {"source": "1"}}}})",
        R"({"intervals": {"a": {"match": {"filter": {"script": {"source": "1"}}}}}})",
        R"({"wrapper": {"query": "e30="}})"}) {
    SourceRead request;
    request.query = std::string(R"({"index": "i", "query": )") + clause + "}";
    const auto query = QueryOf(request);
    ASSERT_FALSE(query) << clause;
    EXPECT_TRUE(query.error().ToString().contains("script")) << clause;
  }
  SourceRead request;  // a field that is called so
  request.query = R"({"index": "i", "query": {"term": {"script": {"value": "x"}}}})";
  EXPECT_TRUE(QueryOf(request));
}

TEST(WantedOf, AsksForNoMore) {
  const Layout all = Orders();
  EXPECT_EQ(WantedOf(all).dump(), R"({"_source":true,"fields":[{"field":"day","format":)"
                                  R"("strict_date_optional_time_nanos"}]})");
  SourceRead request{.table = "orders", .columns = {"_id"}};
  EXPECT_EQ(WantedOf(Narrowed(all, request).value()).dump(), R"({"_source":false})");
  request.columns = {"user.name", "id"};
  EXPECT_EQ(WantedOf(Narrowed(all, request).value()).dump(),
            R"({"_source":{"includes":["id","user.name"]}})");
  request.columns = {"more_fields"};
  EXPECT_EQ(WantedOf(Narrowed(all, request).value()).dump(), R"({"_source":true})");
  request.columns = {"nothing"};
  EXPECT_EQ(Narrowed(all, request).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace aimass::connectors::elasticsearch
