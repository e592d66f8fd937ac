// The vectors are AWS's own: of its Signature Version 4 test suite (aws-sig-v4-test-suite), and of
// "Examples: Signature calculations in AWS Signature Version 4" in the documentation of S3.
#include "sources/connectors/s3/sign.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace aimass::connectors::s3 {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

std::string SignatureIn(const std::string& authorization) {
  return authorization.substr(authorization.find("Signature=") + 10);
}

struct SuiteCase {
  const char* name;
  const char* path;
  Query query;
  const char* signature;
};

TEST(Sign, MatchesTheTestSuiteOfAws) {
  const std::string unreserved =
      "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const SuiteCase& one : {
           SuiteCase{"get-vanilla",
                     "/",
                     {},
                     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
           SuiteCase{"get-utf8",
                     "/%E1%88%B4",
                     {},
                     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
           SuiteCase{"get-space",
                     "/example%20space/",
                     {},
                     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
           SuiteCase{"get-vanilla-query-order-key-case",
                     "/",
                     {{"Param2", "value2"}, {"Param1", "value1"}},
                     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
           SuiteCase{"get-vanilla-query-unreserved",
                     "/",
                     {{unreserved, unreserved}},
                     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
           SuiteCase{"get-vanilla-utf8-query",
                     "/",
                     {{"ሴ", "bar"}},
                     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
       }) {
    const std::string signed_by = Authorization(
        {.path = one.path,
         .query = one.query,
         .headers = {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}},
         .payload_sha256 = std::string(kNoPayload)},
        {.access_key = "AKIDEXAMPLE", .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
        "us-east-1", "service", "20150830T123600Z");
    EXPECT_EQ(SignatureIn(signed_by), one.signature) << one.name;
    EXPECT_TRUE(signed_by.starts_with(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        "SignedHeaders=host;x-amz-date,"))
        << signed_by;
  }
}

std::string OfS3(Unsigned request) {
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  request.headers["x-amz-date"] = "20130524T000000Z";
  request.headers["x-amz-content-sha256"] = request.payload_sha256;
  return SignatureIn(Authorization(request,
                                   {.access_key = "AKIA"
                                                  "IOSFODNN7EXAMPLE",
                                    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
                                   "us-east-1", "s3", "20130524T000000Z"));
}

TEST(Sign, MatchesTheExamplesOfS3) {
  const std::string nothing(kNoPayload);
  EXPECT_EQ(nothing, Sha256(""));
  EXPECT_EQ(
      OfS3({.path = "/test.txt", .headers = {{"range", "bytes=0-9"}}, .payload_sha256 = nothing}),
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(OfS3({.method = "PUT",
                  .path = "/test%24file.text",
                  .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                  .payload_sha256 = Sha256("Welcome to Amazon S3.")}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(OfS3({.query = {{"lifecycle", ""}}, .payload_sha256 = nothing}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(OfS3({.query = {{"prefix", "J"}, {"max-keys", "2"}}, .payload_sha256 = nothing}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Sign, StampsInUtc) {
  EXPECT_EQ(StampOf(1'369'353'600'000), "20130524T000000Z");
  EXPECT_EQ(StampOf(1'440'938'160'999), "20150830T123600Z");
}

}  // namespace
}  // namespace aimass::connectors::s3
