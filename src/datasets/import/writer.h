#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/json.h"
#include "table/batch.h"

namespace aimass {

/// One Parquet file that a TableWriter wrote, with the statistics that the Delta log keeps of it.
struct WrittenFile {
  std::string path;  // its name in the folder
  std::int64_t bytes = 0;
  std::int64_t rows = 0;
  std::string stats;  // JSON
};
[[nodiscard]] Json ToJson(const WrittenFile& file);

/// Writes rows as Parquet files (zstd, row groups of 122,880 rows, row order kept) into a folder. A
/// file that was not finished is removed.
///
/// Threads  one at a time. Inside, one thread reads and `threads` (at most 4) write a file each.
class TableWriter {
 public:
  struct Options {
    std::string folder;
    std::string prefix;  // files are PREFIX-00000.parquet …
    int next_index = 0;  // … from this one on
    int threads = 2;
    std::int64_t memory_bytes = std::int64_t{1} << 30;
    std::string temp_folder;
    CancelToken cancel;
    std::int64_t max_rows = 1'000'000;  // per file, reached at the end of a batch
    std::int64_t max_bytes = std::int64_t{768}
                             << 20;  // likewise, of the values before they are packed
    bool empty_file = false;         // no rows still make one file
  };

  /// What the caller does while rows are written.
  struct Stages {
    /// On the thread that reads: rows that were read so far.
    std::function<void(std::int64_t rows)> progress;
    /// On the thread that reads, behind the last row of a file and before the next row is read:
    /// what is to be kept with the file, such as where the source stands.
    std::function<Result<Json>()> mark;
    /// On the threads that write, each for its own file: what is written instead of the rows that
    /// were read. It keeps their number and order. Empty: the rows themselves.
    std::function<std::unique_ptr<BatchReader>(std::unique_ptr<BatchReader> rows)> change = {};
    /// On the caller's thread, file after file in their order: it is on the disk, and so are all
    /// before it. An error ends the writing; the files told of stay.
    std::function<Status(const WrittenFile& file, Json mark)> done;
  };
  [[nodiscard]] static Result<TableWriter> Open(Options options);
  /// Files that are begun and not yet told of, at most: what a crash loses.
  [[nodiscard]] static int FilesAtOnce(int threads);
  TableWriter(TableWriter&&) noexcept;
  TableWriter& operator=(TableWriter&&) noexcept;
  ~TableWriter();

  /// Writes all that is left of `rows`, with the columns and types of `target` (found by name in
  /// what is written). What was not told of when it fails is removed.
  [[nodiscard]] Status Write(BatchReader& rows, const Schema& target, const Stages& stages);

  /// Reads the files `paths` with some columns taken from `columns` instead, row by row.
  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Replace(const std::vector<std::string>& paths,
                                                             std::unique_ptr<BatchReader> columns,
                                                             const Schema& target);

 private:
  struct State;
  explicit TableWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace aimass
