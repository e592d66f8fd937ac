// DuckDB 1.5.5 through its C API; the header is 1.4.4's (the tests beside this file call each
// function that is used).
#include "native/duckdb/database.h"

#include <duckdb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/id.h"
#include "native/duckdb/scalar.h"
#include "native/duckdb/scan.h"
#include "native/duckdb/types.h"

namespace aimass::duckdb {

struct Database::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    duckdb_close(&database);
    std::error_code ignored;
    if (!temp_folder.empty()) std::filesystem::remove_all(temp_folder, ignored);
  }

  duckdb_database database = nullptr;
  std::string temp_folder;  // of this instance alone: two in one folder would write over each other
};

struct Connection::State {
  explicit State(std::shared_ptr<Database::State> owner) : database(std::move(owner)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { duckdb_disconnect(&connection); }

  std::shared_ptr<Database::State> database;
  duckdb_connection connection = nullptr;
  std::atomic<bool> interrupted = false;  // by Interrupt(), since the statement began
};

namespace {

constexpr std::chrono::milliseconds kWatchInterval{50};
constexpr int kAskAgain = 3;

/// Interrupts a connection when its caller cancels or its time is up.
class Watch {
 public:
  Watch(duckdb_connection connection, QueryOptions options)
      : connection_(connection),
        options_(std::move(options)),
        deadline_ms_(options_.timeout_ms > 0 ? SteadyMs() + options_.timeout_ms : 0),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  /// What the interrupted statement's error means.
  [[nodiscard]] Error Explain(Error error) const {
    if (error.code == ErrorCode::kCancelled && timed_out_.load()) {
      return {.code = ErrorCode::kTimeout,
              .message = Msg("the query took longer than its limit of {} s",
                             static_cast<double>(options_.timeout_ms) / 1000.0),
              .hint = {}};
    }
    return error;
  }

  /// Whether it has a reason to interrupt.
  [[nodiscard]] bool fired() const { return timed_out_.load() || options_.cancel.cancelled(); }

  [[nodiscard]] Status Check() const {
    if (fired()) {
      return std::unexpected(Explain(
          {.code = ErrorCode::kCancelled, .message = Msg("the query was cancelled"), .hint = {}}));
    }
    return {};
  }

 private:
  void Run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, kWatchInterval, [&] { return stop.stop_requested(); })) {
      if (stop.stop_requested()) return;
      if (deadline_ms_ > 0 && SteadyMs() >= deadline_ms_) timed_out_.store(true);
      // Again and again: DuckDB forgets an interrupt that comes just before a statement starts.
      if (fired()) duckdb_interrupt(connection_);
    }
  }

  duckdb_connection connection_;
  QueryOptions options_;
  std::int64_t deadline_ms_;
  std::atomic<bool> timed_out_ = false;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it ends before what it uses
};

/// A prepared statement that frees itself.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept : prepared_(std::exchange(other.prepared_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement() { duckdb_destroy_prepare(&prepared_); }

  /// `written`: whether somebody wrote this very text, to whom a place in it means something.
  static Result<Statement> Prepare(duckdb_connection connection, std::string_view sql,
                                   bool written) {
    const std::string_view place = written ? sql : std::string_view();
    duckdb_extracted_statements extracted = nullptr;
    const std::string text(sql);
    const idx_t count = duckdb_extract_statements(connection, text.c_str(), &extracted);
    if (count != 1) {
      const char* error = duckdb_extract_statements_error(extracted);
      auto failure =
          count == 0 && error != nullptr
              ? std::unexpected(ErrorFromText(error, place))
              : Fail(ErrorCode::kInvalidArgument, "expected one SQL statement, found {}", count);
      duckdb_destroy_extracted(&extracted);
      return failure;
    }
    Statement statement;
    const duckdb_state state =
        duckdb_prepare_extracted_statement(connection, extracted, 0, &statement.prepared_);
    duckdb_destroy_extracted(&extracted);
    if (state != DuckDBSuccess) {
      const char* error = duckdb_prepare_error(statement.prepared_);
      return std::unexpected(ErrorFromText(error == nullptr ? "" : error, place));
    }
    return statement;
  }

  [[nodiscard]] idx_t columns() const { return duckdb_prepared_statement_column_count(prepared_); }
  [[nodiscard]] std::string ColumnName(idx_t column) const {
    return TakeText(const_cast<char*>(duckdb_prepared_statement_column_name(prepared_, column)));
  }
  [[nodiscard]] LogicalType ColumnType(idx_t column) const {
    return LogicalType(duckdb_prepared_statement_column_logical_type(prepared_, column));
  }
  [[nodiscard]] duckdb_prepared_statement get() const { return prepared_; }

 private:
  duckdb_prepared_statement prepared_ = nullptr;
};

