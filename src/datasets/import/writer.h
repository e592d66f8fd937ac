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
/// Threads  one at a time.
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
    std::function<void(std::int64_t rows)> progress;  // rows of the file so far
  };
  [[nodiscard]] static Result<TableWriter> Open(Options options);
  TableWriter(TableWriter&&) noexcept;
  TableWriter& operator=(TableWriter&&) noexcept;
  ~TableWriter();

  /// The next file, with the columns and types of `target` (found in `rows` by name); nullopt where
  /// no rows are left.
  [[nodiscard]] Result<std::optional<WrittenFile>> Write(BatchReader& rows, const Schema& target);

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
