#include "sources/connectors/elasticsearch/client.h"

#include <gtest/gtest.h>

namespace aimass::connectors::elasticsearch {
namespace {

TEST(AddressesOf, TakesSeveral) {
  EXPECT_EQ(AddressesOf("http://a:9200/, https://b.example/es").value(),
            (std::vector<std::string>{"http://a:9200", "https://b.example/es"}));
  for (const char* text :
       {"", "es.example", "ftp://a", "http://", "http://a?x=1", "http://me:secret@a:9200"}) {
    const auto addresses = AddressesOf(text);
    ASSERT_FALSE(addresses) << text;
    EXPECT_FALSE(addresses.error().ToString().contains("secret"));
  }
}

Json Answer(const char* number, const char* distribution) {
  Json answer = {{"cluster_name", "c"}, {"version", {{"number", number}}}};
  if (*distribution != 0) answer["version"]["distribution"] = distribution;
  return answer;
}

TEST(ServerOf, KnowsWhatEachCan) {
  struct Case {
    const char* number;
    const char* distribution;
    bool good;
    bool shard_doc;
  };
  for (const Case& one :
       {Case{"7.9.3", "", false, false}, Case{"7.10.2", "", true, false},
        Case{"7.12.0", "", true, true}, Case{"8.19.4", "", true, true},
        Case{"10.0.0", "", true, true}, Case{"2.3.0", "opensearch", false, false},
        Case{"2.19.1", "opensearch", true, false}, Case{"3.3.0", "opensearch", true, true}}) {
    const auto server = ServerOf(Answer(one.number, one.distribution));
    EXPECT_EQ(server.has_value(), one.good) << one.number;
    if (server) {
      EXPECT_EQ(server->HasShardDoc(), one.shard_doc) << one.number;
    }
  }
  EXPECT_EQ(ServerOf(Answer("2.19.1", "opensearch"))->Name(), "OpenSearch 2.19.1");
  EXPECT_EQ(ServerOf(Json()).error().code, ErrorCode::kUnprocessable);
}

}  // namespace
}  // namespace aimass::connectors::elasticsearch