/// A statement whose columns all have types that we know, and their names.
struct Prepared {
  Statement statement;
  std::vector<std::string> names;
  std::string sql;  // where it was run as it was written
};

/// Prepares `sql`; where a column's type has to be cast, over a view, so that any text that parses
/// works.
Result<Prepared> PrepareExport(duckdb_connection connection, std::string_view sql) {
  ASSIGN_OR_RETURN(Statement statement, Statement::Prepare(connection, sql, true));
  std::vector<std::string> names;
  std::string columns;
  std::string aliases;
  bool changed = false;
  for (idx_t i = 0; i < statement.columns(); ++i) {
    const LogicalType type = statement.ColumnType(i);
    const Export as = ExportOf(type.get());
    names.push_back(statement.ColumnName(i));
    changed |= as.changed;
    const std::string comma = i == 0 ? "" : ", ";
    columns += as.changed ? fmt::format("{}CAST(c{} AS {})", comma, i, as.sql)
                          : fmt::format("{}c{}", comma, i);
    aliases += fmt::format("{}c{}", comma, i);
  }
  if (!changed) {
    return Prepared{
        .statement = std::move(statement), .names = std::move(names), .sql = std::string(sql)};
  }

  // A name that no dataset can have: a temporary view would hide a table of the same name.
  const std::string view = QuoteName("rows of " + NewId());
  RETURN_IF_ERROR(
      RunStatement(connection, fmt::format("CREATE TEMP VIEW {}({}) AS {}", view, aliases, sql)));
  ASSIGN_OR_RETURN(
      Statement cast,
      Statement::Prepare(connection, fmt::format("SELECT {} FROM {}", columns, view), false));
  return Prepared{.statement = std::move(cast), .names = std::move(names), .sql = {}};
}

Result<Schema> SchemaOf(duckdb_arrow_options options, std::vector<duckdb_logical_type> types,
                        const std::vector<std::string>& names) {
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  ArrowSchema arrow{};
  RETURN_IF_ERROR(CheckErrorData(
      duckdb_to_arrow_schema(options, types.data(), texts.data(), types.size(), &arrow)));
  auto schema = SchemaFromArrow(arrow);
  if (arrow.release != nullptr) arrow.release(&arrow);
  return schema;
}

/// Works on the statement until its result is ready. Where DuckDB's own threads have all the work,
/// this one sleeps: duckdb_execute_pending() would ask for tasks in a loop and take a whole core
/// from them.
/// False where the statement failed: the pending result has the error.
bool AwaitResult(duckdb_pending_result pending) {
  constexpr auto kFirst = std::chrono::microseconds(20);
  constexpr auto kMost = std::chrono::microseconds(1000);
  auto pause = kFirst;
  for (;;) {
    const duckdb_pending_state state = duckdb_pending_execute_task(pending);
    if (state == DUCKDB_PENDING_ERROR) return false;
    if (duckdb_pending_execution_is_finished(state)) return true;
    if (state != DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
      pause = kFirst;
      continue;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kMost);
  }
}

/// The rows of a running statement. DuckDB makes them while they are pulled.
class QueryReader final : public BatchReader {
 public:
  QueryReader(std::shared_ptr<Connection::State> connection, Prepared prepared,
              const QueryOptions& options)
      : connection_(std::move(connection)),
        prepared_(std::move(prepared)),
        watch_(connection_->connection, options) {}
  QueryReader(const QueryReader&) = delete;
  QueryReader& operator=(const QueryReader&) = delete;
  ~QueryReader() override {
    if (options_ != nullptr) duckdb_destroy_arrow_options(&options_);
    duckdb_destroy_result(&result_);
  }

