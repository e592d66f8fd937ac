// The job's side of a job: `aimass run-job SPEC` in a process of its own. What it says on
// descriptor 3 is written down in docs/formats/job.md.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "jobs/queue.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr int kEventDescriptor = 3;
constexpr int kHeartbeatMs = 2'000;
constexpr std::int64_t kProgressEveryMs = 250;
constexpr int kPredecessorWaitMs = 10'000;

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitOrphaned = 3;  // nobody reads what we say: the server is gone

// Lines to the server. Whatever thread of the job writes, a line stays whole.
class EventPipe {
 public:
  // Without a server (a developer runs the command by hand) events go to standard output.
  EventPipe() : fd_(fcntl(kEventDescriptor, F_GETFD) >= 0 ? kEventDescriptor : STDOUT_FILENO) {
    if (fd_ == kEventDescriptor) fcntl(fd_, F_SETFD, FD_CLOEXEC);
  }
  int fd() const { return fd_; }
  bool has_server() const { return fd_ == kEventDescriptor; }

  void Send(const Json& event) {
    const std::string line = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    std::string_view rest = line;
    const std::scoped_lock lock(mutex_);
    while (!rest.empty()) {
      const ssize_t written = write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) _exit(kExitOrphaned);
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }

 private:
  const int fd_;
  std::mutex mutex_;
};

class ProcessContext final : public JobContext {
 public:
  ProcessContext(JobSpec spec, fs::path checkpoint, EventPipe& events)
      : spec_(std::move(spec)), checkpoint_(std::move(checkpoint)), events_(events) {}

  const JobSpec& spec() const override { return spec_; }
  const CancelToken& cancel() const override { return cancel_; }

  void Report(const Progress& progress) override {
    const std::scoped_lock lock(mutex_);
    pending_ = progress;
    SendPending(false);
  }

  // Called now and then, so that the last progress before a silent stretch is told too.
  void Flush(bool now) {
    const std::scoped_lock lock(mutex_);
    SendPending(now);
  }

  void Log(const Message& line) override {
    events_.Send({{"event", "log"}, {"time_ms", NowUnixMs()}, {"message", ToJson(line)}});
  }

  Status SaveCheckpoint(const Json& state) override {
    RETURN_IF_ERROR(
        WriteFileAtomic(checkpoint_, Json{{"format", 1}, {"state", state}}.dump(), 0600));
    events_.Send({{"event", "checkpoint"}});
    return {};
  }

  std::optional<Json> LoadCheckpoint() const override {
    const auto text = ReadFile(checkpoint_);
    if (!text) return std::nullopt;
    auto json = ParseJson(*text, 512);
    if (!json || !json->is_object() || !json->contains("state")) return std::nullopt;
    return std::move((*json)["state"]);
  }

 private:
  void SendPending(bool now) {
    if (!pending_ || (!now && SteadyMs() - sent_ms_ < kProgressEveryMs)) return;
    events_.Send({{"event", "progress"}, {"progress", ToJson(*pending_)}});
    pending_.reset();
    sent_ms_ = SteadyMs();
  }

  const JobSpec spec_;
  const fs::path checkpoint_;
  EventPipe& events_;
  CancelToken cancel_;
  std::mutex mutex_;
  std::optional<Progress> pending_;
  std::int64_t sent_ms_ = -kProgressEveryMs;
};

// Heartbeats, SIGTERM → cancel token, and the end of the server → end of this process.
class Watcher {
 public:
  Watcher(ProcessContext& context, EventPipe& events, FileDescriptor signals)
      : context_(context),
        events_(events),
        signals_(std::move(signals)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this](const std::stop_token& stop) { Watch(stop); }) {}
  ~Watcher() {
    thread_.request_stop();
    const std::uint64_t one = 1;
    static_cast<void>(!write(wake_.get(), &one, sizeof one));
  }

 private:
  void Watch(const std::stop_token& stop) {
    std::int64_t beat_ms = 0;
    while (!stop.stop_requested()) {
      // events = 0 on the pipe still tells POLLERR: its reader closed it.
      pollfd wait[] = {{signals_.get(), POLLIN, 0},
                       {wake_.get(), POLLIN, 0},
                       {events_.has_server() ? events_.fd() : -1, 0, 0}};
      poll(wait, 3, static_cast<int>(kProgressEveryMs));
      if ((wait[2].revents & (POLLERR | POLLHUP)) != 0) _exit(kExitOrphaned);
      if ((wait[0].revents & POLLIN) != 0) {
        signalfd_siginfo info{};
        if (read(signals_.get(), &info, sizeof info) > 0) context_.cancel().Cancel();
      }
      context_.Flush(false);
      if (SteadyMs() - beat_ms >= kHeartbeatMs) {
        beat_ms = SteadyMs();
        events_.Send({{"event", "heartbeat"}});
      }
    }
  }

  ProcessContext& context_;
  EventPipe& events_;
  const FileDescriptor signals_;
  const FileDescriptor wake_;
  std::jthread thread_;
};

