#include "datasets/sql/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "datasets/read.h"
#include "datasets/sql/answer.h"
#include "datasets/sql/check.h"
#include "datasets/sql/frames.h"
#include "datasets/sql/workers.h"

namespace aimass {
namespace {

constexpr int kExitDone = 0;
constexpr int kExitOrphaned = 3;  // nobody reads what we say: the server is gone

void LimitProcess([[maybe_unused]] std::int64_t memory_bytes) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // Where the machine runs out of memory, a query goes, not the server.
  if (const FileDescriptor fd(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); fd.valid()) {
    static_cast<void>(!write(fd.get(), "700", 3));
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // DuckDB keeps to its own limit where it counts, which is not inside a function call; this one
  // holds everywhere. Sanitizers reserve terabytes, which count here.
  const rlim_t bytes =
      static_cast<rlim_t>(DataSizeOf(getpid()) + memory_bytes + SqlMemoryBesides(memory_bytes));
  const rlimit data{bytes, bytes};
  setrlimit(RLIMIT_DATA, &data);
#endif
}

class Session {
 public:
  Session(const SqlFunctionRegistry& functions, duckdb::Connection parser)
      : functions_(functions), parser_(std::move(parser)) {}

  void Serve() {
    while (const std::optional<Frame> request = Receive()) {
      Status done;
      try {
        done = Answer(*request);
      } catch (const std::bad_alloc&) {
        done = Fail(ErrorCode::kResourceExhausted, "the query needed more memory than it may use");
      } catch (const std::exception& error) {
        done = Fail(ErrorCode::kInternal, "DuckDB failed: {}", error.what());
      }
      if (!done) Send(FrameKind::kError, ToJson(done.error()).dump());
    }
  }

 private:
  Status Answer(const Frame& request) {
    ASSIGN_OR_RETURN(const Json given, ParseJson(request.payload));
    return request.kind == FrameKind::kCheck ? AnswerCheck(given) : AnswerRead(given);
  }

  Status AnswerCheck(const Json& given) {
    ASSIGN_OR_RETURN(const std::string sql, GetString(given, "sql"));
    ASSIGN_OR_RETURN(const CheckedSql checked, CheckUserSql(parser_, sql, &functions_));
    Json tables = Json::array();
    for (const TableReference& table : checked.tables) tables.push_back(table.table);
    Send(FrameKind::kTables, tables.dump());
    return {};
  }

  Status AnswerRead(const Json& given) {
    ReadRequest read{.functions = &functions_};
    ASSIGN_OR_RETURN(read.sql, GetString(given, "sql"));
    ASSIGN_OR_RETURN(const std::int64_t threads, GetInteger(given, "threads"));
    ASSIGN_OR_RETURN(read.memory_bytes, GetInteger(given, "memory_bytes"));
    ASSIGN_OR_RETURN(read.temp_folder, GetString(given, "temp_folder"));
    ASSIGN_OR_RETURN(read.timeout_ms, GetInteger(given, "timeout_ms"));
    ASSIGN_OR_RETURN(const std::int64_t max_rows, GetInteger(given, "max_rows"));
    ASSIGN_OR_RETURN(const bool arrow, GetBool(given, "arrow", false));
    read.threads = static_cast<int>(threads);
    for (const Json& item : given.value("datasets", Json::array())) {
      ASSIGN_OR_RETURN(DatasetSnapshot snapshot, SnapshotFromJson(item));
      read.datasets.push_back(std::move(snapshot));
    }
    ASSIGN_OR_RETURN(const auto rows, Read(CallerFromJson(given.value("caller", Json())), read));
    RETURN_IF_ERROR(WriteAnswer(*rows, arrow ? SqlFormat::kArrow : SqlFormat::kJson, max_rows,
                                [this](std::string_view piece) -> Status {
                                  for (; !piece.empty();
                                       piece.remove_prefix(std::min(piece.size(), kMaxRowsFrame))) {
                                    Send(FrameKind::kRows, piece.substr(0, kMaxRowsFrame));
                                  }
                                  return {};
                                }));
    Send(FrameKind::kEnd, {});
    return {};
  }

  /// The next request; nothing once the server has closed the socket.
  std::optional<Frame> Receive() {
    for (;;) {
      if (auto frame = TakeFrame(arrived_)) return frame;
      char block[1 << 16];
      const ssize_t got = read(kChannelDescriptor, block, sizeof(block));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return std::nullopt;
      arrived_.append(block, static_cast<std::size_t>(got));
    }
  }

  /// Waits while the server does not read: a client that is slow slows its query.
  static void Send(FrameKind kind, std::string_view payload) {
    const std::string head = FrameHead(kind, payload.size());
    for (std::string_view rest : {std::string_view(head), payload}) {
      while (!rest.empty()) {
        const ssize_t written = write(kChannelDescriptor, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) _exit(kExitOrphaned);
        rest.remove_prefix(static_cast<std::size_t>(written));
      }
    }
  }

  const SqlFunctionRegistry& functions_;
  duckdb::Connection parser_;  // parses only, and is as good after a query as before
  std::string arrived_;
};

}  // namespace

int RunSqlWorker(const SqlFunctionRegistry& functions, std::int64_t memory_bytes) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  fcntl(kChannelDescriptor, F_SETFD, FD_CLOEXEC);
  auto parser = OpenSqlParser(memory_bytes);
  if (!parser) return 1;
  LimitProcess(memory_bytes);
  Session(functions, std::move(*parser)).Serve();
  return kExitDone;
}

}  // namespace aimass
