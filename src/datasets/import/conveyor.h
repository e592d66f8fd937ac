#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/cancel.h"
#include "base/json.h"
#include "table/batch.h"

namespace aimass {

/// Rows of one source on their way into several files: a thread of its own reads them, in order,
/// and cuts them into parts; whoever writes a part takes it. So one part is finished while the
/// next is read.
///
/// Threads  Take() and Next() any; each part is read by one.
class Conveyor {
 public:
  struct Options {
    std::int64_t max_rows = 0;  // per part, reached at the end of a batch
    std::int64_t max_bytes = 0;
    bool empty_part = false;    // no rows still make one part
    std::size_t max_parts = 2;  // that are begun and not yet Finished()
    CancelToken cancel;
    std::function<void(std::int64_t rows)> progress;  // rows of all parts, on the reading thread
    /// On the reading thread, behind the last row of a part and before the next row is read.
    std::function<Result<Json>()> mark;
  };

  class Part {
   public:
    [[nodiscard]] int index() const { return index_; }
    /// What `mark` said behind the part's last row; once Next() gave the end.
    [[nodiscard]] const Json& mark() const { return mark_; }

   private:
    friend class Conveyor;
    struct Ready {
      Batch batch;
      std::int64_t bytes;
    };
    int index_ = 0;
    std::deque<Ready> ready_;
    bool ended_ = false;
    Json mark_;
  };

  /// Begins to read `rows`, which must outlive the object.
  Conveyor(BatchReader& rows, Options options);
  ~Conveyor() { Stop(); }
  Conveyor(const Conveyor&) = delete;
  Conveyor& operator=(const Conveyor&) = delete;

  [[nodiscard]] const Schema& schema() const { return schema_; }

  /// The next part that nobody took, as soon as it has rows; nullptr where there are no more.
  [[nodiscard]] std::shared_ptr<Part> Take();
  /// The part's next batch; nullopt at its end. Errors: the source's, in the part that it broke.
  [[nodiscard]] Result<std::optional<Batch>> Next(Part& part);
  /// One part more is written to its end: there is room for another.
  void Finished();
  /// Reads no further; who waits gets kCancelled.
  void Stop();
  /// Why the source could not be read to its end.
  [[nodiscard]] std::optional<Error> error();

 private:
  static constexpr std::int64_t kAheadBytes = 48 << 20;  // of rows that nobody has taken yet

  void Run(const std::stop_token& stop);
  Status Read(const std::stop_token& stop);
  [[nodiscard]] bool Fill(Part& part, Batch batch, std::int64_t bytes, const std::stop_token& stop);
  [[nodiscard]] std::shared_ptr<Part> Begin(const std::stop_token& stop);

  BatchReader& rows_;
  const Options options_;
  const Schema schema_;
  std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any made_;
  std::deque<std::shared_ptr<Part>> untaken_;
  std::size_t open_ = 0;  // parts that are begun and not yet finished
  int begun_ = 0;
  std::int64_t waiting_bytes_ = 0;
  bool ended_ = false;
  bool stopped_ = false;
  std::optional<Error> error_;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace aimass