void LimitProcess(const JobLimits& limits) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // The server answers people; a job may wait. And where memory runs out, the job goes, not the
  // server.
  static_cast<void>(setpriority(PRIO_PROCESS, 0, 5));
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    static_cast<void>(!write(fd, "600", 3));
    close(fd);
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The executor watches what is really used; this only turns one absurd allocation into bad_alloc.
  // Sanitizers reserve terabytes, which count here.
  if (limits.memory_bytes > 0) {
    constexpr rlim_t kReserved = rlim_t{2} << 30;  // stacks, arenas: asked for, never touched
    const rlim_t bytes = static_cast<rlim_t>(limits.memory_bytes) * 2 + kReserved;
    const rlimit data{bytes, bytes};
    setrlimit(RLIMIT_DATA, &data);
  }
#else
  static_cast<void>(limits);
#endif
}

// The process of an earlier attempt may still be dying (its server was killed): two must not work
// in one folder.
Result<FileDescriptor> LockFolder(const fs::path& folder) {
  const fs::path file = folder / "lock";
  FileDescriptor lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return std::unexpected(SystemError(errno, "create", file));
  for (int waited = 0; flock(lock.get(), LOCK_EX | LOCK_NB) != 0; waited += 20) {
    if (waited >= kPredecessorWaitMs) {
      return Fail(ErrorCode::kUnavailable, "an earlier attempt of the job is still running");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return lock;
}

Json OutOfMemory(const JobLimits& limits) {
  const Error error{
      .code = ErrorCode::kResourceExhausted,
      .message = Msg("the job ran out of memory: its limit is {} MB", limits.memory_bytes >> 20),
      .hint = Msg("raise the job's memory limit, or give it less data")};
  return {{"event", "error"}, {"error", ToJson(error)}, {"out_of_memory", true}};
}

Result<JobSpec> ReadSpec(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, 512));
  return JobSpecFromJson(json);
}

Result<Json> Work(const JobKindRegistry& kinds, ProcessContext& context) {
  ASSIGN_OR_RETURN(const JobKind* kind, kinds.Find(context.spec().kind));
  RETURN_IF_ERROR(MakeFolder(context.spec().work_folder));
  return kind->run(context);
}

}  // namespace

int RunJobProcess(const JobKindRegistry& kinds, const std::string& spec_path) {
  signal(SIGPIPE, SIG_IGN);
  EventPipe events;
  // Not when run by hand: a shell's pipeline may end its parts in any order.
  if (events.has_server()) prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Before any thread exists, so that every thread inherits the mask and only the watcher reads the
  // signal.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  FileDescriptor signals(signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK));

  const auto fail = [&events](const Error& error) {
    events.Send({{"event", "error"}, {"error", ToJson(error)}});
    return kExitFailed;
  };
  auto spec = ReadSpec(spec_path);
  if (!spec) return fail(spec.error());
  const JobLimits limits = spec->limits;
  LimitProcess(limits);
  const fs::path folder = fs::path(spec_path).parent_path();
  const auto lock = LockFolder(folder);
  if (!lock) return fail(lock.error());

  ProcessContext context(std::move(*spec), folder / "checkpoint.json", events);
  Json outcome;
  {
    const Watcher watcher(context, events, std::move(signals));
    try {
      auto result = Work(kinds, context);
      context.Flush(true);
      outcome = result ? Json{{"event", "result"}, {"output", std::move(*result)}}
                       : Json{{"event", "error"}, {"error", ToJson(result.error())}};
    } catch (const std::bad_alloc&) {
      outcome = OutOfMemory(limits);
    } catch (const std::exception& error) {
      const auto failure =
          Fail(ErrorCode::kInternal, "the job failed unexpectedly: {}", error.what());
      outcome = {{"event", "error"}, {"error", ToJson(failure.error())}};
    }
  }
  events.Send(outcome);
  return outcome["event"] == "result" ? kExitDone : kExitFailed;
}

}  // namespace aimass
