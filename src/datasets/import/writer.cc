#include "datasets/import/writer.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "datasets/import/conveyor.h"
#include "datasets/import/statistics.h"
#include "native/duckdb/database.h"
#include "table/json_rows.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

using duckdb::QuoteName;
using duckdb::QuoteText;

constexpr int kMaxLanes = 4;

int Lanes(int threads) { return std::clamp(threads, 1, kMaxLanes); }

class PartReader final : public BatchReader {
 public:
  PartReader(Conveyor& conveyor, std::shared_ptr<Conveyor::Part> part)
      : conveyor_(conveyor), part_(std::move(part)) {}
  const Schema& schema() const override { return conveyor_.schema(); }
  Result<std::optional<Batch>> Next() override { return conveyor_.Next(*part_); }

 private:
  Conveyor& conveyor_;
  std::shared_ptr<Conveyor::Part> part_;
};

// Keeps the error of rows that DuckDB reads: it would only pass on its text.
class WatchedRows final : public BatchReader {
 public:
  WatchedRows(std::unique_ptr<BatchReader> rows, std::optional<Error>& error)
      : rows_(std::move(rows)), error_(error) {}
  const Schema& schema() const override { return rows_->schema(); }
  Result<std::optional<Batch>> Next() override {
    auto batch = rows_->Next();
    if (!batch) error_ = batch.error();
    return batch;
  }

 private:
  std::unique_ptr<BatchReader> rows_;
  std::optional<Error>& error_;
};

struct Finished {
  WrittenFile file;
  Json mark;
};

// What the lanes have finished, for the thread that tells of it in order.
class Shelf {
 public:
  explicit Shelf(std::size_t lanes) : lanes_(lanes) {}

  void Put(int index, Finished finished) {
    const std::scoped_lock lock(mutex_);
    finished_.emplace(index, std::move(finished));
    changed_.notify_one();
  }
  // A lane's error; the first is the reason of the rest.
  void Fail(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::move(error);
    changed_.notify_one();
  }
  void Leave() {
    const std::scoped_lock lock(mutex_);
    --lanes_;
    changed_.notify_one();
  }
  // File `index`, as soon as it is finished; nullopt where it will never be.
  std::optional<Finished> Wait(int index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lanes_ == 0 || error_ || finished_.contains(index); });
    auto at = finished_.extract(index);
    if (at.empty()) return std::nullopt;
    return std::move(at.mapped());
  }
  std::optional<Error> error() {
    const std::scoped_lock lock(mutex_);
    return error_;
  }
  // What nobody was told of; after the lanes have ended.
  std::vector<std::string> left() {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> paths;
    for (const auto& [index, finished] : finished_) paths.push_back(finished.file.path);
    return paths;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, Finished> finished_;
  std::optional<Error> error_;
  std::size_t lanes_;
};

Result<WrittenFile> WriteFile(duckdb::Connection& connection, const TableWriter::Options& options,
                              std::string name, std::unique_ptr<BatchReader> rows,
                              const Schema& target) {
  std::optional<Error> broken;
  RETURN_IF_ERROR(
      connection.Register("rows_of_file", std::make_unique<WatchedRows>(std::move(rows), broken)));
  std::string columns;
  for (const ColumnInfo& column : target.columns) {
    const std::string quoted = QuoteName(column.name);
    columns += fmt::format("{}CAST({} AS {}) AS {}", columns.empty() ? "" : ", ", quoted,
                           duckdb::SqlType(column.type), quoted);
  }
  WrittenFile file{.path = std::move(name)};
  const std::string path = options.folder + "/" + file.path;
  const auto write = [&]() -> Status {
    // Level 1 instead of the default, 3: packing takes 14 % less, for 5 % more bytes. Columns of
    // more than 8,192 values get no dictionary; the default tries up to 24,576, mostly in vain
    // (decision 0008). DuckDB 1.5 looks a BLOB up in a Bloom filter by its printed form: a filter
    // would hide every value whose form is another, such as '\x00'.
    const bool has_binary = std::ranges::any_of(target.columns, [](const ColumnInfo& column) {
      return column.type.kind == TypeKind::kBinary;
    });
    ASSIGN_OR_RETURN(
        auto answer,
        connection.Query(
            fmt::format("COPY (SELECT {} FROM rows_of_file) TO {} (FORMAT parquet, COMPRESSION "
                        "zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 8192, ROW_GROUP_SIZE "
                        "122880, WRITE_BLOOM_FILTER {}, RETURN_STATS true)",
                        columns, QuoteText(path), !has_binary),
            {.cancel = options.cancel}));
    ASSIGN_OR_RETURN(const auto batch, answer->Next());
    if (!batch || batch->num_rows() != 1) {
      return Fail(ErrorCode::kInternal, "DuckDB did not say what it wrote to '{}'", path);
    }
    const auto at = [&batch](std::string_view column) {
      return batch->schema().Find(column).value_or(0);
    };
    file.rows = static_cast<std::int64_t>(batch->column(at("count")).At(0).number);
    std::string text;
    AppendJsonValue(text, batch->column(at("column_statistics")), 0);
    ASSIGN_OR_RETURN(const Json statistics, ParseJson(text));
    file.stats = DeltaStatistics(target, file.rows, statistics);
    RETURN_IF_ERROR(SyncPath(path));
    return SyncPath(options.folder);
  };
  std::error_code error;
  if (Status written = write(); !written) {
    fs::remove(path, error);
    return std::unexpected(broken.value_or(std::move(written).error()));
  }
  file.bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  return file;
}

}  // namespace

