#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "base/file.h"
#include "base/json.h"

namespace aimass {
namespace {

constexpr std::size_t kTailBytes = 2'000;

/// The number behind `label` in a file of /proc; 0 where there is none.
std::int64_t ProcNumber(const std::string& path, std::string_view label) {
  const auto text = ReadFile(path, 1 << 20);
  if (!text) return 0;
  auto at = text->find(label);
  if (at == std::string::npos) return 0;
  at = text->find_first_of("0123456789", at + label.size());
  std::int64_t number = 0;
  if (at != std::string::npos)
    std::from_chars(text->data() + at, text->data() + text->size(), number);
  return number;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> raw;
  for (std::string& text : texts) raw.push_back(text.data());
  raw.push_back(nullptr);
  return raw;
}

}  // namespace

Result<pid_t> StartProcess(const ProcessLaunch& launch) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, launch.channel, kChannelDescriptor);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, launch.output_path.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, kChannelDescriptor + 1);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);

  std::vector<std::string> arguments{launch.binary};
  arguments.insert(arguments.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<std::string> environment = launch.environment;
  pid_t pid = -1;
  const int error = posix_spawn(&pid, launch.binary.c_str(), &actions, &attributes,
                                Pointers(arguments).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return std::unexpected(SystemError(error, "run", launch.binary));
  return pid;
}

int KillAndReap(pid_t pid) {
  kill(-pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::int64_t AnonymousMemoryOf(pid_t pid) {
  return ProcNumber("/proc/" + std::to_string(pid) + "/status", "RssAnon:") * 1024;
}

std::int64_t DataSizeOf(pid_t pid) {
  return ProcNumber("/proc/" + std::to_string(pid) + "/status", "VmData:") * 1024;
}

std::int64_t DataRoomOf(pid_t pid) {
  rlimit limit{};
  if (prlimit(pid, RLIMIT_DATA, nullptr, &limit) != 0) return 0;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (limit.rlim_cur >= static_cast<rlim_t>(kMost)) return kMost;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(limit.rlim_cur) - DataSizeOf(pid));
}

std::int64_t SystemMemoryKills() { return ProcNumber("/proc/vmstat", "\noom_kill "); }

std::string TailOf(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  const off_t from =
      size > static_cast<off_t>(kTailBytes) ? size - static_cast<off_t>(kTailBytes) : 0;
  std::string text(static_cast<std::size_t>(size > 0 ? size - from : 0), '\0');
  const ssize_t got = pread(fd.get(), text.data(), text.size(), from);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (from > 0) {
    if (const auto line = text.find('\n'); line != std::string::npos) text.erase(0, line + 1);
  }
  while (text.ends_with('\n')) text.pop_back();
  const std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted).get<std::string>();
}

}  // namespace aimass