  Status Start() {
    RETURN_IF_ERROR(watch_.Check());
    duckdb_pending_result pending = nullptr;
    if (duckdb_pending_prepared_streaming(prepared_.statement.get(), &pending) != DuckDBSuccess ||
        !AwaitResult(pending)) {
      const char* error = duckdb_pending_error(pending);
      auto failure = std::unexpected(
          watch_.Explain(ErrorFromText(error == nullptr ? "" : error, prepared_.sql)));
      duckdb_destroy_pending(&pending);
      return failure;
    }
    const duckdb_state state = duckdb_execute_pending(pending, &result_);
    duckdb_destroy_pending(&pending);
    if (state != DuckDBSuccess) return Failure();

    options_ = duckdb_result_get_arrow_options(&result_);
    std::vector<LogicalType> types;
    std::vector<duckdb_logical_type> handles;
    for (idx_t i = 0; i < duckdb_column_count(&result_); ++i) {
      types.emplace_back(duckdb_column_logical_type(&result_, i));
      handles.push_back(types.back().get());
    }
    ASSIGN_OR_RETURN(Schema schema, SchemaOf(options_, std::move(handles), prepared_.names));
    schema_ = std::make_shared<const Schema>(std::move(schema));
    return {};
  }

  [[nodiscard]] const Schema& schema() const override { return *schema_; }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    RETURN_IF_ERROR(watch_.Check());
    if (ended_) return std::nullopt;  // DuckDB calls it an error to ask again
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result_);
    if (chunk == nullptr) {
      RETURN_IF_ERROR(Failure());
      ended_ = true;
      return std::nullopt;
    }
    ArrowArray array{};
    const Status converted = CheckErrorData(duckdb_data_chunk_to_arrow(options_, chunk, &array));
    duckdb_destroy_data_chunk(&chunk);
    RETURN_IF_ERROR(converted);
    return Batch(schema_, array);
  }

 private:
  [[nodiscard]] bool IsStopped() const { return watch_.fired() || connection_->interrupted; }

  /// With several threads DuckDB sometimes tells that it stopped the others (cancelled, though
  /// nobody asked for it) instead of why. Asked again, it mostly tells.
  Status Failure() {
    const char* text = duckdb_result_error(&result_);
    if (text == nullptr) return {};
    Error error = watch_.Explain(ErrorFromText(text, prepared_.sql));
    for (int i = 0; i < kAskAgain && error.code == ErrorCode::kCancelled && !IsStopped(); ++i) {
      if (const auto again = RunAgain())
        error = watch_.Explain(ErrorFromText(*again, prepared_.sql));
    }
    if (error.code == ErrorCode::kCancelled && !IsStopped()) {
      return Fail(ErrorCode::kInternal, "DuckDB failed: {}", "it stopped and did not say why");
    }
    return std::unexpected(std::move(error));
  }

  /// Runs the statement to its end for the sake of its error.
  std::optional<std::string> RunAgain() {
    duckdb_destroy_result(&result_);
    duckdb_pending_result pending = nullptr;
    if (duckdb_pending_prepared_streaming(prepared_.statement.get(), &pending) == DuckDBSuccess &&
        duckdb_execute_pending(pending, &result_) == DuckDBSuccess) {
      for (duckdb_data_chunk chunk = nullptr; (chunk = duckdb_fetch_chunk(result_)) != nullptr;)
        duckdb_destroy_data_chunk(&chunk);
    }
    const char* const text = duckdb_result_error(&result_);
    std::optional<std::string> error;
    if (text != nullptr) error = text;
    duckdb_destroy_pending(&pending);
    return error;
  }

  std::shared_ptr<Connection::State> connection_;
  Prepared prepared_;
  duckdb_result result_{};
  duckdb_arrow_options options_ = nullptr;
  std::shared_ptr<const Schema> schema_;
  Watch watch_;
  bool ended_ = false;
};

/// Ends the transaction of rows that were not read to their end: it would be rolled back later, and
/// with it what is added to the catalogue meanwhile.
Status EndStreams(duckdb_connection connection) { return RunStatement(connection, "SELECT 1"); }

/// An option of an instance that is set before it opens.
Status SetConfig(duckdb_config config, const char* name, const std::string& value) {
  if (duckdb_set_config(config, name, value.c_str()) == DuckDBSuccess) return {};
  return Fail(ErrorCode::kInvalidArgument, "DuckDB's option '{}' cannot be '{}'", name, value);
}

}  // namespace