Json ToJson(const WrittenFile& file) {
  return {{"path", file.path}, {"bytes", file.bytes}, {"rows", file.rows}, {"stats", file.stats}};
}

struct TableWriter::State {
  Options options;
  std::vector<duckdb::Connection> lanes;  // one per file that is being written
};

TableWriter::TableWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TableWriter::TableWriter(TableWriter&&) noexcept = default;
TableWriter& TableWriter::operator=(TableWriter&&) noexcept = default;
TableWriter::~TableWriter() = default;

int TableWriter::FilesAtOnce(int threads) { return Lanes(threads) + 1; }

Result<TableWriter> TableWriter::Open(Options options) {
  RETURN_IF_ERROR(MakeFolder(options.folder));
  if (!options.temp_folder.empty()) RETURN_IF_ERROR(MakeFolder(options.temp_folder));
  // One thread: DuckDB writes rows whose order counts with one, and that is the lane's own.
  ASSIGN_OR_RETURN(auto database, duckdb::Database::Open({.threads = 1,
                                                          .memory_bytes = options.memory_bytes,
                                                          .temp_folder = options.temp_folder,
                                                          .allowed_folders = {options.folder}}));
  auto state = std::make_unique<State>();
  for (int i = 0; i < Lanes(options.threads); ++i) {
    ASSIGN_OR_RETURN(auto connection, database.Connect());
    state->lanes.push_back(std::move(connection));
  }
  state->options = std::move(options);
  return TableWriter(std::move(state));
}

Status TableWriter::Write(BatchReader& rows, const Schema& target, const Stages& stages) {
  const Options& options = state_->options;
  Shelf shelf(state_->lanes.size());
  Conveyor conveyor(rows, {.max_rows = options.max_rows,
                           .max_bytes = options.max_bytes,
                           .empty_part = options.empty_file,
                           .max_parts = static_cast<std::size_t>(FilesAtOnce(options.threads)),
                           .cancel = options.cancel,
                           .progress = stages.progress,
                           .mark = stages.mark});
  const int first = options.next_index;
  const auto run_lane = [&](duckdb::Connection& connection) {
    while (const auto part = conveyor.Take()) {
      std::unique_ptr<BatchReader> written = std::make_unique<PartReader>(conveyor, part);
      if (stages.change) written = stages.change(std::move(written));
      auto file = WriteFile(connection, options,
                            fmt::format("{}-{:05}.parquet", options.prefix, first + part->index()),
                            std::move(written), target);
      if (!file) {
        // Where the source broke, its own words say why, and the parts before it are whole.
        shelf.Fail(conveyor.error().value_or(std::move(file).error()));
        break;
      }
      shelf.Put(part->index(), {.file = std::move(*file), .mark = part->mark()});
    }
    shelf.Leave();
  };
  Status told;
  int next = 0;
  {
    std::vector<std::jthread> lanes;
    for (duckdb::Connection& connection : state_->lanes)
      lanes.emplace_back([&] { run_lane(connection); });
    while (told) {
      auto finished = shelf.Wait(next);
      if (!finished) break;
      ++next;
      if (stages.done) told = stages.done(finished->file, std::move(finished->mark));
      conveyor.Finished();
    }
    // A source that broke lets the parts before it be finished; anything else ends all.
    if (!told || !conveyor.error()) conveyor.Stop();
  }
  while (told) {
    auto finished = shelf.Wait(next);
    if (!finished) break;
    ++next;
    if (stages.done) told = stages.done(finished->file, std::move(finished->mark));
  }
  state_->options.next_index = first + next;
  std::error_code ignored;
  for (const std::string& path : shelf.left()) fs::remove(options.folder + "/" + path, ignored);
  if (!told) return told;
  if (const auto error = conveyor.error()) return std::unexpected(*error);
  if (const auto error = shelf.error()) return std::unexpected(*error);
  return {};
}

Result<std::unique_ptr<BatchReader>> TableWriter::Replace(const std::vector<std::string>& paths,
                                                          std::unique_ptr<BatchReader> columns,
                                                          const Schema& target) {
  // A session of its own: its rows are still being read while Write() runs statements.
  const Options& options = state_->options;
  ASSIGN_OR_RETURN(auto database, duckdb::Database::Open({.threads = 1,
                                                          .memory_bytes = options.memory_bytes / 2,
                                                          .temp_folder = options.temp_folder,
                                                          .allowed_paths = paths}));
  ASSIGN_OR_RETURN(auto connection, database.Connect());
  const Schema changed = columns->schema();
  RETURN_IF_ERROR(connection.Register("changed", std::move(columns)));
  std::string select;
  for (const ColumnInfo& column : target.columns) {
    const char* const from = changed.Find(column.name) ? "changed" : "old";
    select += fmt::format("{}{}.{}", select.empty() ? "" : ", ", from, QuoteName(column.name));
  }
  return connection.Query(
      fmt::format("SELECT {} FROM read_parquet({}, hive_partitioning = false) AS old "
                  "POSITIONAL JOIN changed",
                  select, duckdb::QuoteList(paths)),
      {.cancel = options.cancel});
}

}  // namespace aimass
