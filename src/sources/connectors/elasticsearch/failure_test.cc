#include "sources/connectors/elasticsearch/failure.h"

#include <gtest/gtest.h>

namespace aimass::connectors::elasticsearch {
namespace {

struct Case {
  int status;
  std::string_view body;
  ErrorCode code;
  std::string_view words;
  std::string_view hint;
};

TEST(FailureOf, SaysWhatTheServerMeans) {
  const Case cases[] = {
      {401, "is no JSON", ErrorCode::kUnauthenticated, "does not let 'me' in",
       "check user and password"},
      {401,
       R"({"error":{"root_cause":[{"type":"security_exception","reason":"unable to authenticate"}],
          "type":"security_exception","reason":"x"},"status":401})",
       ErrorCode::kUnauthenticated, "does not let 'me' in: unable to authenticate", "api_key"},
      {403, R"({"error":{"type":"security_exception","reason":"action is unauthorized"}})",
       ErrorCode::kPermissionDenied, "action is unauthorized",
       R"("indices":[{"names":["orders"],"privileges":["read","view_index_metadata"]}])"},
      {404,
       R"({"error":{"root_cause":[],"type":"search_phase_execution_exception","reason":"all shards failed",
          "failed_shards":[{"shard":0,"reason":{"type":"search_context_missing_exception",
          "reason":"No search context found for id [7]"}}]},"status":404})",
       ErrorCode::kUnavailable, "No search context found for id [7]", "a node was restarted"},
      {404, R"({"error":{"type":"index_not_found_exception","reason":"no such index [x]"}})",
       ErrorCode::kNotFound, "no such index [x]", ""},
      {429, R"({"error":{"type":"circuit_breaking_exception","reason":"Data too large"}})",
       ErrorCode::kResourceExhausted, "Data too large", ""},
      {429, R"({"error":{"type":"es_rejected_execution_exception","reason":"queue"}})",
       ErrorCode::kUnavailable, "not ready: queue", ""},
      {503, "<html>no upstream</html>", ErrorCode::kUnavailable, "<html>no upstream", ""},
      {502, "", ErrorCode::kUnavailable, "HTTP 502", ""},
      {400, R"({"error":{"root_cause":[{"type":"parsing_exception","reason":"unknown query [x]"}],
          "type":"parsing_exception","reason":"unknown query [x]"},"status":400})",
       ErrorCode::kUnprocessable, "the database says: unknown query [x]", ""},
      {400, R"({"error":"no handler found for uri [/_pit]"})", ErrorCode::kUnprocessable,
       "no handler found", ""},
      {500, "[1, 2", ErrorCode::kUnprocessable, "[1, 2", ""},
  };
  for (const Case& one : cases) {
    const Error error = FailureOf(one.status, one.body, {.user = "me", .table = "orders"}).error();
    EXPECT_EQ(error.code, one.code) << one.body;
    EXPECT_TRUE(Render(error.message, Language::kEnglish).contains(one.words))
        << Render(error.message, Language::kEnglish);
    EXPECT_TRUE(Render(error.hint, Language::kEnglish).contains(one.hint))
        << Render(error.hint, Language::kEnglish);
  }
  EXPECT_TRUE(
      Render(FailureOf(401, "", {.user = {}, .table = {}}).error().message, Language::kEnglish)
          .contains("asks for a password"));
}

TEST(CheckWhole, TakesNoPart) {
  EXPECT_TRUE(CheckWhole(Json::parse(R"({"timed_out":false,"_shards":{"total":3,"failed":0}})")));
  EXPECT_FALSE(CheckWhole(Json::parse(R"({"timed_out":true,"_shards":{"failed":0}})")));
  const auto failed = CheckWhole(Json::parse(R"({"timed_out":false,"_shards":{"failed":2,
      "failures":[{"shard":1,"reason":{"type":"x","reason":"disk"}}]}})"));
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().ToString().contains("2 shards of the database failed: disk"));
}

TEST(MemberOf, TakesAnything) {
  for (const char* text : {"null", "1", "[]", "{}", R"({"b": 1})"})
    EXPECT_TRUE(MemberOf(Json::parse(text), "a").is_null()) << text;
  EXPECT_EQ(MemberOf(Json::parse(R"({"a": 7})"), "a"), 7);
}

}  // namespace
}  // namespace aimass::connectors::elasticsearch