Connection::Connection(std::shared_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Status Connection::Execute(std::string_view sql, const QueryOptions& options) {
  state_->interrupted = false;
  const Watch watch(state_->connection, options);
  RETURN_IF_ERROR(watch.Check());
  if (Status status = RunStatement(state_->connection, std::string(sql)); !status) {
    return std::unexpected(watch.Explain(std::move(status).error()));
  }
  return {};
}

Result<std::unique_ptr<BatchReader>> Connection::Query(std::string_view sql,
                                                       const QueryOptions& options) {
  state_->interrupted = false;
  ASSIGN_OR_RETURN(Prepared prepared, PrepareExport(state_->connection, sql));
  auto reader = std::make_unique<QueryReader>(state_, std::move(prepared), options);
  RETURN_IF_ERROR(reader->Start());
  return reader;
}

Result<Schema> Connection::Describe(std::string_view sql) {
  ASSIGN_OR_RETURN(const Prepared prepared, PrepareExport(state_->connection, sql));
  duckdb_arrow_options options = nullptr;
  duckdb_connection_get_arrow_options(state_->connection, &options);
  std::vector<LogicalType> types;
  std::vector<duckdb_logical_type> handles;
  for (idx_t i = 0; i < prepared.statement.columns(); ++i) {
    types.push_back(prepared.statement.ColumnType(i));
    handles.push_back(types.back().get());
  }
  auto schema = SchemaOf(options, std::move(handles), prepared.names);
  duckdb_destroy_arrow_options(&options);
  return schema;
}

Status Connection::Register(std::string_view name, std::unique_ptr<BatchReader> rows) {
  RETURN_IF_ERROR(EndStreams(state_->connection));
  return RegisterRows(state_->connection, name, std::move(rows));
}

void Connection::Interrupt() {
  state_->interrupted = true;
  duckdb_interrupt(state_->connection);
}

Status Connection::RegisterFunction(const ScalarFunction& function) {
  RETURN_IF_ERROR(EndStreams(state_->connection));
  return RegisterScalar(state_->connection, function);
}

Database::Database(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<Database> Database::Open(const Options& options) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess) {
    return Fail(ErrorCode::kInternal, "DuckDB failed: {}", "no memory for its options");
  }
  auto state = std::make_shared<State>();
  if (!options.temp_folder.empty()) state->temp_folder = options.temp_folder + "/duckdb-" + NewId();
  const std::pair<const char*, std::string> settings[] = {
      {"threads", std::to_string(std::max(1, options.threads))},
      {"max_memory", fmt::format("{}B", options.memory_bytes)},
      {"temp_directory", state->temp_folder},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"preserve_insertion_order", "true"},
  };
  Status configured;
  for (const auto& [name, value] : settings) {
    if (configured) configured = SetConfig(config, name, value);
  }
  char* error = nullptr;
  if (configured && duckdb_open_ext(nullptr, &state->database, config, &error) != DuckDBSuccess) {
    configured = std::unexpected(ErrorFromText(TakeText(error)));
  }
  duckdb_destroy_config(&config);
  RETURN_IF_ERROR(configured);

  Database database(std::move(state));
  ASSIGN_OR_RETURN(Connection connection, database.Connect());
  std::string setup;
  for (const std::string& path : options.extensions)
    setup += fmt::format("LOAD {};\n", QuoteText(path));
  // The order matters: once access is off, the lists are fixed; once locked, so is everything.
  setup += fmt::format(
      "SET GLOBAL errors_as_json = true;\nSET GLOBAL TimeZone = 'UTC';\nSET GLOBAL allowed_paths = "
      "{};\n"
      "SET GLOBAL allowed_directories = {};\nSET GLOBAL enable_external_access = false;\n"
      "SET GLOBAL lock_configuration = true;",
      QuoteList(options.allowed_paths), QuoteList(options.allowed_folders));
  RETURN_IF_ERROR(connection.Execute(setup));
  return database;
}

Result<Connection> Database::Connect() {
  auto state = std::make_shared<Connection::State>(state_);
  if (duckdb_connect(state_->database, &state->connection) != DuckDBSuccess) {
    return Fail(ErrorCode::kInternal, "DuckDB failed: {}", "no new session");
  }
  return Connection(std::move(state));
}

}  // namespace aimass::duckdb
