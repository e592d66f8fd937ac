#include "datasets/sql/workers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/id.h"
#include "base/log.h"
#include "base/process.h"
#include "datasets/sql/frames.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kLookEveryMs = 20;
constexpr std::int64_t kGraceMs = 500;  // for DuckDB to end a query by itself
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::int64_t kIdleBytes = std::int64_t{192}
                                    << 20;  // a process that holds more is not kept

/// What a process of user SQL gets to know of the server's environment.
constexpr std::array<std::string_view, 6> kVariables{
    "LD_LIBRARY_PATH", "LANG", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};

std::vector<std::string> Environment() {
  std::vector<std::string> environment;
  for (const std::string_view name : kVariables) {
    if (const char* const value = std::getenv(std::string(name).c_str()); value != nullptr)
      environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

/// "1.5 GiB", as DuckDB writes it.
std::string SizeText(std::int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

}  // namespace

std::int64_t SqlMemoryBesides(std::int64_t memory_bytes) {
  return (std::int64_t{192} << 20) + memory_bytes / 8;
}

/// One process and the server's end of its socket.
class SqlWorkers::Process {
 public:
  static Result<std::unique_ptr<Process>> Start(const Options& options) {
    auto process = std::make_unique<Process>(options);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return std::unexpected(SystemError(errno, "create", "socketpair"));
    process->socket_ = FileDescriptor(ends[0]);
    const FileDescriptor theirs(ends[1]);
    RETURN_IF_ERROR(MakeFolder(process->folder_));
    process->system_kills_ = SystemMemoryKills();
    ASSIGN_OR_RETURN(
        process->pid_,
        StartProcess({.binary = options.binary,
                      .arguments = {"run-sql", std::to_string(options.limits.memory_bytes)},
                      .environment = Environment(),
                      .channel = theirs.get(),
                      .output_path = process->OutputPath()}));
    return process;
  }

  explicit Process(const Options& options)
      : options_(options), folder_(options.temp_folder + "/sql-" + NewId()) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ > 0) KillAndReap(pid_);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  [[nodiscard]] const std::string& folder() const { return folder_; }

  /// Whether it has answered before, and waited since.
  [[nodiscard]] bool waited() const { return begins_ > 1; }

  /// What the next frames may take.
  void Begin(std::int64_t timeout_ms, CancelToken cancel) {
    ++begins_;
    timeout_ms_ = timeout_ms;
    begun_ms_ = SteadyMs();
    cancel_ = std::move(cancel);
  }
  [[nodiscard]] std::int64_t TimeLeft() const {
    return std::max<std::int64_t>(1, timeout_ms_ - (SteadyMs() - begun_ms_));
  }

  Status Send(FrameKind kind, const Json& request) {
    busy_ = true;
    const std::string payload = request.dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::string frame = FrameHead(kind, payload.size()) + payload;
    std::string_view rest = frame;
    while (!rest.empty()) {
      const ssize_t sent =
          send(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        rest.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        RETURN_IF_ERROR(Wait(POLLOUT));
      } else if (errno != EINTR) {
        return Ended();
      }
    }
    return {};
  }

  /// The next frame; the error in it, where it is one.
  Result<Frame> Receive() {
    RETURN_IF_ERROR(Look());
    for (;;) {
      if (auto frame = TakeFrame(arrived_)) {
        busy_ = frame->kind == FrameKind::kRows;
        if (frame->kind != FrameKind::kError) return std::move(*frame);
        ASSIGN_OR_RETURN(const Json error, ParseJson(frame->payload));
        return std::unexpected(Explained(ErrorFromJson(error)));
      }
      const std::size_t before = arrived_.size();
      arrived_.resize(before + kBlockBytes);
      const ssize_t got = recv(socket_.get(), arrived_.data() + before, kBlockBytes, MSG_DONTWAIT);
      const int error = errno;
      arrived_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
      if (got > 0) continue;
      if (got < 0 && error == EINTR) continue;
      if (got < 0 && error == EAGAIN) {
        RETURN_IF_ERROR(Wait(POLLIN));
        continue;
      }
      return std::unexpected(Ended().error());
    }
  }

  /// What the SQL names, once it has passed.
  Result<CheckedSql> Check(std::string_view sql) {
    RETURN_IF_ERROR(Send(FrameKind::kCheck, {{"sql", sql}}));
    ASSIGN_OR_RETURN(const Frame answer, Receive());
    ASSIGN_OR_RETURN(const Json tables, ParseJson(answer.payload));
    CheckedSql checked;
    for (const Json& table : tables)
      checked.tables.push_back(ParseTableName(table.get<std::string>()));
    return checked;
  }

  /// Whether it can take another query: it is done with the last one, lives, and does not hoard.
  /// Addresses that its allocator keeps cost the machine nothing, and yet count towards the limit:
  /// the next query would find its memory gone.
  [[nodiscard]] bool Reusable() const {
    const std::int64_t memory = options_.limits.memory_bytes;
    pollfd wait{socket_.get(), POLLIN, 0};
    return !busy_ && arrived_.empty() && poll(&wait, 1, 0) == 0 &&
           AnonymousMemoryOf(pid_) < kIdleBytes &&
           DataRoomOf(pid_) >= memory + SqlMemoryBesides(memory) / 2;
  }

 private:
  [[nodiscard]] std::string OutputPath() const { return folder_ + "/output"; }

  Status Wait(short events) {
    pollfd wait{socket_.get(), events, 0};
    poll(&wait, 1, static_cast<int>(kLookEveryMs));
    return Look();
  }

  /// Whether the query may go on.
  Status Look() {
    const std::int64_t now = SteadyMs();
    if (now < next_look_ms_) return {};
    next_look_ms_ = now + kLookEveryMs;
    if (cancel_.cancelled()) return Fail(ErrorCode::kCancelled, "the query was cancelled");
    if (now - begun_ms_ > timeout_ms_ + kGraceMs) return TooLong();
    const std::int64_t memory = options_.limits.memory_bytes;
    if (AnonymousMemoryOf(pid_) > memory + SqlMemoryBesides(memory)) return OutOfMemory();
    return {};
  }

  [[nodiscard]] std::unexpected<Error> OutOfMemory() const {
    return WithHint(Fail(ErrorCode::kResourceExhausted,
                         "the query needed more than the {} of memory that it may use",
                         SizeText(options_.limits.memory_bytes)),
                    Msg("let it make fewer or smaller values at once: filter earlier, name the "
                        "columns that are needed, or raise sql.memory_mb"));
  }

  [[nodiscard]] std::unexpected<Error> TooLong() const {
    return Fail(ErrorCode::kTimeout, "the query took longer than its limit of {} s",
                static_cast<double>(timeout_ms_) / 1000.0);
  }

  /// The process knows neither when the query began nor what it may use beside DuckDB's own limit.
  [[nodiscard]] Error Explained(Error error) const {
    if (error.code == ErrorCode::kTimeout) return TooLong().error();
    if (error.code == ErrorCode::kResourceExhausted) return OutOfMemory().error();
    return error;
  }

  /// The process has closed its socket: it is dead, or as good as.
  Status Ended() {
    const int status = KillAndReap(std::exchange(pid_, -1));
    const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const std::string output = TailOf(OutputPath());
    Log(LogLevel::kError, "sql_process_ended",
        {{"signal", number}, {"status", WEXITSTATUS(status)}, {"output", output}});
    if (number == SIGKILL && SystemMemoryKills() > system_kills_) return OutOfMemory();
    // What C++ does with an allocation that fails where nobody expects one.
    if (number == SIGABRT && output.contains("bad_alloc")) return OutOfMemory();
    if (number == SIGKILL) {
      return WithHint(
          Fail(ErrorCode::kUnavailable, "the process of the query was ended from outside"),
          Msg("ask again; nothing else was harmed"));
    }
    return WithHint(
        Fail(ErrorCode::kInternal, "the process of the query crashed (signal {})", number),
        Msg("nothing else was harmed; the log has more, and we would like to know the "
            "query"));
  }

  const Options options_;
  const std::string folder_;
  FileDescriptor socket_;
  pid_t pid_ = -1;  // -1: not started, or reaped
  std::int64_t system_kills_ = 0;
  std::int64_t timeout_ms_ = 0;
  std::int64_t begun_ms_ = 0;
  std::int64_t next_look_ms_ = 0;
  std::int64_t begins_ = 0;
  CancelToken cancel_;
  bool busy_ = false;  // an answer is due
  std::string arrived_;
};

struct SqlWorkers::State {
  explicit State(Options given) : options(std::move(given)) {}

  Result<std::unique_ptr<Process>> Take() {
    for (;;) {
      auto process = idle.With([](auto& list) -> std::unique_ptr<Process> {
        if (list.empty()) return nullptr;
        auto last = std::move(list.back());
        list.pop_back();
        return last;
      });
      if (!process) return Process::Start(options);
      if (process->Reusable()) return process;  // else it died while it waited
    }
  }

  /// A process that has checked the SQL. One that was killed while it waited is no error: it is
  /// asked before its end is seen only in a moment.
  Result<std::pair<std::unique_ptr<Process>, CheckedSql>> Check(std::string_view sql,
                                                                std::int64_t timeout_ms,
                                                                const CancelToken& cancel) {
    for (;;) {
      ASSIGN_OR_RETURN(auto process, Take());
      process->Begin(timeout_ms > 0 ? timeout_ms : options.limits.time_ms, cancel);
      auto checked = process->Check(sql);
      if (checked) return std::pair(std::move(process), std::move(*checked));
      if (checked.error().code == ErrorCode::kUnavailable && process->waited()) continue;
      GiveBack(std::move(process));
      return std::unexpected(std::move(checked).error());
    }
  }

  void GiveBack(std::unique_ptr<Process> process) {
    if (!process->Reusable()) return;
    idle.With([&](auto& list) {
      if (list.size() < options.max_idle) list.push_back(std::move(process));
    });
  }

  const Options options;
  Guarded<std::vector<std::unique_ptr<Process>>> idle;
};

SqlWorkers::SqlWorkers(Options options) : state_(std::make_shared<State>(std::move(options))) {}
SqlWorkers::~SqlWorkers() = default;
const SqlLimits& SqlWorkers::limits() const { return state_->options.limits; }

Result<CheckedSql> SqlWorkers::Check(std::string_view sql) {
  ASSIGN_OR_RETURN(auto checked, state_->Check(sql, 0, {}));
  state_->GiveBack(std::move(checked.first));
  return std::move(checked.second);
}

Result<std::unique_ptr<SqlWorkers::Answer>> SqlWorkers::Ask(const Caller& caller,
                                                            const SqlRequest& request,
                                                            const SqlResolver& resolve) {
  ASSIGN_OR_RETURN(auto checked, state_->Check(request.sql, request.timeout_ms, request.cancel));
  Process& process = *checked.first;
  auto answer = std::make_unique<Answer>(state_, std::move(checked.first));
  Json datasets = Json::array();
  for (const TableReference& table : checked.second.tables) {
    ASSIGN_OR_RETURN(DatasetSnapshot snapshot, resolve(table));
    snapshot.name = table.table;
    datasets.push_back(ToJson(snapshot));
  }
  RETURN_IF_ERROR(process.Send(FrameKind::kRead, {{"caller", ToJson(caller)},
                                                  {"sql", request.sql},
                                                  {"datasets", std::move(datasets)},
                                                  {"threads", limits().threads},
                                                  {"memory_bytes", limits().memory_bytes},
                                                  {"temp_folder", process.folder()},
                                                  {"timeout_ms", process.TimeLeft()},
                                                  {"arrow", request.format == SqlFormat::kArrow},
                                                  {"max_rows", request.max_rows}}));
  return answer;
}

SqlWorkers::Answer::Answer(std::shared_ptr<State> state, std::unique_ptr<Process> process)
    : state_(std::move(state)), process_(std::move(process)) {}

SqlWorkers::Answer::~Answer() { state_->GiveBack(std::move(process_)); }

Result<std::optional<std::string>> SqlWorkers::Answer::Next() {
  ASSIGN_OR_RETURN(Frame frame, process_->Receive());
  if (frame.kind == FrameKind::kEnd) return std::nullopt;
  return std::move(frame.payload);
}

}  // namespace aimass
