#include "sources/connectors/s3/failure.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace aimass::connectors::s3 {
namespace {

Place At(const char* endpoint, const char* region = "") {
  return PlaceOf({.endpoint = endpoint, .region = region, .bucket = "shop", .addressing = "auto"})
      .value();
}

curl::Answer Refused(int status, const std::string& code, const std::string& more = {}) {
  return {
      .status = status,
      .headers = {{"date", "Fri, 02 Jan 2026 03:04:05 GMT"}},
      .body = "<Error><Code>" + code + "</Code><Message>its words</Message>" + more + "</Error>"};
}

struct Case {
  curl::Answer answer;
  bool object;
  ErrorCode code;
  const char* message;
  const char* hint;
};

TEST(FailureOf, SaysInPlainWordsWhatIsWrong) {
  for (const Case& one : {
           Case{Refused(404, "NoSuchBucket"), false, ErrorCode::kNotFound,
                "'http://h' has no bucket 'shop'", "endpoint"},
           Case{Refused(404, "NoSuchKey"), true, ErrorCode::kNotFound, "there is no file 'a.csv'",
                ""},
           Case{Refused(403, "AccessDenied"), false, ErrorCode::kPermissionDenied,
                "the access key 'AK' may not list the bucket 'shop' (s3:ListBucket)",
                "arn:aws:s3:::shop/in/*"},
           Case{Refused(403, "AccessDenied"), true, ErrorCode::kPermissionDenied,
                "the access key 'AK' may not read 'a.csv' of the bucket 'shop' (s3:GetObject)",
                "s3:GetObject"},
           Case{Refused(403, "InvalidAccessKeyId"), false, ErrorCode::kUnauthenticated,
                "the object store knows no access key 'AK'", "access_key"},
           Case{Refused(403, "SignatureDoesNotMatch"), true, ErrorCode::kUnauthenticated,
                "the secret key does not belong to the access key 'AK'", "secret_key"},
           Case{Refused(400, "ExpiredToken"), false, ErrorCode::kUnauthenticated,
                "the session token of 'AK' has expired", "session_token"},
           Case{Refused(403, "RequestTimeTooSkewed",
                        "<ServerTime>2026-01-02T03:04:05Z</ServerTime>"
                        "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>"),
                false, ErrorCode::kUnauthenticated,
                "the clocks differ too much: here it is 1970-01-01T00:00:00.000Z, at the object "
                "store 2026-01-02T03:04:05Z",
                "15 minutes"},
           Case{Refused(403, "RequestTimeTooSkewed"), false, ErrorCode::kUnauthenticated,
                "the clocks differ too much: here it is 1970-01-01T00:00:00.000Z, at the object "
                "store Fri, 02 Jan 2026 03:04:05 GMT",
                "timedatectl"},
           Case{Refused(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), false,
                ErrorCode::kUnprocessable,
                "the bucket 'shop' is in the region 'eu-west-1', not in 'us-east-1'",
                "set region to eu-west-1"},
           Case{Refused(301, "PermanentRedirect", "<Endpoint>shop.s3.eu.example</Endpoint>"), false,
                ErrorCode::kUnprocessable,
                "the bucket 'shop' must be asked for at 'shop.s3.eu.example'", "set endpoint"},
           Case{Refused(403, "InvalidObjectState", "<StorageClass>GLACIER</StorageClass>"), true,
                ErrorCode::kUnprocessable,
                "file 'a.csv' lies in an archive (GLACIER) and cannot be read there", "restore"},
           Case{Refused(412, "PreconditionFailed"), true, ErrorCode::kUnavailable,
                "file 'a.csv' changed while it was read", ""},
           Case{Refused(503, "SlowDown"), true, ErrorCode::kUnavailable,
                "the object store is busy: its words (SlowDown)", ""},
           Case{Refused(403, "SecondLevelDomainForbidden"), false, ErrorCode::kUnprocessable,
                "this object store wants the bucket in the name of the host",
                "addressing to virtual"},
           Case{Refused(400, "NotImplemented"), false, ErrorCode::kUnprocessable,
                "the object store refuses it: its words (NotImplemented)", ""},
           Case{{.status = 418, .body = "<html/>"},
                false,
                ErrorCode::kUnprocessable,
                "'http://h' answered with status 418",
                "S3 API"},
       }) {
    const Error error =
        FailureOf(one.answer, At("http://h"),
                  {.access_key = "AK", .folder = "in/", .path = one.object ? "a.csv" : ""});
    EXPECT_EQ(error.code, one.code) << one.message;
    EXPECT_EQ(Render(error.message, Language::kEnglish), one.message);
    EXPECT_NE(Render(error.hint, Language::kEnglish).find(one.hint), std::string::npos)
        << Render(error.hint, Language::kEnglish);
  }
}

TEST(FailureOf, TellsAnonymousOnesToSignIn) {
  const Error error = FailureOf(Refused(403, "AccessDenied"), At("http://h"), {});
  EXPECT_EQ(error.ToString(), "not everybody may list the bucket 'shop'");
  EXPECT_EQ(Render(error.hint, Language::kEnglish), "set access_key and secret_key");
}

TEST(FailureOf, FindsTheRegionInAHeader) {
  curl::Answer answer{.status = 301, .headers = {{"x-amz-bucket-region", "ap-east-1"}}};
  EXPECT_EQ(FailureOf(answer, At("http://h"), {}).ToString(),
            "the bucket 'shop' is in the region 'ap-east-1', not in 'us-east-1'");
}

TEST(PolicyFor, IsJsonAsTheVendorWritesIt) {
  const auto resources = [](const Place& place) {
    const Json policy = ParseJson(PolicyFor(place, "in/")).value();
    const Json& statements =
        policy.contains("Statement") ? policy["Statement"] : policy["statement"];
    std::string text;
    for (const Json& statement : statements)
      text += statement.value("Resource", statement.value("resource", "")) + " ";
    return text;
  };
  EXPECT_EQ(resources(At("http://h")), "arn:aws:s3:::shop arn:aws:s3:::shop/in/* ");
  EXPECT_EQ(resources(At("", "cn-north-1")), "arn:aws-cn:s3:::shop arn:aws-cn:s3:::shop/in/* ");
  EXPECT_EQ(resources(At("https://oss-cn-beijing.aliyuncs.com")),
            "acs:oss:*:*:shop acs:oss:*:*:shop/in/* ");
  const Place cos = PlaceOf({.endpoint = "https://cos.ap-beijing.myqcloud.com",
                             .bucket = "shop-125",
                             .addressing = "auto"})
                        .value();
  EXPECT_EQ(resources(cos),
            "qcs::cos:ap-beijing:uid/125:shop-125/* qcs::cos:ap-beijing:uid/125:shop-125/in/* ");
}

TEST(IsBusy, IsWhatPasses) {
  for (const int status : {429, 500, 502, 503, 504}) EXPECT_TRUE(IsBusy({.status = status}));
  EXPECT_TRUE(IsBusy(Refused(400, "RequestTimeout")));
  for (const int status : {200, 206, 301, 400, 403, 404, 412})
    EXPECT_FALSE(IsBusy(Refused(status, "AccessDenied"))) << status;
}

}  // namespace
}  // namespace aimass::connectors::s3
