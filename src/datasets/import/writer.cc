#include "datasets/import/writer.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/file.h"
#include "native/duckdb/database.h"
#include "table/json_rows.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

using duckdb::QuoteName;
using duckdb::QuoteText;

constexpr std::size_t kStatisticsColumns = 32;  // as many as Delta's own writers index

// What a file gets: rows up to a limit, and what became of them.
struct Flow {
  BatchReader* rows = nullptr;
  std::int64_t max_rows = 0;
  std::int64_t max_bytes = 0;
  std::function<void(std::int64_t)> progress;
  CancelToken cancel;
  std::optional<Batch> first;  // read ahead, so that an empty file is never begun
  std::int64_t count = 0;
  std::int64_t bytes = 0;
  std::optional<Error> error;
};

// The size of a batch in memory, from a few of its rows where they have no fixed width.
std::int64_t SizeOf(const Batch& batch) {
  std::int64_t total = 0;
  const std::size_t rows = batch.num_rows();
  if (rows == 0) return 0;
  for (std::size_t c = 0; c < batch.schema().columns.size(); ++c) {
    const TypeKind kind = batch.schema().columns[c].type.kind;
    if (kind != TypeKind::kText && kind != TypeKind::kBinary) {
      total += static_cast<std::int64_t>(8 * rows);
      continue;
    }
    const ColumnView column = batch.column(c);
    const std::size_t step = std::max<std::size_t>(rows / 64, 1);
    std::size_t seen = 0;
    std::size_t bytes = 0;
    for (std::size_t row = 0; row < rows; row += step, ++seen) {
      if (!column.IsNull(row)) bytes += column.Bytes(row).size();
    }
    total += static_cast<std::int64_t>(bytes * rows / seen + 4 * rows);
  }
  return total;
}

