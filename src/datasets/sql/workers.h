#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/caller.h"
#include "base/cancel.h"
#include "datasets/dataset.h"
#include "datasets/sql/answer.h"
#include "datasets/sql/check.h"

namespace aimass {

/// What one query may use.
struct SqlLimits {
  int threads = 2;
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  std::int64_t time_ms = 30'000;  // where nobody asks for another
};

/// What a process may take beside the memory of its query: libraries, stacks, what is sent.
[[nodiscard]] std::int64_t SqlMemoryBesides(std::int64_t memory_bytes);

struct SqlRequest {
  std::string sql;
  SqlFormat format = SqlFormat::kJson;
  std::int64_t max_rows = 1000;
  std::int64_t timeout_ms = 0;  // from the call of Ask to the last row; 0: SqlLimits::time_ms
  CancelToken cancel;
};

/// The snapshot of a dataset that SQL names, as far as its caller may see it.
using SqlResolver = std::function<Result<DatasetSnapshot>(const TableReference& table)>;

/// User SQL, in processes of its own. DuckDB looks neither at an interrupt nor at its memory limit
/// inside one call of a function, and a query that is nested deep enough may end the process that
/// parses it: so the limits of a query are those of a process, which can be killed at any moment
/// and harms nobody. Processes stay for the next query; a query that was killed costs the start of
/// another one.
///
/// Errors   beside those of CheckUserSql and Read: kTimeout, kCancelled; kResourceExhausted where
///          the query needed more than its memory; kUnavailable where its process was ended from
///          outside, kInternal where it crashed.
/// Threads  any; calls block. A process ends with the thread that started it, so they belong on
///          threads of a Pool.
class SqlWorkers {
 public:
  struct Options {
    std::string binary;       // runs `binary run-sql MEMORY_BYTES`
    std::string temp_folder;  // each process has a folder of its own in it, where sorts may spill
    SqlLimits limits;
    std::size_t max_idle = 4;  // processes that are kept for the next query
  };

  explicit SqlWorkers(Options options);
  SqlWorkers(const SqlWorkers&) = delete;
  SqlWorkers& operator=(const SqlWorkers&) = delete;
  ~SqlWorkers();

  /// CheckUserSql, in a process.
  [[nodiscard]] Result<CheckedSql> Check(std::string_view sql);

  class Answer;
  /// Checks, resolves, and reads through datasets/read.h; the answer comes as it is made.
  [[nodiscard]] Result<std::unique_ptr<Answer>> Ask(const Caller& caller, const SqlRequest& request,
                                                    const SqlResolver& resolve);

  [[nodiscard]] const SqlLimits& limits() const;

  class Process;
  struct State;

 private:
  std::shared_ptr<State> state_;  // answers keep it, too
};

/// An answer on its way. Where it is destroyed before its end, so is its process.
/// Threads  one at a time.
class SqlWorkers::Answer {
 public:
  Answer(std::shared_ptr<State> state, std::unique_ptr<Process> process);
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer();

  /// The next bytes; nullopt after the last. After an error only the destructor may be called.
  [[nodiscard]] Result<std::optional<std::string>> Next();

 private:
  std::shared_ptr<State> state_;
  std::unique_ptr<Process> process_;  // given back at the end
};

}  // namespace aimass
