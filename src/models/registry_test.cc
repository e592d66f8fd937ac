#include "models/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "models/bundle.h"
#include "models/folder.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Caller In(std::string workspace) {
  return {.kind = "key", .id = "k", .org = "o", .workspace = std::move(workspace), .purpose = ""};
}
const Caller kCaller = In("0190a000-0000-7000-8000-000000000001");
const Caller kOther = In("0190a000-0000-7000-8000-000000000002");

class ModelRegistryTest : public ::testing::TestWithParam<aimass::testing::Dialect> {
 protected:
  ModelRegistryTest() : database_(test_.Open()) {
    EXPECT_TRUE(database_->Migrate(ModelRegistry::Migrations()));
    registry_.emplace(*database_, folder_.path());
  }
  /// A folder that is a model as far as the registry looks.
  std::string Stage(const std::string& name, const std::string& content = "tree") {
    const fs::path folder = fs::path(folder_.path()) / "jobs" / name;
    EXPECT_TRUE(MakeFolder(folder));
    EXPECT_TRUE(WriteFileAtomic(folder / "member-0.txt", content));
    EXPECT_TRUE(WriteFileAtomic(
        folder / "model.json",
        R"({"format":1,"task":"binary","target":"y","link":"logistic","members":[{"file":"member-0.txt"}]})"));
    EXPECT_TRUE(WriteSums(folder.string()));
    return folder.string();
  }
  Result<ModelVersion> Add(const std::string& name, const std::string& staged,
                           const std::string& task = "binary") {
    return registry_->AddVersion(kCaller, name, task, staged, {{"auc", 0.9}}, {{"seed", 1}});
  }
  aimass::testing::TempFolder folder_;
  aimass::testing::TestDatabase test_{GetParam()};
  std::unique_ptr<Database> database_;
  std::optional<ModelRegistry> registry_;
};
INSTANTIATE_TEST_SUITE_P(, ModelRegistryTest,
                         ::testing::Values(aimass::testing::Dialect::kSqlite,
                                           aimass::testing::Dialect::kPostgres),
                         ::testing::PrintToStringParamName());

TEST_P(ModelRegistryTest, AddsResolvesAndNeverChangesVersions) {
  const auto first = Add("Kündigung", Stage("a"));
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_EQ(first->version, 1);
  EXPECT_EQ(first->metrics, (Json{{"auc", 0.9}}));
  EXPECT_EQ(Add("KÜNDIGUNG", Stage("b")).value().version, 2);
  const ModelInfo model = registry_->Get(kCaller, "kündigung").value();
  EXPECT_EQ(model.name, "Kündigung");
  EXPECT_EQ(model.aliases.at("champion"), 1);
  ASSERT_EQ(model.versions.size(), 2u);
  EXPECT_EQ(model.versions[0].version, 2);
  EXPECT_EQ(registry_->Resolve(kCaller, "Kündigung", "").value().version, 1);
  EXPECT_EQ(registry_->Resolve(kCaller, "Kündigung", "2").value().version, 2);
  ASSERT_TRUE(registry_->SetAlias(kCaller, "Kündigung", "champion", 2));
  EXPECT_EQ(registry_->Resolve(kCaller, "Kündigung", "").value().version, 2);
  EXPECT_EQ(registry_->Resolve(kCaller, "Kündigung", "9").error().ToString(),
            "model 'Kündigung' has no version '9'; it has: 2 1 champion");
  EXPECT_FALSE(registry_->SetAlias(kCaller, "Kündigung", "7", 1));
  EXPECT_FALSE(registry_->SetAlias(kCaller, "Kündigung", "x", 9));

  const auto mode = fs::status(first->folder + "/model.json").permissions();
  EXPECT_EQ(mode & (fs::perms::owner_write | fs::perms::group_write), fs::perms::none);
  EXPECT_TRUE(VerifyFolder(first->folder, first->checksum));
  EXPECT_FALSE(registry_->Get(kOther, "Kündigung")) << "another workspace must not see it";
  EXPECT_THAT(registry_->Get(kCaller, "Kündigunk").error().ToString(),
              HasSubstr("did you mean 'Kündigung'?"));
}

TEST_P(ModelRegistryTest, ARepeatedCommitAddsNothing) {
  const std::string staged = Stage("a");
  EXPECT_EQ(Add("m", staged).value().version, 1);
  EXPECT_EQ(Add("m", staged).value().version, 1);
  EXPECT_EQ(registry_->Get(kCaller, "m").value().versions.size(), 1u);
}

