#include "native/curl/http.h"

#include <gtest/gtest.h>

namespace aimass::curl {
namespace {

TEST(EscapedPart, StaysOnePart) {
  EXPECT_EQ(EscapedPart("logs-2026.*,orders_1"), "logs-2026.*,orders_1");
  EXPECT_EQ(EscapedPart("../_cluster?x#y z"), "..%2F_cluster%3Fx%23y%20z");
  EXPECT_EQ(EscapedPart("订单"), "%E8%AE%A2%E5%8D%95");
}

TEST(HttpClient, SaysWhoDoesNotAnswer) {
  HttpClient client(HttpOptions{.user = "me", .password = "secret"});
  const auto closed = client.Send({.url = "http://127.0.0.1:1/x"}, CancelToken());
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(closed.error().ToString().contains("cannot connect to 127.0.0.1:1"))
      << closed.error().ToString();
  EXPECT_FALSE(closed.error().ToString().contains("secret"));
}

TEST(HttpClient, DoesNotBeginWhatIsCancelled) {
  HttpClient client(HttpOptions{});
  const CancelToken cancel;
  cancel.Cancel();
  const auto answer = client.Send({.url = "http://127.0.0.1:1/"}, cancel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace aimass::curl
