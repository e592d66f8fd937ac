#include "native/mongodb/failure.h"

#include <gtest/gtest.h>

namespace aimass::mongodb {
namespace {

struct Case {
  int code;
  std::string_view words;
  ErrorCode expected;
  std::string_view message;
  std::string_view hint;
};

TEST(FailureOf, SaysWhatTheServerMeans) {
  Options options;
  options.host = "h";
  options.user = "reader";
  options.password = "p";
  options.database = "shop";
  const Case cases[] = {
      {13, "not authorized on shop to execute command", ErrorCode::kPermissionDenied, "refuses it",
       R"(db.getSiblingDB("admin").grantRolesToUser("reader", [{role: "read", db: "shop"}]))"},
      {18, "Authentication failed.", ErrorCode::kUnauthenticated, "does not let 'reader' in",
       "auth_source"},
      {26, "ns does not exist", ErrorCode::kNotFound, "no such thing", ""},
      {50, "operation exceeded time limit", ErrorCode::kTimeout, "stopped the statement", ""},
      {175, "collection dropped", ErrorCode::kUnavailable, "ended the reading", ""},
      {10107, "not primary", ErrorCode::kUnavailable, "not ready", ""},
      {9, "failed to parse", ErrorCode::kUnprocessable, "the database says", ""},
  };
  for (const Case& one : cases) {
    const Error error = FailureOf(one.code, one.words, options).error();
    EXPECT_EQ(error.code, one.expected) << one.code;
    const std::string message = Render(error.message, Language::kEnglish);
    EXPECT_NE(message.find(one.message), std::string::npos) << message;
    EXPECT_NE(message.find(one.words), std::string::npos) << message;
    const std::string hint = Render(error.hint, Language::kEnglish);
    EXPECT_NE(hint.find(one.hint), std::string::npos) << hint;
  }
  options.user.clear();
  const Error error = FailureOf(13, "command find requires authentication", options).error();
  EXPECT_EQ(error.code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(Render(error.hint, Language::kEnglish), "set user and password");
}

}  // namespace
}  // namespace aimass::mongodb