TEST_P(ModelRegistryTest, RefusesWhatDoesNotFit) {
  const std::string staged = Stage("a");
  ASSERT_TRUE(WriteFileAtomic(fs::path(staged) / "member-0.txt", "changed"));
  EXPECT_THAT(Add("m", staged).error().ToString(), HasSubstr("'member-0.txt' was changed"));
  EXPECT_FALSE(registry_->Get(kCaller, "m"));
  EXPECT_FALSE(Add("a/b", Stage("b")));
  ASSERT_TRUE(Add("m", Stage("c")));
  EXPECT_EQ(Add("m", Stage("d"), "regression").error().code, ErrorCode::kConflict);
  EXPECT_EQ(registry_->Get(kCaller, "m").value().versions.size(), 1u);
}

TEST_P(ModelRegistryTest, CrashesLeaveAllOrNothing) {
  const ModelVersion kept = Add("m", Stage("a")).value();
  // Between the row and the move: the staged folder is still there, the commit comes again.
  const std::string staged = Stage("b");
  ASSERT_TRUE(Add("m", staged));
  ASSERT_TRUE(database_->Execute("UPDATE model_versions SET state = 'adding' WHERE version = 2"));
  const std::string second = fs::path(kept.folder).parent_path() / "2";
  fs::permissions(second, fs::perms::owner_all);
  fs::rename(second, staged);
  ASSERT_TRUE(registry_->Recover());
  EXPECT_EQ(registry_->Get(kCaller, "m").value().versions.size(), 1u);
  EXPECT_EQ(Add("m", staged).value().version, 2);
  // After the move, before the row was finished.
  ASSERT_TRUE(database_->Execute("UPDATE model_versions SET state = 'adding' WHERE version = 2"));
  ASSERT_TRUE(registry_->Recover());
  EXPECT_EQ(registry_->Get(kCaller, "m").value().versions.size(), 2u);
  // Nothing is left of either place: no version.
  ASSERT_TRUE(database_->Execute("UPDATE model_versions SET state = 'adding' WHERE version = 2"));
  fs::permissions(second, fs::perms::owner_all);
  fs::remove_all(second);
  const std::string orphan = fs::path(kept.folder).parent_path() / "77";
  fs::create_directories(orphan);
  ASSERT_TRUE(registry_->Recover());
  EXPECT_EQ(registry_->Get(kCaller, "m").value().versions.size(), 1u);
  EXPECT_FALSE(fs::exists(orphan));
  EXPECT_TRUE(fs::exists(kept.folder));
}

TEST_P(ModelRegistryTest, RecoveringLosesNothingToLinks) {
  const ModelVersion kept = Add("m", Stage("a")).value();
  const fs::path workspace = fs::path(kept.folder).parent_path().parent_path().parent_path();
  const fs::path alias = workspace.parent_path() / "alias";
  fs::create_directory_symlink(workspace, alias);
  ASSERT_TRUE(registry_->Recover());
  EXPECT_TRUE(fs::exists(kept.folder + "/model.json"));
  // The folder itself under another name, a link in its place.
  fs::remove(alias);
  fs::rename(workspace, alias);
  fs::create_directory_symlink(alias, workspace);
  ASSERT_TRUE(registry_->Recover());
  EXPECT_TRUE(fs::exists(kept.folder + "/model.json"));
  ASSERT_TRUE(registry_->Get(kCaller, "m"));
}

TEST_P(ModelRegistryTest, DeletesReallyUnlessInUse) {
  const ModelVersion first = Add("m", Stage("a")).value();
  const ModelVersion second = Add("m", Stage("b")).value();
  std::vector<std::string> users = {"shop", "web"};
  registry_->AddUseCheck(
      [&](const Caller&, const std::string&,
          std::optional<std::int64_t> version) -> Result<std::vector<std::string>> {
        return !version || *version == 1 ? users : std::vector<std::string>();
      });
  const auto refused = registry_->Delete(kCaller, "m", 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().ToString(), "model 'm' is used by 'shop', 'web'");
  EXPECT_FALSE(registry_->Delete(kCaller, "m", std::nullopt));
  EXPECT_TRUE(fs::exists(first.folder));
  ASSERT_TRUE(registry_->Delete(kCaller, "m", 2));
  EXPECT_FALSE(fs::exists(second.folder));
  EXPECT_EQ(registry_->Delete(kCaller, "m", 2).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Add("m", Stage("c")).value().version, 3) << "numbers are not used twice";
  users.clear();
  ASSERT_TRUE(registry_->Delete(kCaller, "m", std::nullopt));
  EXPECT_FALSE(fs::exists(fs::path(first.folder).parent_path()));
  EXPECT_FALSE(registry_->Get(kCaller, "m"));
}

