#include "store/secrets.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/id.h"

namespace aimass {
namespace {

class Secrets : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/" + NewId();
    ASSERT_TRUE(MakeFolder(folder_));
    unsetenv("AIMASS_SECRETS_KEY");
  }
  void TearDown() override {
    unsetenv("AIMASS_SECRETS_KEY");
    std::filesystem::remove_all(folder_);
  }
  std::string folder_;
};

TEST_F(Secrets, OpenWhatWasSealedAtTheSamePlaceOnly) {
  const SecretBox box(folder_);
  for (const std::string& secret :
       {std::string("pa'ss 密码"), std::string(), std::string("\0x", 2)}) {
    const auto sealed = box.Seal(secret, "source 1 password");
    ASSERT_TRUE(sealed) << sealed.error().ToString();
    EXPECT_TRUE(secret.empty() || sealed->find(secret) == std::string::npos);
    EXPECT_EQ(SecretBox(folder_).Open(*sealed, "source 1 password").value(), secret);
    EXPECT_EQ(box.Open(*sealed, "source 2 password").error().code, ErrorCode::kUnprocessable);
    EXPECT_NE(box.Seal(secret, "source 1 password").value(), *sealed);  // a nonce of its own
  }
}

TEST_F(Secrets, KeyIsTheOwnersOnly) {
  ASSERT_TRUE(SecretBox(folder_).Seal("x", "place"));
  struct stat info{};
  ASSERT_EQ(stat((folder_ + "/secrets.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(Secrets, ChangedOrForeignTextsDoNotOpen) {
  const SecretBox box(folder_);
  std::string sealed = box.Seal("secret", "place").value();
  for (const std::string& wrong : {std::string(), std::string("1:"), std::string("secret"),
                                   std::string("1:AAAA"), "2:" + sealed.substr(2)}) {
    EXPECT_EQ(box.Open(wrong, "place").error().code, ErrorCode::kUnprocessable) << wrong;
  }
  sealed[sealed.size() / 2] = sealed[sealed.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(box.Open(sealed, "place"));
}

TEST_F(Secrets, AnotherKeySaysWhatToDo) {
  const std::string sealed = SecretBox(folder_).Seal("secret", "place").value();
  std::filesystem::remove(folder_ + "/secrets.key");
  const auto missing = SecretBox(folder_).Open(sealed, "place");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kUnprocessable);
  EXPECT_NE(missing.error().ToString().find("secrets.key"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/secrets.key"));  // opening makes no key

  setenv("AIMASS_SECRETS_KEY", std::string(64, 'a').c_str(), 1);
  EXPECT_FALSE(SecretBox(folder_).Open(sealed, "place"));
  const std::string mine = SecretBox(folder_).Seal("secret", "place").value();
  EXPECT_EQ(SecretBox(folder_).Open(mine, "place").value(), "secret");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/secrets.key"));

  setenv("AIMASS_SECRETS_KEY", "short", 1);
  EXPECT_EQ(SecretBox(folder_).Seal("x", "place").error().ToString(),
            "the key in AIMASS_SECRETS_KEY must be 64 hex digits, found 5 bytes");
}

}  // namespace
}  // namespace aimass
