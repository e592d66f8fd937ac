#include "datasets/uploads.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

class UploadTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeFolder(folder_ / "workspaces" / "w1"));
    caller_.workspace = "w1";
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Piece(std::string_view content) {
    const std::string path = folder_ / ("piece-" + NewId());
    EXPECT_TRUE(WriteFileAtomic(path, content));
    return path;
  }
  const fs::path folder_ = fs::temp_directory_path() / ("aimass-uploads-" + NewId());
  UploadStore store_{folder_.string()};
  Caller caller_;
};

TEST_F(UploadTest, GrowsPieceByPieceAndSurvivesARestart) {
  const Upload made = store_.Create(caller_, 10, "filename 6K6i5Y2VLmNzdg==,type").value();
  EXPECT_EQ(made.name, "订单.csv");
  ASSERT_TRUE(store_.Append(caller_, made.id, 0, {}, Piece("hello")));
  UploadStore again(folder_.string());
  const Upload half = again.Get(caller_, made.id).value();
  EXPECT_EQ(half.offset, 5);
  EXPECT_FALSE(half.complete());
  const Upload done = again.Append(caller_, made.id, 5, {}, Piece("world")).value();
  EXPECT_TRUE(done.complete());
  EXPECT_EQ(ReadFile(done.path).value(), "helloworld");
}

TEST_F(UploadTest, RefusesPiecesThatDoNotFit) {
  const Upload made = store_.Create(caller_, 4, "").value();
  EXPECT_EQ(store_.Append(caller_, made.id, 1, {}, Piece("x")).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store_.Append(caller_, made.id, 0, {}, Piece("12345")).error().code,
            ErrorCode::kPayloadTooLarge);
  EXPECT_EQ(store_.Append(caller_, made.id, 0, 5, Piece("1")).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store_.Get(caller_, made.id).value().offset, 0);
}

TEST_F(UploadTest, LearnsItsLengthLater) {
  const Upload made = store_.Create(caller_, {}, "").value();
  ASSERT_TRUE(store_.Append(caller_, made.id, 0, {}, Piece("abc")));
  EXPECT_FALSE(store_.Get(caller_, made.id).value().complete());
  EXPECT_TRUE(store_.Append(caller_, made.id, 3, 3, Piece("")).value().complete());
}

TEST_F(UploadTest, DropsBytesThatWereNeverAcknowledged) {
  const Upload made = store_.Create(caller_, 6, "").value();
  ASSERT_TRUE(store_.Append(caller_, made.id, 0, {}, Piece("abc")));
  ASSERT_TRUE(WriteFileAtomic(
      made.path, "abcXYZXYZ"));  // as a crash between write and acknowledgement leaves it
  ASSERT_TRUE(store_.Append(caller_, made.id, 3, {}, Piece("def")));
  EXPECT_EQ(ReadFile(made.path).value(), "abcdef");
}

TEST_F(UploadTest, IsNotDeletedWhileAPieceIsWritten) {
  const Upload made = store_.Create(caller_, 6, "").value();
  {
    const FileDescriptor writing(open(made.path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(flock(writing.get(), LOCK_EX | LOCK_NB), 0);
    EXPECT_EQ(store_.Delete(caller_, made.id).error().code, ErrorCode::kConflict);
  }
  EXPECT_TRUE(store_.Delete(caller_, made.id));
  EXPECT_FALSE(fs::exists(made.path));
  EXPECT_FALSE(fs::exists(fs::path(made.path).replace_extension(".json")));
}

TEST_F(UploadTest, BelongsToItsWorkspace) {
  const Upload made = store_.Create(caller_, 1, "").value();
  Caller other;
  other.workspace = "w2";
  EXPECT_EQ(store_.Get(other, made.id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_.Get(caller_, "../../etc/passwd").error().code, ErrorCode::kNotFound);
}

TEST_F(UploadTest, Expires) {
  const Upload made = store_.Create(caller_, 1, "").value();
  const std::string description = fs::path(made.path).replace_extension(".json");
  Json json = ParseJson(ReadFile(description).value()).value();
  json["expires_ms"] = NowUnixMs() - 1;
  ASSERT_TRUE(WriteFileAtomic(description, json.dump()));
  EXPECT_EQ(store_.Get(caller_, made.id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_.DeleteExpired().value(), 0) << "younger than ten minutes";
  fs::last_write_time(made.path, fs::file_time_type::clock::now() - std::chrono::hours(30));
  EXPECT_EQ(store_.DeleteExpired().value(), 1);
  EXPECT_FALSE(fs::exists(made.path));
  EXPECT_FALSE(fs::exists(description));
}

TEST(ParseUploadMetadata, NamesTheBrokenPair) {
  EXPECT_EQ(ParseUploadMetadata("a Yg==, c").value(),
            (std::map<std::string, std::string>{{"a", "b"}, {"c", ""}}));
  for (const std::string_view text : {"a !", "a Yg==,a Yg==", "a Yg", ","}) {
    EXPECT_FALSE(ParseUploadMetadata(text)) << text;
  }
}

}  // namespace
}  // namespace aimass