TEST_P(ModelRegistryTest, ListsNewestFirstAndRenames) {
  for (const std::string name : {"a", "b", "c"}) ASSERT_TRUE(Add(name, Stage("s" + name)));
  const auto names = [](const std::vector<ModelInfo>& models) {
    std::vector<std::string> names;
    for (const ModelInfo& model : models) names.push_back(model.name);
    return names;
  };
  const auto page = registry_->List(kCaller, 2, "").value();
  EXPECT_THAT(names(page), ElementsAre("c", "b"));
  EXPECT_THAT(names(registry_->List(kCaller, 2, page.back().id).value()), ElementsAre("a"));
  EXPECT_TRUE(registry_->List(kOther, 2, "").value().empty());
  EXPECT_EQ(registry_->List(kCaller, 2, "x").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(registry_->Rename(kCaller, "a", "B").error().code, ErrorCode::kConflict);
  EXPECT_EQ(registry_->Rename(kCaller, "a", "客户").value().name, "客户");
}

TEST_P(ModelRegistryTest, BundlesRoundTripAndRefuseTampering) {
  const ModelVersion version = Add("m", Stage("a", std::string(3000, 'x'))).value();
  const ModelInfo model = registry_->Get(kCaller, "m").value();
  const std::string path = folder_.path() + "/m.aimass";
  ASSERT_TRUE(WriteBundle(model, version, path));
  const std::string bytes = ReadFile(path).value();
  ASSERT_TRUE(WriteBundle(model, version, path));
  EXPECT_EQ(bytes, ReadFile(path).value()) << "the same version, the same bytes";
  EXPECT_EQ(bytes.size() % 512, 0u);

  int number = 0;
  const auto read = [&](const std::string& content) {
    const std::string file = folder_.path() + "/t.aimass";
    std::ofstream(file, std::ios::binary) << content;
    return ReadBundle(file, folder_.path() + "/unpacked" + std::to_string(++number));
  };
  const auto good = read(bytes);
  ASSERT_TRUE(good) << good.error().ToString();
  EXPECT_EQ(good->name, "m");
  EXPECT_EQ(good->task, "binary");
  EXPECT_EQ(good->lineage["lineage"], (Json{{"seed", 1}}));
  EXPECT_EQ(VerifyFolder(folder_.path() + "/unpacked1").value(), version.checksum);

  EXPECT_FALSE(read(""));
  EXPECT_EQ(read("PK\x03\x04 not a tar" + std::string(1000, ' ')).error().code,
            ErrorCode::kUnsupported);
  // Every flipped byte of a content or a header, and every cut, must be seen.
  int seen = 0;
  for (std::size_t at = 0; at < bytes.size() - 1024; at += 97) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    if (changed[at] == bytes[at]) continue;
    const auto found = read(changed);
    // Padding after an entry is the only place where a byte means nothing.
    const bool padding = bytes[at] == '\0' && found;
    EXPECT_TRUE(!found || padding) << "byte " << at;
    seen += found ? 0 : 1;
  }
  EXPECT_GT(seen, 30);
  for (std::size_t size = 0; size + 1024 < bytes.size(); size += 333)
    EXPECT_FALSE(read(bytes.substr(0, size))) << size;
}

TEST_P(ModelRegistryTest, ABundleCannotWriteElsewhere) {
  const ModelVersion version = Add("m", Stage("a")).value();
  const std::string path = folder_.path() + "/m.aimass";
  ASSERT_TRUE(WriteBundle(registry_->Get(kCaller, "m").value(), version, path));
  std::string bytes = ReadFile(path).value();
  const std::size_t at = bytes.find("member-0.txt", bytes.find("ustar", 512 * 3) - 257);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 12, "../../escape");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(bytes[at + i]);
  }
  for (int i = 5; i >= 0; --i, sum >>= 3)
    bytes[at + 148 + static_cast<std::size_t>(i)] = static_cast<char>('0' + (sum & 7));
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_FALSE(ReadBundle(path, folder_.path() + "/unpacked/x/y"));
  EXPECT_FALSE(fs::exists(folder_.path() + "/escape"));
  EXPECT_FALSE(fs::exists(folder_.path() + "/unpacked/escape"));
}

}  // namespace
}  // namespace aimass
