#include "native/postgres/failure.h"

#include <gtest/gtest.h>

#include <ostream>

namespace aimass::postgres {
namespace {

struct ConnectCase {
  std::string_view what, words;
  ErrorCode code;
  std::string_view message;
};
void PrintTo(const ConnectCase& c, std::ostream* out) { *out << c.what; }
class ConnectFailureTest : public testing::TestWithParam<ConnectCase> {};

TEST_P(ConnectFailureTest, SaysWhatTheServerSaidWhateverItsLanguage) {
  const Options options{.host = "db", .user = "reader", .password = "secret"};
  const Error error = ConnectFailure(options, GetParam().words).error();
  EXPECT_EQ(error.code, GetParam().code);
  EXPECT_EQ(Render(error.message, Language::kEnglish), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    , ConnectFailureTest,
    testing::Values(
        ConnectCase{"WrongPassword",
                    "connection to server at \"db\" (10.0.0.7), port 5432 failed: FATAL:  28P01: "
                    "password authentication failed for user \"reader\"\nLOCATION:  auth_failed, x",
                    ErrorCode::kUnauthenticated,
                    "the database does not let 'reader' in: password authentication failed for "
                    "user \"reader\""},
        ConnectCase{"InChinese",
                    "connection to server at \"db\", port 5432 failed: 致命错误:  3D000: "
                    "数据库 \"shoop\" 不存在",
                    ErrorCode::kNotFound,
                    "the database has no such thing: 数据库 \"shoop\" 不存在"},
        ConnectCase{"TooMany",
                    "connection to server failed: FATAL:  53300: sorry, too many clients already",
                    ErrorCode::kUnavailable,
                    "the database takes no further connection: sorry, too many clients already"},
        ConnectCase{
            "Refused",
            "connection to server at \"db\", port 5432 failed: Connection refused\n\tIs the "
            "server running on that host?",
            ErrorCode::kUnavailable, "cannot connect to db:5432: Connection refused"},
        ConnectCase{
            "NoTls",
            "connection to server at \"db\", port 5432 failed: server does not support SSL, "
            "but SSL was required\n",
            ErrorCode::kUnavailable,
            "no encrypted connection to db:5432: server does not support SSL, but SSL was "
            "required"},
        ConnectCase{"NoPassword",
                    "connection to server at \"db\", port 5432 failed: fe_sendauth: no password "
                    "supplied\n",
                    ErrorCode::kUnauthenticated,
                    "the database does not let 'reader' in: it asks for a password, and none is "
                    "set"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(FailureOf, HasTheCodeThatFits) {
  const auto code = [](std::string_view sqlstate) {
    return FailureOf(sqlstate, "words", "reader").error().code;
  };
  EXPECT_EQ(code("42501"), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code("42P01"), ErrorCode::kNotFound);
  EXPECT_EQ(code("57014"), ErrorCode::kTimeout);
  EXPECT_EQ(code("55P03"), ErrorCode::kTimeout);
  EXPECT_EQ(code("57P01"), ErrorCode::kUnavailable);
  EXPECT_EQ(code("08006"), ErrorCode::kUnavailable);
  EXPECT_EQ(code("42601"), ErrorCode::kUnprocessable);
}

TEST(QuotedName, DoublesQuotes) { EXPECT_EQ(QuotedName("a\"列"), "\"a\"\"列\""); }

}  // namespace
}  // namespace aimass::postgres