// Makes the rows on a thread of its own while DuckDB writes what was made before. What it has not
// made when Stop() returns stays in the source, so the source stands exactly behind the file.
class Producer {
 public:
  explicit Producer(Flow& flow) : flow_(flow), schema_(flow.rows->schema()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  ~Producer() { Stop(); }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  [[nodiscard]] const Schema& schema() const { return schema_; }

  void Stop() {
    thread_.request_stop();
    room_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<std::optional<Batch>> Pop() {
    std::unique_lock lock(mutex_);
    made_.wait(lock, [this] { return ended_ || !ready_.empty(); });
    if (ready_.empty()) {
      if (flow_.error) return std::unexpected(*flow_.error);
      return std::optional<Batch>();
    }
    Ready next = std::move(ready_.front());
    ready_.pop_front();
    waiting_bytes_ -= next.bytes;
    lock.unlock();
    room_.notify_one();
    return std::optional<Batch>(std::move(next.batch));
  }

 private:
  static constexpr std::int64_t kAheadBytes = 16 << 20;
  struct Ready {
    Batch batch;
    std::int64_t bytes;
  };

  void Run(const std::stop_token& stop) {
    std::optional<Error> failed;
    while (!stop.stop_requested()) {
      auto batch = Make();
      if (!batch) {
        failed = std::move(batch).error();
        break;
      }
      if (!*batch) break;
      const std::int64_t bytes = SizeOf(**batch);
      flow_.count += static_cast<std::int64_t>((*batch)->num_rows());
      flow_.bytes += bytes;
      if (flow_.progress) flow_.progress(flow_.count);
      std::unique_lock lock(mutex_);
      room_.wait(lock, stop, [this] { return waiting_bytes_ < kAheadBytes; });
      waiting_bytes_ += bytes;
      ready_.push_back({.batch = std::move(**batch), .bytes = bytes});
      lock.unlock();
      made_.notify_one();
    }
    const std::scoped_lock lock(mutex_);
    flow_.error = std::move(failed);
    ended_ = true;
    made_.notify_all();
  }

  Result<std::optional<Batch>> Make() {
    RETURN_IF_ERROR(flow_.cancel.Check());
    if (flow_.first) return std::exchange(flow_.first, std::nullopt);
    if (flow_.count >= flow_.max_rows || flow_.bytes >= flow_.max_bytes)
      return std::optional<Batch>();
    return flow_.rows->Next();
  }

  Flow& flow_;
  const Schema schema_;
  std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any made_;
  std::deque<Ready> ready_;
  std::int64_t waiting_bytes_ = 0;
  bool ended_ = false;
  std::jthread thread_;  // last: it uses the rest
};

class FlowReader final : public BatchReader {
 public:
  explicit FlowReader(Producer& producer) : producer_(producer), schema_(producer.schema()) {}
  const Schema& schema() const override { return schema_; }
  Result<std::optional<Batch>> Next() override { return producer_.Pop(); }

 private:
  Producer& producer_;
  Schema schema_;
};

// "2024-01-02 03:04:05.123456[+00]" as Delta keeps it: milliseconds; the greatest value is rounded
// up.
std::string TimestampStatistic(std::string_view text, bool greatest, bool zone) {
  std::string out(text.substr(0, 19));
  if (out.size() < 19 || out[10] != ' ') return {};
  out[10] = 'T';
  int ms = 0;
  if (text.size() > 20 && text[19] == '.') {
    std::string digits(text.substr(20, 3));
    digits.erase(
        std::find_if(digits.begin(), digits.end(), [](char c) { return c < '0' || c > '9'; }),
        digits.end());
    digits.resize(3, '0');
    std::from_chars(digits.data(), digits.data() + 3, ms);
  }
  if (greatest && ms == 999)
    return {};  // the next second is not ours to compute: no bound is a true bound
  if (greatest) ++ms;
  return Json(fmt::format("{}.{:03}{}", out, ms, zone ? "Z" : "")).dump();
}

// A bound as it stands in the log; empty where there is none.
std::string Statistic(const Type& type, std::string_view text, bool greatest) {
  switch (type.kind) {
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
    case TypeKind::kDecimal:
      return Json::accept(text) ? std::string(text) : std::string();
    case TypeKind::kText:
      return text.size() <= 256 ? Json(text).dump(-1, ' ', false, Json::error_handler_t::ignore)
                                : std::string();
    case TypeKind::kDate:
      return text.size() == 10 ? Json(text).dump() : std::string();
    case TypeKind::kTimestamp:
      return TimestampStatistic(text, greatest, false);
    case TypeKind::kTimestampTz:
      return TimestampStatistic(text, greatest, true);
    default:
      return {};
  }
}

using ColumnStatistics = std::map<std::string, std::map<std::string, std::string>>;

// DuckDB's map of maps, as our JSON writes maps: lists of {"key","value"}.
ColumnStatistics ParseStatistics(const Json& json) {
  ColumnStatistics all;
  for (const Json& column : json) {
    auto& entries = all[column.value("key", "")];
    if (!column.contains("value") || !column["value"].is_array()) continue;
    for (const Json& entry : column["value"]) {
      const Json& value = entry.at("value");
      if (value.is_string()) entries[entry.value("key", "")] = value.get<std::string>();
    }
  }
  return all;
}

std::string DeltaStatistics(const Schema& schema, std::int64_t rows, const ColumnStatistics& all) {
  std::string least;
  std::string most;
  std::string nulls;
  const auto add = [](std::string& list, const std::string& name, const std::string& value) {
    if (value.empty()) return;
    list += (list.empty() ? "" : ",") + Json(name).dump() + ":" + value;
  };
  for (std::size_t i = 0; i < std::min(schema.columns.size(), kStatisticsColumns); ++i) {
    const ColumnInfo& column = schema.columns[i];
    const auto found = all.find(QuoteName(column.name));
    if (found == all.end() || !column.type.children.empty()) continue;
    const auto& entries = found->second;
    const auto text = [&entries](const char* key) {
      const auto at = entries.find(key);
      return at == entries.end() ? std::string() : at->second;
    };
    add(nulls, column.name, text("null_count"));
    if (text("has_nan") == "true" || !entries.contains("min") || !entries.contains("max")) continue;
    const std::string low = Statistic(column.type, text("min"), false);
    const std::string high = Statistic(column.type, text("max"), true);
    if (low.empty() || high.empty()) continue;
    add(least, column.name, low);
    add(most, column.name, high);
  }
  return fmt::format(
      R"({{"numRecords":{},"minValues":{{{}}},"maxValues":{{{}}},"nullCount":{{{}}}}})", rows,
      least, most, nulls);
}

}  // namespace

Json ToJson(const WrittenFile& file) {
  return {{"path", file.path}, {"bytes", file.bytes}, {"rows", file.rows}, {"stats", file.stats}};
}

struct TableWriter::State {
  Options options;
  duckdb::Connection connection;
  int registered = 0;
};

TableWriter::TableWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TableWriter::TableWriter(TableWriter&&) noexcept = default;
TableWriter& TableWriter::operator=(TableWriter&&) noexcept = default;
TableWriter::~TableWriter() = default;

Result<TableWriter> TableWriter::Open(Options options) {
  RETURN_IF_ERROR(MakeFolder(options.folder));
  if (!options.temp_folder.empty()) RETURN_IF_ERROR(MakeFolder(options.temp_folder));
  ASSIGN_OR_RETURN(auto database, duckdb::Database::Open({.threads = options.threads,
                                                          .memory_bytes = options.memory_bytes,
                                                          .temp_folder = options.temp_folder,
                                                          .allowed_folders = {options.folder}}));
  ASSIGN_OR_RETURN(auto connection, database.Connect());
  return TableWriter(std::make_unique<State>(
      State{.options = std::move(options), .connection = std::move(connection)}));
}

Result<std::optional<WrittenFile>> TableWriter::Write(BatchReader& rows, const Schema& target) {
  const Options& options = state_->options;
  Flow flow{.rows = &rows,
            .max_rows = options.max_rows,
            .max_bytes = options.max_bytes,
            .progress = options.progress,
            .cancel = options.cancel};
  do {
    ASSIGN_OR_RETURN(flow.first, rows.Next());
    if (!flow.first && !options.empty_file) return std::optional<WrittenFile>();
  } while (flow.first && flow.first->num_rows() == 0);

  const std::string table = fmt::format("rows_{}", ++state_->registered);
  Producer producer(flow);
  RETURN_IF_ERROR(state_->connection.Register(table, std::make_unique<FlowReader>(producer)));
  std::string columns;
  for (const ColumnInfo& column : target.columns) {
    const std::string name = QuoteName(column.name);
    columns += fmt::format("{}CAST({} AS {}) AS {}", columns.empty() ? "" : ", ", name,
                           duckdb::SqlType(column.type), name);
  }
  WrittenFile file{
      .path = fmt::format("{}-{:05}.parquet", options.prefix, state_->options.next_index++)};
  const std::string path = options.folder + "/" + file.path;
  const auto write = [&]() -> Status {
    ASSIGN_OR_RETURN(
        auto answer,
        state_->connection.Query(
            fmt::format("COPY (SELECT {} FROM {}) TO {} (FORMAT parquet, COMPRESSION zstd, "
                        "ROW_GROUP_SIZE 122880, RETURN_STATS true)",
                        columns, table, QuoteText(path)),
            {.cancel = options.cancel}));
    ASSIGN_OR_RETURN(const auto batch, answer->Next());
    if (!batch || batch->num_rows() != 1) {
      return Fail(ErrorCode::kInternal, "DuckDB did not say what it wrote to '{}'", path);
    }
    const auto at = [&batch](std::string_view name) {
      return batch->schema().Find(name).value_or(0);
    };
    file.rows = static_cast<std::int64_t>(batch->column(at("count")).At(0).number);
    std::string text;
    AppendJsonValue(text, batch->column(at("column_statistics")), 0);
    ASSIGN_OR_RETURN(const Json statistics, ParseJson(text));
    file.stats = DeltaStatistics(target, file.rows, ParseStatistics(statistics));
    RETURN_IF_ERROR(SyncPath(path));
    return SyncPath(options.folder);
  };
  Status written = write();
  producer.Stop();
  std::error_code error;
  if (flow.error) written = std::unexpected(*flow.error);
  if (!written) {
    fs::remove(path, error);
    return std::unexpected(std::move(written).error());
  }
  file.bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  return std::optional<WrittenFile>(std::move(file));
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
