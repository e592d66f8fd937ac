#include "access/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

using testing::Dialect;
using testing::TempFolder;
using testing::TestDatabase;

class AccessTest : public ::testing::TestWithParam<Dialect> {
 protected:
  AccessTest() : place_(GetParam()), database_(place_.Open()) {
    EXPECT_TRUE(database_->Migrate(Access::Migrations()));
    access_ = std::make_unique<Access>(*database_, folder_.path());
    EXPECT_FALSE(access_->LocalCaller());
    EXPECT_TRUE(access_->Start());
  }
  std::string AdminKey() const {
    const auto text = ReadFile(folder_.path() + "/admin.key");
    return text ? text->substr(0, text->find('\n')) : "";
  }
  TempFolder folder_;
  TestDatabase place_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Access> access_;
};
INSTANTIATE_TEST_SUITE_P(, AccessTest, ::testing::Values(Dialect::kSqlite, Dialect::kPostgres),
                         ::testing::PrintToStringParamName());

TEST_P(AccessTest, TheFirstStartWritesAKeyThatWorks) {
  const std::string key = AdminKey();
  EXPECT_EQ(key.size(), 47U);
  EXPECT_TRUE(key.starts_with("aim_"));
  struct stat info{};
  ASSERT_EQ(stat((folder_.path() + "/admin.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const auto caller = access_->Authenticate("Bearer " + key);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->kind, "key");
  EXPECT_EQ(caller->workspace, access_->LocalCaller()->workspace);
  EXPECT_EQ(caller->org, access_->LocalCaller()->org);
  for (const std::string& form : {key, "bearer " + key, "BEARER   " + key + " "}) {
    EXPECT_TRUE(access_->Authenticate(form)) << form;
  }
  const auto workspaces = access_->ListWorkspaces(*caller);
  ASSERT_EQ(workspaces->size(), 1U);
  EXPECT_EQ(workspaces->at(0).name, "default");
}

TEST_P(AccessTest, OnlyTheHashIsKept) {
  const auto rows = database_->Select("SELECT id, name, prefix, hash FROM access_keys");
  ASSERT_EQ(rows->size(), 1U);
  for (std::size_t column = 0; column < 4; ++column) {
    EXPECT_EQ(rows->at(0).Text(column).find(AdminKey().substr(8)), std::string::npos);
  }
  EXPECT_EQ(rows->at(0).Text(3), Sha256(AdminKey()));
}

TEST_P(AccessTest, WrongKeysAllGetTheSameAnswer) {
  std::string changed = AdminKey();
  changed.back() = changed.back() == 'A' ? 'B' : 'A';
  for (const std::string& key : {std::string(), std::string("Bearer"), std::string("Bearer "),
                                 changed, "Basic " + AdminKey(), AdminKey() + "A",
                                 std::string(1'000'000, 'x'), "aim_" + std::string(43, '\0')}) {
    const auto caller = access_->Authenticate(key);
    ASSERT_FALSE(caller) << key.substr(0, 60);
    EXPECT_EQ(caller.error().code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(caller.error().ToString(), "the key is missing, unknown or revoked");
  }
}

TEST_P(AccessTest, ARestartKeepsKeysAndMendsALostAdminKey) {
  const std::string key = AdminKey();
  const std::string workspace = access_->LocalCaller()->workspace;
  access_ = std::make_unique<Access>(*database_, folder_.path());
  ASSERT_TRUE(access_->Start());
  EXPECT_EQ(AdminKey(), key);
  EXPECT_EQ(access_->LocalCaller()->workspace, workspace);
  std::ofstream(folder_.path() + "/admin.key") << "rubbish\n";
  access_ = std::make_unique<Access>(*database_, folder_.path());
  ASSERT_TRUE(access_->Start());
  EXPECT_NE(AdminKey(), key);
  EXPECT_TRUE(access_->Authenticate(AdminKey()));
  EXPECT_TRUE(access_->Authenticate(key)) << "the old one was not revoked";
}

TEST_P(AccessTest, KeysAreMadeListedAndRevoked) {
  const Caller admin = *access_->Authenticate(AdminKey());
  const auto made = access_->CreateKey(admin, "看板");
  ASSERT_TRUE(made);
  const auto caller = access_->Authenticate(made->secret);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->id, made->key.id);
  const auto keys = access_->ListKeys(admin);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ(keys->at(0).name, "看板");
  EXPECT_EQ(keys->at(0).prefix, made->secret.substr(0, 8));
  EXPECT_FALSE(access_->CreateKey(admin, ""));
  const auto again = access_->CreateKey(admin, "看板");
  ASSERT_FALSE(again) << "a name means one key";
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(access_->RevokeKey(admin, admin.id).error().code, ErrorCode::kConflict);
  ASSERT_TRUE(access_->RevokeKey(admin, made->key.id));
  EXPECT_FALSE(access_->Authenticate(made->secret)) << "the cache forgets it too";
  EXPECT_TRUE(access_->CreateKey(admin, "看板")) << "the name of a revoked key is free";
  EXPECT_EQ(access_->RevokeKey(admin, made->key.id).error().code, ErrorCode::kNotFound);
  EXPECT_GT(access_->ListKeys(admin)->at(1).revoked_ms, 0);
  Caller stranger = admin;
  stranger.workspace = "another";
  EXPECT_TRUE(access_->ListKeys(stranger)->empty());
  EXPECT_FALSE(access_->RevokeKey(stranger, admin.id));
}

TEST(Caller, GoesThroughJson) {
  const Caller caller{
      .kind = "key", .id = "1", .org = "o", .workspace = "w", .purpose = "train", .role = "viewer"};
  const Caller back = CallerFromJson(ToJson(caller));
  EXPECT_EQ(ToJson(back), ToJson(caller));
  EXPECT_EQ(caller.For("sql").purpose, "sql");
  EXPECT_EQ(CallerFromJson(Json("no object")).role, "admin");
}

}  // namespace
}  // namespace aimass
