#include "sources/connectors/files/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/id.h"

namespace aimass::connectors::files {
namespace {
namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    fs::create_directories(root_ / "data");
    fs::create_directories(root_ / "drop");
  }
  ~FolderTest() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  void Put(const std::string& path, std::string_view text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  [[nodiscard]] Result<std::unique_ptr<FileConnection>> Open(const std::string& folder) const {
    return OpenFolder((root_ / folder).string(), {.data_folder = (root_ / "data").string()});
  }
  static std::string Listed(FileConnection& folder, const std::string& table) {
    const auto files = folder.ListFiles(table, CancelToken());
    if (!files) return files.error().ToString();
    std::string text;
    for (const SourceFile& file : *files) text += (text.empty() ? "" : " ") + file.path;
    return text;
  }
  [[nodiscard]] FetchRequest To(const std::string& name) const {
    return {.to = (root_ / name).string(), .cancel = {}, .progress = {}};
  }

  fs::path root_ = fs::temp_directory_path() / ("aimass-folder-" + NewId());
};

TEST_F(FolderTest, ListsWhatMatchesInOrder) {
  for (const char* path : {"drop/b.csv", "drop/a.csv", "drop/x/c.csv", "drop/.h.csv", "drop/y.txt",
                           "drop/__MACOSX/a.csv", "drop/.git/a.csv"}) {
    Put(path, "x");
  }
  const auto folder = Open("drop").value();
  EXPECT_EQ(Listed(*folder, "*.csv"), "a.csv b.csv");
  EXPECT_EQ(Listed(*folder, "**/*.csv"), "a.csv b.csv x/c.csv");
  EXPECT_EQ(Listed(*folder, "x/c.csv"), "x/c.csv");
  EXPECT_EQ(Listed(*folder, ".h.csv"), ".h.csv");
  EXPECT_EQ(Listed(*folder, ".git/*"), ".git/a.csv");
  EXPECT_EQ(Listed(*folder, "no.csv"), "");
  EXPECT_EQ(Listed(*folder, "x"), "");
  std::string tables;
  const auto proposed = folder->ListTables().value();
  for (const SourceTable& table : proposed) tables += table.name + " ";
  EXPECT_EQ(tables, "*.csv *.txt x/*.csv ");
}

TEST_F(FolderTest, FollowsNoLinkOutOfIt) {
  Put("drop/a.csv", "a");
  Put("outside/b.csv", "b");
  Put("data/admin.key", "secret");
  fs::create_symlink(root_ / "drop/a.csv", root_ / "drop/inside.csv");
  fs::create_symlink(root_ / "outside/b.csv", root_ / "drop/outside.csv");
  fs::create_symlink(root_ / "data/admin.key", root_ / "drop/key.csv");
  fs::create_directory_symlink(root_ / "data", root_ / "drop/folder");
  const auto folder = Open("drop").value();
  EXPECT_EQ(Listed(*folder, "**"), "a.csv inside.csv");
  EXPECT_EQ(Listed(*folder, "key.csv"), "'key.csv' leads out of the folder of the source");
  EXPECT_EQ(Listed(*folder, "folder/*"), "");
  const auto fetched =
      folder->Fetch({.path = "folder/admin.key", .name = {}, .state = {}}, To("got"));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, ErrorCode::kPermissionDenied);
  EXPECT_FALSE(fs::exists(root_ / "got"));
}

TEST_F(FolderTest, IsNeverTheDataFolder) {
  for (const char* path : {"data", "", "data/x"}) {
    fs::create_directories(root_ / "data/x");
    const auto folder = Open(path);
    ASSERT_FALSE(folder) << path;
    EXPECT_EQ(folder.error().code, ErrorCode::kPermissionDenied);
  }
}

TEST_F(FolderTest, FetchesWithChecksumAndTellsAnotherState) {
  Put("drop/a.csv", "one");
  const auto folder = Open("drop").value();
  const SourceFile listed = folder->ListFiles("a.csv", CancelToken()).value().front();
  const FetchedFile fetched = folder->Fetch(listed, To("got")).value();
  EXPECT_EQ(fetched.sha256, Sha256("one"));
  EXPECT_EQ(fetched.file.bytes, 3);
  EXPECT_EQ(fetched.file.state, listed.state);
  EXPECT_EQ(ReadFile(root_ / "got").value(), "one");
  Put("drop/a.csv", "two!");
  const SourceFile now = folder->ListFiles("*", CancelToken()).value().front();
  EXPECT_EQ(now.bytes, 4);
  EXPECT_NE(now.state, listed.state);
  FetchRequest small = To("small");
  small.max_bytes = 3;
  EXPECT_EQ(folder->Fetch(now, small).error().code, ErrorCode::kPayloadTooLarge);
}

TEST_F(FolderTest, ReadsNoPipe) {
  ASSERT_EQ(mkfifo((root_ / "drop/pipe.csv").c_str(), 0600), 0);
  const auto folder = Open("drop").value();
  EXPECT_EQ(Listed(*folder, "*.csv"), "");
  EXPECT_EQ(Listed(*folder, "pipe.csv"), "");
}

TEST_F(FolderTest, NoticesAFileThatGrowsWhileItIsRead) {
  Put("drop/a.csv", std::string(3 << 20, 'x'));
  const auto folder = Open("drop").value();
  const SourceFile listed = folder->ListFiles("a.csv", CancelToken()).value().front();
  FetchRequest request = To("got");
  request.progress = [this](std::int64_t) {
    std::ofstream(root_ / "drop/a.csv", std::ios::app) << "more";
  };
  const auto fetched = folder->Fetch(listed, request);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().ToString(), "file 'a.csv' changed while it was read");
}

}  // namespace
}  // namespace aimass::connectors::files
