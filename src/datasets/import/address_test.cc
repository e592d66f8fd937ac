#include "datasets/import/address.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"

namespace aimass {
namespace {

class KeptAddressTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(MakeFolder(folder_)); }
  const std::string folder_ = testing::TempDir() + "/" + NewId();
  const SecretBox secrets_{folder_};
};

TEST(ShownAddress, LeavesOutWhatGivesAccess) {
  EXPECT_EQ(ShownAddress("https://me:pw@host/a.csv"), "https://host/a.csv");
  EXPECT_EQ(ShownAddress("https://host/a.csv?page=2&api_key=1&X-Amz-Signature=ab&b"),
            "https://host/a.csv?page=2&api_key=***&X-Amz-Signature=***&b");
  EXPECT_EQ(ShownAddress("https://host/a.csv?page=2#top"), "https://host/a.csv?page=2");
  EXPECT_EQ(ShownAddress("https://host/a.csv?"), "https://host/a.csv?");
}

TEST_F(KeptAddressTest, ShowsNoSecretAndGivesItBack) {
  const std::string url = "https://shop:s3cret@example.com/orders.csv?token=t0ken";
  const auto kept = KeptAddress(secrets_, url);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->at("url"), "https://example.com/orders.csv?token=***");
  EXPECT_EQ(kept->dump().find("s3cret"), std::string::npos);
  EXPECT_EQ(kept->dump().find("t0ken"), std::string::npos);
  EXPECT_EQ(WholeAddress(secrets_, *kept).value(), url);
  EXPECT_EQ(WithoutSealed(Json{{"source", *kept}}),
            (Json{{"source", {{"url", "https://example.com/orders.csv?token=***"}}}}));
}

TEST_F(KeptAddressTest, IsOfNoUseUnderAnotherName) {
  auto kept = KeptAddress(secrets_, "https://shop:s3cret@example.com/orders.csv");
  ASSERT_TRUE(kept);
  (*kept)["url"] = "https://elsewhere.example/orders.csv";
  EXPECT_FALSE(WholeAddress(secrets_, *kept));
}

TEST_F(KeptAddressTest, LeavesAPlainOneAsItIs) {
  const std::string url = "https://example.com/orders.csv";
  EXPECT_EQ(KeptAddress(secrets_, url).value(), (Json{{"url", url}}));
  EXPECT_EQ(WholeAddress(secrets_, Json{{"url", url}}).value(), url);
}

}  // namespace
}  // namespace aimass
