#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"

namespace aimass {
namespace {

std::string Folder() {
  const std::string folder = testing::TempDir() + "process-" + NewId();
  EXPECT_TRUE(MakeFolder(folder));
  return folder;
}

struct Pair {
  Pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours = FileDescriptor(ends[0]);
    theirs = FileDescriptor(ends[1]);
  }
  FileDescriptor ours, theirs;
};

Result<pid_t> Shell(const std::string& script, const Pair& pair, const std::string& output) {
  return StartProcess({.binary = "/bin/sh",
                       .arguments = {"-c", script},
                       .environment = {"GREETING=你好"},
                       .channel = pair.theirs.get(),
                       .output_path = output});
}

TEST(Process, HasItsChannelItsOutputAndNothingElse) {
  const std::string folder = Folder();
  Pair pair;
  const auto pid =
      Shell("echo said; echo \"$GREETING $HOME\" >&3; ls /proc/self/fd >&3", pair, folder + "/out");
  ASSERT_TRUE(pid) << pid.error().ToString();
  pair.theirs.Reset();
  std::string heard;
  char block[256];
  for (ssize_t got = 0; (got = read(pair.ours.get(), block, sizeof block)) > 0;)
    heard.append(block, static_cast<std::size_t>(got));
  EXPECT_EQ(heard, "你好 \n0\n1\n2\n3\n4\n");  // 4 is the listing's own
  const int status = KillAndReap(*pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(TailOf(folder + "/out"), "said");
}

TEST(Process, IsKilledWithWhatItStarted) {
  const std::string folder = Folder();
  Pair pair;
  const auto pid = Shell("sleep 600 & echo $! >&3; wait", pair, folder + "/out");
  ASSERT_TRUE(pid) << pid.error().ToString();
  pair.theirs.Reset();
  char block[64] = {};
  ASSERT_GT(read(pair.ours.get(), block, sizeof(block) - 1), 0);
  EXPECT_GT(AnonymousMemoryOf(*pid), 0);
  EXPECT_GE(DataSizeOf(*pid), AnonymousMemoryOf(*pid) / 2);
  const int status = KillAndReap(*pid);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  // The socket closes when nobody holds its other end any more.
  while (read(pair.ours.get(), block, sizeof block) > 0) {
  }
  EXPECT_EQ(AnonymousMemoryOf(*pid), 0);
}

TEST(Process, SaysHowMuchItMayStillAdd) {
  const std::string folder = Folder();
  Pair pair;
  const auto pid = Shell("ulimit -d 65536; echo limited >&3; sleep 600", pair, folder + "/out");
  ASSERT_TRUE(pid) << pid.error().ToString();
  char block[64] = {};
  ASSERT_GT(read(pair.ours.get(), block, sizeof(block) - 1), 0);
  EXPECT_EQ(DataRoomOf(*pid), (std::int64_t{64} << 20) - DataSizeOf(*pid));
  KillAndReap(*pid);
  EXPECT_EQ(DataRoomOf(*pid), 0);
}

TEST(Process, NamesABinaryThatCannotRun) {
  const std::string folder = Folder();
  const Pair pair;
  const auto pid = StartProcess(
      {.binary = folder + "/absent", .channel = pair.theirs.get(), .output_path = folder + "/out"});
  ASSERT_FALSE(pid);
  EXPECT_NE(pid.error().ToString().find("absent"), std::string::npos);
}

}  // namespace
}  // namespace aimass
