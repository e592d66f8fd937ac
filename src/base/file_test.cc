#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/id.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(MakeFolder(folder_)); }
  void TearDown() override { fs::remove_all(folder_); }
  const fs::path folder_ = fs::temp_directory_path() / ("aimass-file-" + NewId());
};

TEST_F(FileTest, WritesReplacesAndReads) {
  const fs::path path = folder_ / "文件.txt";
  ASSERT_TRUE(WriteFileAtomic(path, "one", 0600));
  ASSERT_TRUE(WriteFileAtomic(path, "two", 0600));
  EXPECT_EQ(ReadFile(path).value(), "two");
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "a temporary file was left";
}

TEST_F(FileTest, OnlyOneCreatorWins) {
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([this, &won, i] {
        if (CreateFileAtomic(folder_ / "0.json", std::to_string(i))) ++won;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, SaysWhatIsWrong) {
  EXPECT_EQ(ReadFile(folder_ / "none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(WriteFileAtomic(folder_ / "no" / "such", "x").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomic(folder_ / "big", std::string(100, 'x')));
  EXPECT_EQ(ReadFile(folder_ / "big", 99).error().code, ErrorCode::kPayloadTooLarge);
}

TEST_F(FileTest, ReportsAFullDisk) {
  const Status status = WriteFileAtomic("/dev/full/x", "x");
  EXPECT_FALSE(status);
  EXPECT_EQ(SystemError(ENOSPC, "write", "/x").code, ErrorCode::kStorageFull);
}

TEST(Sha256, MatchesTheStandardsExample) {
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace aimass
