#include "native/redis/failure.h"

#include <gtest/gtest.h>

namespace aimass::redis {
namespace {

struct Case {
  std::string_view words;
  ErrorCode code;
  std::string_view message;
  std::string_view hint;
};

TEST(FailureOf, SaysWhatTheServerMeans) {
  Options options;
  options.host = "h";
  options.user = "reader";
  options.password = "p";
  const Case cases[] = {
      {"WRONGPASS invalid username-password pair or user is disabled.", ErrorCode::kUnauthenticated,
       "does not let 'reader' in", "check user and password"},
      {"ERR invalid password", ErrorCode::kUnauthenticated, "does not let 'reader' in", "check"},
      {"NOPERM User reader has no permissions to run the 'scan' command",
       ErrorCode::kPermissionDenied, "refuses it", "ACL SETUSER reader +@read ~user:*"},
      {"NOPERM this user has no permissions to access one of the keys used as arguments",
       ErrorCode::kPermissionDenied, "refuses it", "ACL SETUSER reader %R~user:*"},
      {"NOPERM User reader has no permissions to run the 'client|tracking' command",
       ErrorCode::kPermissionDenied, "refuses it", "+client|tracking"},
      {"LOADING Redis is loading the dataset in memory", ErrorCode::kUnavailable, "not ready", ""},
      {"MOVED 3999 127.0.0.1:6381", ErrorCode::kUnprocessable, "Redis Cluster", "not supported"},
      {"ERR DB index is out of range", ErrorCode::kNotFound, "no such thing", ""},
      {"ERR max number of clients reached", ErrorCode::kUnavailable, "no further connection", ""},
      {"WRONGTYPE Operation against a key holding the wrong kind of value",
       ErrorCode::kUnprocessable, "the database says", ""},
  };
  for (const Case& one : cases) {
    const Error error = FailureOf(one.words, options).error();
    EXPECT_EQ(error.code, one.code) << one.words;
    EXPECT_NE(Render(error.message, Language::kEnglish).find(one.message), std::string::npos)
        << one.words << ": " << Render(error.message, Language::kEnglish);
    EXPECT_NE(Render(error.hint, Language::kEnglish).find(one.hint), std::string::npos)
        << one.words << ": " << Render(error.hint, Language::kEnglish);
  }
  options.password.clear();
  EXPECT_NE(Render(FailureOf("NOAUTH Authentication required.", options).error().message,
                   Language::kEnglish)
                .find("asks for a password"),
            std::string::npos);
}

}  // namespace
}  // namespace aimass::redis
