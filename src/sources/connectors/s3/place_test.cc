#include "sources/connectors/s3/place.h"

#include <gtest/gtest.h>

namespace aimass::connectors::s3 {
namespace {

struct Case {
  const char* endpoint;
  const char* region;
  const char* bucket;
  const char* addressing;
  const char* expected;  // address, path of a key, region
};

TEST(Place, IsWhereTheBucketIsAsked) {
  for (const Case& one : {
           Case{"", "", "shop", "auto", "https://shop.s3.us-east-1.amazonaws.com /k us-east-1"},
           Case{"", "eu-central-1", "shop", "path",
                "https://s3.eu-central-1.amazonaws.com /shop/k eu-central-1"},
           Case{"", "cn-north-1", "shop", "auto",
                "https://shop.s3.cn-north-1.amazonaws.com.cn /k cn-north-1"},
           Case{"", "", "a.b.c", "auto", "https://s3.us-east-1.amazonaws.com /a.b.c/k us-east-1"},
           Case{"", "", "Old_Bucket", "auto",
                "https://s3.us-east-1.amazonaws.com /Old_Bucket/k us-east-1"},
           Case{"https://s3.eu-west-3.amazonaws.com", "", "shop", "auto",
                "https://shop.s3.eu-west-3.amazonaws.com /k eu-west-3"},
           Case{"https://s3.amazonaws.com/", "", "shop", "auto",
                "https://shop.s3.amazonaws.com /k us-east-1"},
           Case{"s3.oss-cn-hangzhou.aliyuncs.com", "", "shop", "auto",
                "https://shop.s3.oss-cn-hangzhou.aliyuncs.com /k cn-hangzhou"},
           Case{"https://oss-cn-beijing-internal.aliyuncs.com", "", "shop", "auto",
                "https://shop.oss-cn-beijing-internal.aliyuncs.com /k cn-beijing"},
           Case{"https://cos.ap-guangzhou.myqcloud.com", "", "shop-1250000000", "auto",
                "https://shop-1250000000.cos.ap-guangzhou.myqcloud.com /k ap-guangzhou"},
           Case{"https://shop.oss-cn-hangzhou.aliyuncs.com", "", "shop", "auto",
                "https://shop.oss-cn-hangzhou.aliyuncs.com /k cn-hangzhou"},
           Case{"http://127.0.0.1:9000", "", "shop", "auto",
                "http://127.0.0.1:9000 /shop/k us-east-1"},
           Case{"http://[::1]:9000", "", "shop", "auto", "http://[::1]:9000 /shop/k us-east-1"},
           Case{"HTTP", "", "shop", "auto", "https://http /shop/k us-east-1"},
           Case{"http://MinIO.Example.com:80", "local", "shop", "virtual",
                "http://shop.minio.example.com /k local"},
       }) {
    const auto place = PlaceOf({.endpoint = one.endpoint,
                                .region = one.region,
                                .bucket = one.bucket,
                                .addressing = one.addressing});
    ASSERT_TRUE(place.has_value()) << one.endpoint;
    EXPECT_EQ(place->Address() + " " + place->ObjectPath("k") + " " + place->region, one.expected);
  }
}

TEST(Place, EncodesKeysOnceAndLeavesTheirSlashes) {
  const Place place =
      PlaceOf({.endpoint = "http://h", .bucket = "b", .addressing = "path"}).value();
  EXPECT_EQ(place.BucketPath(), "/b");
  EXPECT_EQ(place.ObjectPath("订单/a b+c%20?#.csv"),
            "/b/%E8%AE%A2%E5%8D%95/a%20b%2Bc%2520%3F%23.csv");
  EXPECT_EQ(place.ObjectPath("/a//../b/"), "/b//a//../b/");
  const Place host =
      PlaceOf({.endpoint = "http://h", .bucket = "b", .addressing = "virtual"}).value();
  EXPECT_EQ(host.BucketPath(), "/");
}

TEST(Place, RefusesWhatIsNone) {
  for (const char* const endpoint :
       {"ftp://h", "https://h/bucket", "https://me:pw@h", "https://", "http://h:port", "http://h?x",
        "http://h#x", "http://h\r\nx: y", "http://h h", "http://[::1"}) {
    const auto place = PlaceOf({.endpoint = endpoint, .bucket = "b", .addressing = "auto"});
    ASSERT_FALSE(place.has_value()) << endpoint;
    EXPECT_EQ(place.error().code, ErrorCode::kUnprocessable);
    EXPECT_EQ(place.error().ToString().find("pw"), std::string::npos);
  }
  for (const char* const bucket : {"", "a/b", "..", "a b", "桶", "a?b", "a\nb"})
    EXPECT_FALSE(PlaceOf({.endpoint = "http://h", .bucket = bucket}).has_value()) << bucket;
  EXPECT_FALSE(PlaceOf({.region = "a/b", .bucket = "b"}).has_value());
}

}  // namespace
}  // namespace aimass::connectors::s3
