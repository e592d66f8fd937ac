// Runs job processes on this machine: posix_spawn, a process group each, events over a pipe on
// descriptor 3. Tried on Linux 5.10 to 6.8 with glibc 2.36.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "jobs/executor.h"

namespace aimass::executors::local {
namespace {

constexpr int kWatchEveryMs = 50;
constexpr std::size_t kMaxLine = std::size_t{256} << 20;

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

Result<pid_t> Spawn(const JobLaunch& launch, int events) {
  return StartProcess({.binary = launch.binary,
                       .arguments = {"run-job", launch.spec_path},
                       .environment = Environment(launch.limits),
                       .channel = events,
                       .output_path = launch.output_path});
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
    const Result<pid_t> spawned = Spawn(launch_, writer.get());
    writer.Reset();
    if (!spawned) {
      end.lost = true;
      end.output_tail = spawned.error().ToString();
      events_.on_end(std::move(end));
      return;
    }
    {
      const std::scoped_lock lock(mutex_);
      pid_ = *spawned;
      if (stopped_) kill(pid_, SIGTERM);  // asked before it existed
      if (killed_) kill(-pid_, SIGKILL);
    }
    const int status = Watch(*spawned, reader.get(), end);
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
          AnonymousMemoryOf(pid) > launch_.limits.memory_bytes) {
        end.out_of_memory = true;
        kill(-pid, SIGKILL);
      }
      // Look without reaping: until then the number belongs to nobody else, and the group can be
      // cleared.
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == pid) {
        const std::scoped_lock lock(mutex_);
        pid_ = -1;
        return KillAndReap(pid);  // what the job started ends with it
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
