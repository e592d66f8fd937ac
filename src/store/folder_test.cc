// The data folder, blobs, backup, restore and doctor on real folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "store/backup.h"
#include "store/backup_file.h"
#include "store/blobs.h"
#include "store/data_folder.h"
#include "store/doctor.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::TempFolder;

std::string ErrorOf(const auto& result) { return result ? "no error" : result.error().ToString(); }

TEST(DataFolder, MakesItsLayoutAndHoldsTheLock) {
  TempFolder temp;
  const std::string path = temp.path() + "/数据 folder";
  {
    const auto folder = DataFolder::Open(path);
    ASSERT_TRUE(folder) << ErrorOf(folder);
    for (const char* name : {"aimass.json", "workspaces", "jobs", "tmp"})
      EXPECT_TRUE(fs::exists(path + "/" + name));
    EXPECT_EQ(DataFolderHolder(path), getpid());
    const auto second = DataFolder::Open(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_EQ(second.error().ToString(),
              fmt::format("the data folder '{}' is in use by process {}", path, getpid()));
    std::ofstream(path + "/tmp/rest") << "x";
  }
  EXPECT_EQ(DataFolderHolder(path), 0);
  EXPECT_TRUE(DataFolder::Open(path + "/"));
  EXPECT_FALSE(fs::exists(path + "/tmp/rest")) << "tmp is emptied at start";
}

TEST(DataFolder, RefusesWhatIsNotItsOwn) {
  TempFolder temp;
  std::ofstream(temp.path() + "/file") << "x";
  EXPECT_THAT(ErrorOf(DataFolder::Open(temp.path() + "/file")), HasSubstr("is not a folder"));
  EXPECT_THAT(ErrorOf(DataFolder::Open(temp.path())),
              HasSubstr("neither empty nor a data folder: it has 'file'"));
  EXPECT_FALSE(fs::exists(temp.path() + "/lock")) << "nothing is left in a stranger's folder";
  const std::string newer = temp.path() + "/newer";
  fs::create_directories(newer);
  std::ofstream(newer + "/aimass.json") << R"({"format": 2})";
  const auto refused = DataFolder::Open(newer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  std::ofstream(newer + "/aimass.json") << "{";
  EXPECT_THAT(ErrorOf(DataFolder::Open(newer)), HasSubstr("is damaged"));
}

TEST(DataFolder, SaysWhenItCannotBeWritten) {
  TempFolder temp;
  const std::string path = temp.path() + "/data";
  ASSERT_TRUE(DataFolder::Open(path));
  if (geteuid() == 0) {  // root may write everywhere: ask as somebody else
    chmod(temp.path().c_str(), 0755);
    const pid_t child = fork();
    if (child == 0) {
      const bool ready = setgid(65534) == 0 && setuid(65534) == 0;
      const auto folder = DataFolder::Open(path);
      _exit(ready && !folder && folder.error().code == ErrorCode::kPermissionDenied ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  } else {
    chmod(path.c_str(), 0555);
    const auto folder = DataFolder::Open(path);
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().code, ErrorCode::kPermissionDenied);
    chmod(path.c_str(), 0755);
  }
}

TEST(DataFolder, DeletesOnlyInside) {
  TempFolder temp;
  ASSERT_TRUE(DataFolder::Open(temp.path() + "/data"));
  std::ofstream(temp.path() + "/outside") << "x";
  const std::string data = temp.path() + "/data";
  for (const std::string& path :
       {temp.path() + "/outside", data + "/../outside", data, data + "/."}) {
    const Status done = DeleteFiles(data, {path});
    ASSERT_FALSE(done) << path;
    EXPECT_EQ(done.error().code, ErrorCode::kInvalidArgument);
  }
  fs::create_directories(data + "/workspaces/w/models/m");
  EXPECT_TRUE(DeleteFiles(data, {data + "/workspaces/w/models/m", data + "/workspaces/w/nothing"}));
  EXPECT_FALSE(fs::exists(data + "/workspaces/w/models/m"));
  EXPECT_TRUE(fs::exists(temp.path() + "/outside"));
}

TEST(DataFolder, DeletesNothingThatALinkLeadsTo) {
  TempFolder temp;
  const std::string data = temp.path() + "/data";
  ASSERT_TRUE(DataFolder::Open(data));
  fs::create_directories(data + "/workspaces/w/models/m");
  fs::create_directory_symlink(data + "/workspaces/w", data + "/workspaces/alias");
  const Status refused = DeleteFiles(data, {data + "/workspaces/alias/models/m"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(ErrorOf(refused), HasSubstr("a symbolic link leads it to"));
  EXPECT_TRUE(fs::exists(data + "/workspaces/w/models/m"));
  EXPECT_TRUE(DeleteFiles(data, {data + "/workspaces/alias"}));  // the link itself
  EXPECT_TRUE(fs::exists(data + "/workspaces/w/models/m"));
  EXPECT_FALSE(fs::is_symlink(data + "/workspaces/alias"));
  // A workspace that was moved to another disk, and a data folder that is itself a link, are used
  // as any other.
  fs::rename(data + "/workspaces/w", temp.path() + "/moved");
  fs::create_directory_symlink(temp.path() + "/moved", data + "/workspaces/w");
  fs::create_directory_symlink(data, temp.path() + "/link");
  const Status done = DeleteFiles(data, {temp.path() + "/link/workspaces/w/models/m"});
  EXPECT_TRUE(done) << ErrorOf(done);
  EXPECT_FALSE(fs::exists(temp.path() + "/moved/models/m"));
}

unsigned ModeOf(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

TEST(DataFolder, IsClosedToOthersAndLaterAsItsOperatorSetIt) {
  TempFolder temp;
  const std::string made = temp.path() + "/made";
  ASSERT_TRUE(DataFolder::Open(made));
  EXPECT_EQ(ModeOf(made), 0700U);
  const std::string empty = temp.path() + "/empty";
  fs::create_directories(empty);
  chmod(empty.c_str(), 0755);
  ASSERT_TRUE(DataFolder::Open(empty));
  EXPECT_EQ(ModeOf(empty), 0700U);
  chmod(empty.c_str(), 0750);  // for the group that takes backups
  ASSERT_TRUE(DataFolder::Open(empty));
  EXPECT_EQ(ModeOf(empty), 0750U);
}

TEST(Blobs, AreStoredOnceUnderTheirContent) {
  TempFolder temp;
  BlobStore blobs(temp.path(), "w");
  const auto first = blobs.Put("内容");
  ASSERT_TRUE(first) << ErrorOf(first);
  EXPECT_EQ(first->sha256, Sha256("内容"));
  EXPECT_EQ(first->bytes, 6);
  EXPECT_EQ(blobs.Put("内容")->sha256, first->sha256);
  std::ofstream(temp.path() + "/file") << "内容";
  EXPECT_EQ(blobs.PutFile(temp.path() + "/file")->sha256, first->sha256);
  std::ofstream(temp.path() + "/other") << "other";
  const auto other = blobs.PutFile(temp.path() + "/other");
  ASSERT_TRUE(other);
  fs::remove(temp.path() + "/other");
  EXPECT_EQ(blobs.Get(other->sha256), "other");
  EXPECT_EQ(blobs.Get(first->sha256), "内容");
  EXPECT_TRUE(blobs.Delete(first->sha256));
  EXPECT_TRUE(blobs.Delete(first->sha256));
  EXPECT_EQ(blobs.Get(first->sha256).error().code, ErrorCode::kNotFound);
  for (const char* name : {"", "../../etc/passwd", "ABCD"}) {
    EXPECT_EQ(blobs.Get(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(BlobStore(temp.path(), "other").Get(other->sha256)) << "workspaces share nothing";
}

class BackupTest : public ::testing::TestWithParam<const char*> {
 protected:
  BackupTest() : data_(temp_.path() + "/data"), folder_(DataFolder::Open(data_)) {
    database_ = std::move(*Database::Open(folder_->DatabaseUrl()));
    EXPECT_TRUE(database_->Execute("CREATE TABLE files (path TEXT PRIMARY KEY)"));
  }
  void AddFile(const std::string& name, const std::string& content) {
    const fs::path path = fs::path(data_) / "workspaces" / "w" / name;
    ASSERT_TRUE(MakeFolder(path.parent_path()));
    ASSERT_TRUE(WriteFileAtomic(path, content));
    ASSERT_TRUE(database_->Execute("INSERT INTO files VALUES (?)",
                                   {path.lexically_relative(data_).string()}));
  }
  std::string Target() const { return temp_.path() + "/" + GetParam(); }

  TempFolder temp_;
  std::string data_;
  Result<DataFolder> folder_;
  std::unique_ptr<Database> database_;
};
INSTANTIATE_TEST_SUITE_P(, BackupTest,
                         ::testing::Values("folder", "b.tar", "b.tar.gz", "b.tar.zst"));

TEST_P(BackupTest, GoesThereAndBack) {
  AddFile("datasets/销售/part 1.parquet", std::string(3'000'000, 'x') + "end");
  AddFile("models/m/empty", "");
  ASSERT_TRUE(WriteFileAtomic(data_ + "/admin.key", "aim_secret", 0600));
  ASSERT_TRUE(WriteFileAtomic(data_ + "/tmp/upload", "temporary"));
  const auto done = Backup(*database_, {}, data_, Target());
  ASSERT_TRUE(done) << ErrorOf(done);
  EXPECT_EQ(done->files, 4);  // metadata.db, aimass.json and the two
  EXPECT_EQ(VerifyBackup(Target())->files, 4);
  EXPECT_TRUE(fs::is_empty(data_ + "/tmp") ||
              fs::directory_iterator(data_ + "/tmp")->path().filename() == "upload");
  EXPECT_THAT(ErrorOf(Backup(*database_, {}, data_, Target())), HasSubstr("exists"));
  EXPECT_EQ(Restore(Target(), data_).error().code, ErrorCode::kConflict)
      << "what is there is not overwritten";

  const std::string restored = temp_.path() + "/restored";
  const auto back = Restore(Target(), restored);
  ASSERT_TRUE(back) << ErrorOf(back);
  EXPECT_FALSE(fs::exists(restored + "/admin.key"));
  EXPECT_FALSE(fs::exists(restored + "/tmp/upload"));
  EXPECT_EQ(ReadFile(restored + "/workspaces/w/datasets/销售/part 1.parquet"),
            std::string(3'000'000, 'x') + "end");
  const auto folder = DataFolder::Open(restored);
  ASSERT_TRUE(folder) << ErrorOf(folder);
  const auto database = Database::Open(folder->DatabaseUrl());
  ASSERT_TRUE(database);
  EXPECT_EQ((*database)->Select("SELECT path FROM files")->size(), 2U);
}

TEST_P(BackupTest, HasEveryFileThatItsMetadataNamesWhileOthersWriteAndDelete) {
  for (int i = 0; i < 20; ++i) AddFile("old/" + std::to_string(i), "content");
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      AddFile("new/" + std::to_string(i), "content " + std::to_string(i));
      const auto rows = database_->Select("SELECT path FROM files ORDER BY path LIMIT 1");
      const std::string oldest = rows->at(0).Text(0);
      if (!database_->Execute("DELETE FROM files WHERE path = ?", {oldest})) return;
      if (!DeleteFiles(data_, {data_ + "/" + oldest})) return;
    }
  });
  for (int round = 0; round < 3; ++round) {
    const std::string target = temp_.path() + "/" + std::to_string(round) + GetParam();
    const auto done = Backup(*database_, {}, data_, target);
    ASSERT_TRUE(done) << ErrorOf(done);
    const std::string restored = temp_.path() + "/restored" + std::to_string(round);
    ASSERT_TRUE(Restore(target, restored));
    const auto database = Database::Open("sqlite://" + restored + "/metadata.db");
    const auto rows = (*database)->Select("SELECT path FROM files");
    EXPECT_GE(rows->size(), 20U);
    for (const SqlRow& row : *rows)
      EXPECT_TRUE(fs::exists(restored + "/" + row.Text(0))) << row.Text(0);
  }
}

TEST_P(BackupTest, FollowsAWorkspaceThatWasMovedAndEndsWhereLinksTurnBack) {
  AddFile("datasets/d/part", "content");
  AddFile("datasets/d/linked", "elsewhere");
  const std::string moved = temp_.path() + "/moved";
  fs::rename(data_ + "/workspaces/w", moved);
  fs::create_directory_symlink(moved, data_ + "/workspaces/w");
  fs::rename(moved + "/datasets/d/linked", temp_.path() + "/file");
  fs::create_symlink("../../../file", moved + "/datasets/d/linked");
  fs::create_directory_symlink(moved, moved + "/datasets/round");
  fs::create_directory_symlink(temp_.path(), moved + "/datasets/above");
  const auto done = Backup(*database_, {}, data_, Target());
  ASSERT_TRUE(done) << ErrorOf(done);
  EXPECT_EQ(done->files, 4);
  const std::string restored = temp_.path() + "/restored";
  ASSERT_TRUE(Restore(Target(), restored));
  EXPECT_EQ(ReadFile(restored + "/workspaces/w/datasets/d/part"), "content");
  EXPECT_EQ(ReadFile(restored + "/workspaces/w/datasets/d/linked"), "elsewhere");
  EXPECT_EQ(ModeOf(restored), 0700U);
  EXPECT_EQ(ModeOf(restored + "/metadata.db"), 0600U);
  EXPECT_EQ(ModeOf(restored + "/workspaces/w/datasets/d/part"), 0600U);
}

TEST_P(BackupTest, IsNotMadeWithoutAFileThatTheMetadataNames) {
  AddFile("datasets/d/part", "content");
  const AddFileOwners owners = [](FileOwnerRegistry& registry, const std::string& folder) {
    registry.Add({.name = "files",
                  .places = {},
                  .references = [folder](Database& database) -> Result<std::vector<FileReference>> {
                    ASSIGN_OR_RETURN(const auto rows, database.Select("SELECT path FROM files"));
                    std::vector<FileReference> references;
                    for (const SqlRow& row : rows) {
                      references.push_back(
                          {.path = folder + "/" + row.Text(0), .owner = "dataset 'd'"});
                    }
                    return references;
                  }});
  };
  const std::string part = data_ + "/workspaces/w/datasets/d/part";
  fs::rename(part, temp_.path() + "/part");
  const auto refused = Backup(*database_, {}, data_, Target(), {}, {}, owners);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnprocessable);
  EXPECT_THAT(ErrorOf(refused), HasSubstr("'" + part + "' of dataset 'd' is missing"));
  EXPECT_FALSE(fs::exists(Target()));
  EXPECT_TRUE(fs::is_empty(data_ + "/tmp"));
  fs::rename(temp_.path() + "/part", part);
  const auto done = Backup(*database_, {}, data_, Target(), {}, {}, owners);
  ASSERT_TRUE(done) << ErrorOf(done);
  EXPECT_EQ(done->files, 3);
}

TEST_P(BackupTest, AKeyThatSomebodyAddedIsRefused) {
  for (const std::string name : {"admin.key", "secrets.key", "server.json"}) {
    const std::string target = temp_.path() + "/" + name + GetParam();
    auto writer = store::BackupWriter::Open(target);
    ASSERT_TRUE(writer) << ErrorOf(writer);
    const auto add = [&](const std::string& path, const std::string& content) {
      std::ofstream(temp_.path() + "/source", std::ios::trunc) << content;
      EXPECT_TRUE((*writer)->Add(path, temp_.path() + "/source",
                                 static_cast<std::int64_t>(content.size())));
    };
    add(name, "planted");
    add("manifest.json",
        Json{{"format", 1},
             {"files", {{{"path", name}, {"bytes", 7}, {"sha256", Sha256("planted")}}}}}
            .dump());
    ASSERT_TRUE((*writer)->Finish());
    const auto refused = Restore(target, temp_.path() + "/restored");
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnprocessable);
    EXPECT_THAT(ErrorOf(refused), HasSubstr("it has a file '" + name + "'"));
    EXPECT_FALSE(fs::exists(temp_.path() + "/restored"));
  }
}

TEST_P(BackupTest, DamageIsFoundAndNothingIsLeft) {
  std::string noise;  // does not compress, so that a changed byte hits content
  for (unsigned int i = 0, x = 1; i < 200'000; ++i)
    noise += static_cast<char>((x = x * 1664525U + 1013904223U) >> 24);
  AddFile("datasets/d/part", noise);
  ASSERT_TRUE(Backup(*database_, {}, data_, Target()));
  const fs::path victim = fs::is_directory(Target())
                              ? fs::path(Target()) / "workspaces/w/datasets/d/part"
                              : fs::path(Target());
  const auto middle = static_cast<std::streamoff>(fs::file_size(victim) / 2);
  {
    std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(middle);
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(middle);
    file.put(byte);
  }
  const auto verified = VerifyBackup(Target());
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, ErrorCode::kUnprocessable) << ErrorOf(verified);
  EXPECT_FALSE(Restore(Target(), temp_.path() + "/restored"));
  EXPECT_FALSE(fs::exists(temp_.path() + "/restored"));
  for (const auto& entry : fs::directory_iterator(temp_.path())) {
    EXPECT_EQ(entry.path().string().find(".restore-"), std::string::npos);
  }
}

TEST_P(BackupTest, StopsWhenCancelled) {
  AddFile("datasets/d/part", "x");
  const CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(Backup(*database_, {}, data_, Target(), cancel).error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(fs::exists(Target()));
}

TEST(Backup, RefusesBadPlacesAndStrangers) {
  TempFolder temp;
  const auto folder = DataFolder::Open(temp.path() + "/data");
  auto database = std::move(*Database::Open(folder->DatabaseUrl()));
  EXPECT_THAT(ErrorOf(Backup(*database, {}, folder->path(), folder->path() + "/b")),
              HasSubstr("inside the data folder"));
  EXPECT_EQ(Restore(temp.path() + "/nothing", temp.path() + "/r").error().code,
            ErrorCode::kNotFound);
  std::ofstream(temp.path() + "/text.tar") << "not an archive";
  EXPECT_EQ(Restore(temp.path() + "/text.tar", temp.path() + "/r").error().code,
            ErrorCode::kUnprocessable);
  fs::create_directories(temp.path() + "/plain");
  EXPECT_THAT(ErrorOf(VerifyBackup(temp.path() + "/plain")), HasSubstr("no manifest.json"));
}

class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() : data_(temp_.path() + "/data"), folder_(DataFolder::Open(data_)) {
    database_ = std::move(*Database::Open(folder_->DatabaseUrl()));
    owners_.Add({.name = "models",
                 .places = {"workspaces/*/models/*", "workspaces/*/blobs/*"},
                 .references = [this](Database&) -> Result<std::vector<FileReference>> {
                   return references_;
                 }});
    RegisterStoreProbes(probes_, owners_);
  }
  std::string Make(const std::string& relative, const std::string& content, bool old = true) {
    const fs::path path = fs::path(data_) / relative;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    const auto time = fs::file_time_type::clock::now() - std::chrono::hours(old ? 2 : 0);
    fs::last_write_time(path, time);
    fs::last_write_time(path.parent_path(), time);
    return path.string();
  }
  DoctorReport Run(bool deep = false, bool clean = false) {
    auto report =
        RunDoctor(probes_, {.data_folder = data_, .database = *database_, .deep = deep}, clean);
    EXPECT_TRUE(report) << ErrorOf(report);
    return std::move(*report);
  }
  const Finding* Of(const DoctorReport& report, std::string_view probe, Severity severity) const {
    for (const Finding& finding : report.findings) {
      if (finding.probe == probe && finding.severity == severity) return &finding;
    }
    return nullptr;
  }

  TempFolder temp_;
  std::string data_;
  Result<DataFolder> folder_;
  std::unique_ptr<Database> database_;
  std::vector<FileReference> references_;
  FileOwnerRegistry owners_{"file owner"};
  ProbeRegistry probes_{"probe"};
};

TEST_F(DoctorTest, AHealthyFolder) {
  references_ = {{.path = Make("workspaces/w/blobs/b", "abc"),
                  .sha256 = Sha256("abc"),
                  .bytes = 3,
                  .owner = "blob"}};
  const DoctorReport report = Run(true);
  EXPECT_TRUE(report.healthy());
  for (const char* probe : {"format", "lock", "metadata", "files"}) {
    EXPECT_NE(Of(report, probe, Severity::kOk), nullptr) << probe;
  }
}

TEST_F(DoctorTest, FindsWhatIsMissingOrDamaged) {
  references_ = {{.path = Make("workspaces/w/blobs/b", "abd"),
                  .sha256 = Sha256("abc"),
                  .bytes = 3,
                  .owner = "blob"}};
  EXPECT_TRUE(Run(false).healthy()) << "the checksum is compared on request only";
  const DoctorReport deep = Run(true);
  ASSERT_NE(Of(deep, "files", Severity::kError), nullptr);
  EXPECT_THAT(Render(Of(deep, "files", Severity::kError)->message, Language::kEnglish),
              HasSubstr("is damaged"));
  references_[0].bytes = 4;
  EXPECT_FALSE(Run().healthy());
  references_ = {{.path = data_ + "/workspaces/w/models/m", .folder = true, .owner = "model 'm'"}};
  const DoctorReport missing = Run();
  ASSERT_NE(Of(missing, "files", Severity::kError), nullptr);
  EXPECT_THAT(Render(Of(missing, "files", Severity::kError)->message, Language::kEnglish),
              HasSubstr("model 'm': the folder"));
}

TEST_F(DoctorTest, CleansOrphansThatAreOldAndNothingElse) {
  Make("workspaces/w/models/kept/file", "x");
  references_ = {{.path = data_ + "/workspaces/w/models/kept", .folder = true, .owner = "model"}};
  Make("workspaces/w/models/orphan/file", "x");
  Make("workspaces/w/models/young/file", "x", false);
  Make("workspaces/w/elsewhere/file", "x");
  references_.push_back({.path = data_ + "/workspaces/w/models/shallow",
                         .folder = true,
                         .contents = false,
                         .owner = "table"});
  Make("workspaces/w/models/shallow/file", "x");
  const std::string unfinished = Make("workspaces/w/elsewhere/file.tmp-" + NewId(), "x");
  Make("workspaces/w/elsewhere/young.tmp-" + NewId(), "x", false);
  Make("workspaces/w/elsewhere/my.tmp-file", "x");
  const DoctorReport found = Run();
  EXPECT_TRUE(found.healthy());
  const Finding* orphans = Of(found, "files", Severity::kWarning);
  ASSERT_NE(orphans, nullptr);
  EXPECT_EQ(orphans->paths,
            (std::vector<std::string>{unfinished, data_ + "/workspaces/w/models/orphan"}));
  EXPECT_TRUE(fs::exists(data_ + "/workspaces/w/models/orphan"));
  Run(false, true);
  EXPECT_FALSE(fs::exists(data_ + "/workspaces/w/models/orphan"));
  for (const char* kept : {"models/kept/file", "models/young/file", "elsewhere/file"}) {
    EXPECT_TRUE(fs::exists(data_ + "/workspaces/w/" + kept)) << kept;
  }
  EXPECT_EQ(Of(Run(), "files", Severity::kWarning), nullptr);
}

TEST_F(DoctorTest, NeverLooksForOrphansBehindLinks) {
  Make("workspaces/w/models/kept/file", "x");
  Make("workspaces/w/blobs/kept", "x");
  references_ = {{.path = data_ + "/workspaces/w/models/kept", .folder = true, .owner = "model"},
                 {.path = data_ + "/workspaces/w/blobs/kept", .owner = "blob"}};
  const std::string alias = data_ + "/workspaces/alias";
  fs::create_directory_symlink(data_ + "/workspaces/w", alias);
  const DoctorReport report = Run(false, true);
  EXPECT_TRUE(report.healthy());
  EXPECT_TRUE(fs::exists(data_ + "/workspaces/w/models/kept/file"));
  EXPECT_TRUE(fs::exists(data_ + "/workspaces/w/blobs/kept"));
  EXPECT_TRUE(fs::is_symlink(alias));
  EXPECT_EQ(Of(Run(), "files", Severity::kWarning), nullptr);
  bool told = false;
  for (const Finding& finding : report.findings) {
    told = told || Render(finding.message, Language::kEnglish).starts_with("'" + alias + "' is a");
  }
  EXPECT_TRUE(told);
}

TEST_F(DoctorTest, KnowsWhatWasMovedByItsRealName) {
  Make("workspaces/w/models/kept/file", "x");
  Make("workspaces/w/blobs/kept", "x");
  Make("workspaces/w/models/orphan/file", "x");
  references_ = {{.path = data_ + "/workspaces/w/models/kept", .folder = true, .owner = "model"},
                 {.path = data_ + "/workspaces/w/blobs/kept", .owner = "blob"}};
  // Within the folder: the files lie at a place of their kind, under a name nobody references.
  fs::rename(data_ + "/workspaces/w", data_ + "/workspaces/real");
  fs::create_directory_symlink("real", data_ + "/workspaces/w");
  fs::rename(data_ + "/workspaces/real/blobs/kept", data_ + "/workspaces/real/blobs/other");
  fs::create_symlink("other", data_ + "/workspaces/real/blobs/kept");
  EXPECT_TRUE(Run(false, true).healthy());
  EXPECT_TRUE(fs::exists(data_ + "/workspaces/w/models/kept/file"));
  EXPECT_TRUE(fs::exists(data_ + "/workspaces/w/blobs/kept"));
  EXPECT_FALSE(fs::exists(data_ + "/workspaces/real/models/orphan"));
  EXPECT_TRUE(Run().healthy());
}

TEST_F(DoctorTest, WarnsOfAFolderThatOthersMayEnter) {
  std::ofstream(data_ + "/admin.key") << "key";
  chmod((data_ + "/admin.key").c_str(), 0600);
  EXPECT_NE(Of(Run(), "access", Severity::kOk), nullptr);
  chmod(data_.c_str(), 0750);
  EXPECT_NE(Of(Run(), "access", Severity::kOk), nullptr) << "a group is the operator's choice";
  chmod(data_.c_str(), 0755);
  const DoctorReport open = Run(false, true);
  ASSERT_NE(Of(open, "access", Severity::kWarning), nullptr);
  EXPECT_THAT(Render(Of(open, "access", Severity::kWarning)->message, Language::kEnglish),
              HasSubstr("its mode is 0755"));
  chmod(data_.c_str(), 0700);
  chmod((data_ + "/admin.key").c_str(), 0640);
  EXPECT_NE(Of(Run(), "access", Severity::kWarning), nullptr);
}

TEST_F(DoctorTest, AProbeThatFailsIsAFinding) {
  std::ofstream(data_ + "/aimass.json") << "damaged";
  const DoctorReport report = Run();
  EXPECT_FALSE(report.healthy());
  EXPECT_NE(Of(report, "format", Severity::kError), nullptr);
}

}  // namespace
}  // namespace aimass
