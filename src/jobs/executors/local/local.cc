// Runs job processes on this machine: posix_spawn, a process group each, events over a pipe on
// descriptor 3. Tried on Linux 5.10 to 6.8 with glibc 2.36.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "jobs/executor.h"

namespace aimass::executors::local {
namespace {

constexpr int kEventDescriptor = 3;
constexpr int kWatchEveryMs = 50;
constexpr std::size_t kMaxLine = std::size_t{256} << 20;
constexpr std::size_t kTailBytes = 2'000;

// The number behind `label` in a file of /proc; 0 where there is none.
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

// Anonymous memory only: mapped libraries and data files can be dropped and cost nobody anything.
std::int64_t MemoryOf(pid_t pid) {
  return ProcNumber("/proc/" + std::to_string(pid) + "/status", "RssAnon:") * 1024;
}

// How many processes the system has killed for want of memory since it started.
std::int64_t SystemMemoryKills() { return ProcNumber("/proc/vmstat", "\noom_kill "); }

// The last lines of what a process wrote, as valid UTF-8 whatever it was.
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

std::vector<std::string> Environment(const JobLimits& limits) {
  const std::string threads = std::to_string(limits.threads);
  // Threads that spin while they wait cost a busy machine many times the work itself.
  std::vector<std::string> environment{"OMP_WAIT_POLICY=passive", "OMP_NUM_THREADS=" + threads,
                                       "OMP_THREAD_LIMIT=" + threads};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view given(*entry);
    const std::string_view name = given.substr(0, given.find('=') + 1);
    // A key in the server's environment is none of the job's business.
    if (name.starts_with("OMP_") || name == "AIMASS_KEY=") continue;
    environment.emplace_back(given);
  }
  return environment;
}

struct Spawned {
  pid_t pid = -1;
  int error = 0;
};

Spawned Spawn(const JobLaunch& launch, int events) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, events, kEventDescriptor);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, launch.output_path.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, kEventDescriptor + 1);

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

  std::vector<std::string> arguments{launch.binary, "run-job", launch.spec_path};
  std::vector<std::string> environment = Environment(launch.limits);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> raw;
    for (std::string& text : texts) raw.push_back(text.data());
    raw.push_back(nullptr);
    return raw;
  };
  Spawned spawned;
  spawned.error = posix_spawn(&spawned.pid, launch.binary.c_str(), &actions, &attributes,
                              pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return spawned;
}

class LocalProcess final : public JobProcess {
 public:
  LocalProcess(JobLaunch launch, JobEvents events)
      : launch_(std::move(launch)),
        events_(std::move(events)),
        // The thread that spawns lives as long as the process: the system sends the "parent died"
        // signal when that thread ends.
        thread_([this] { Run(); }) {}
  ~LocalProcess() override {
    Kill();
    thread_.join();
  }

  void Stop() override { Signal(SIGTERM, false); }
  void Kill() override { Signal(SIGKILL, true); }

 private:
  void Signal(int number, bool group) {
    const std::scoped_lock lock(mutex_);
    if (number == SIGKILL) killed_ = true;
    if (number == SIGTERM) stopped_ = true;
    if (pid_ > 0) kill(group ? -pid_ : pid_, number);
  }

  void Run() {
    JobEnd end;
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
      end.lost = true;
      end.output_tail = std::strerror(errno);
      events_.on_end(std::move(end));
      return;
    }
    const FileDescriptor reader(pipe_ends[0]);
    FileDescriptor writer(pipe_ends[1]);
    fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    const std::int64_t kills_before = SystemMemoryKills();
    const Spawned spawned = Spawn(launch_, writer.get());
    writer.Reset();
    if (spawned.error != 0) {
      end.lost = true;
      end.output_tail = fmt::format("{}: {}", launch_.binary, std::strerror(spawned.error));
      events_.on_end(std::move(end));
      return;
    }
    {
      const std::scoped_lock lock(mutex_);
      pid_ = spawned.pid;
      if (stopped_) kill(pid_, SIGTERM);  // asked before it existed
      if (killed_) kill(-pid_, SIGKILL);
    }
    const int status = Watch(spawned.pid, reader.get(), end);
    Read(reader.get());
    if (WIFSIGNALED(status)) {
      end.signal = WTERMSIG(status);
      const bool by_us = [this] {
        const std::scoped_lock lock(mutex_);
        return killed_;
      }();
      if (end.signal == SIGKILL && !by_us && SystemMemoryKills() > kills_before)
        end.out_of_memory = true;
    } else {
      end.exit_code = WEXITSTATUS(status);
    }
    end.output_tail = TailOf(launch_.output_path);
    events_.on_end(std::move(end));
  }

  // Reads events and watches memory until the process has ended; its wait status.
  int Watch(pid_t pid, int reader, JobEnd& end) {
    const FileDescriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    int pipe_fd = reader;
    for (;;) {
      pollfd wait[] = {{pipe_fd, POLLIN, 0}, {process.get(), POLLIN, 0}};
      poll(wait, 2, kWatchEveryMs);
      if (pipe_fd >= 0 && wait[0].revents != 0 && !Read(reader))
        pipe_fd = -1;  // closed: only the end is left
      if (!end.out_of_memory && launch_.limits.memory_bytes > 0 &&
          MemoryOf(pid) > launch_.limits.memory_bytes) {
        end.out_of_memory = true;
        kill(-pid, SIGKILL);
      }
      // Look without reaping: until then the number belongs to nobody else, and the group can be
      // cleared.
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == pid) {
        const std::scoped_lock lock(mutex_);
        kill(-pid, SIGKILL);  // what the job started ends with it
        pid_ = -1;
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        return status;
      }
    }
  }

  // Hands on the whole lines that are there; false once the pipe is closed.
  bool Read(int reader) {
    std::vector<char> block(std::size_t{1} << 16);
    for (;;) {
      const ssize_t got = read(reader, block.data(), block.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return true;
      if (got == 0) return false;
      const std::size_t searched = buffer_.size();
      buffer_.append(block.data(), static_cast<std::size_t>(got));
      std::size_t from = 0;
      for (auto at = buffer_.find('\n', searched); at != std::string::npos;
           at = buffer_.find('\n', from)) {
        Json event = Json::parse(buffer_.begin() + static_cast<std::ptrdiff_t>(from),
                                 buffer_.begin() + static_cast<std::ptrdiff_t>(at), nullptr, false);
        from = at + 1;
        if (event.is_object()) events_.on_event(std::move(event));
      }
      buffer_.erase(0, from);
      if (buffer_.size() > kMaxLine) {
        Log(LogLevel::kError, "job_event_too_long",
            {{"spec", launch_.spec_path}, {"bytes", buffer_.size()}});
        Kill();
        buffer_.clear();
      }
    }
  }

  const JobLaunch launch_;
  const JobEvents events_;
  std::mutex mutex_;
  pid_t pid_ = -1;  // -1: not yet, or reaped
  bool stopped_ = false;
  bool killed_ = false;
  std::string buffer_;
  std::thread thread_;
};

class LocalExecutor final : public JobExecutor {
 public:
  Result<std::unique_ptr<JobProcess>> Launch(const JobLaunch& launch, JobEvents events) override {
    return std::make_unique<LocalProcess>(launch, std::move(events));
  }
};

Result<std::unique_ptr<JobExecutor>> Open() { return std::make_unique<LocalExecutor>(); }

}  // namespace

void Register(ExecutorRegistry& registry);
void Register(ExecutorRegistry& registry) {
  registry.Add({.name = "local", .label = {"This machine", "本机"}, .open = Open});
}

}  // namespace aimass::executors::local
