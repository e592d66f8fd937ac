#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "native/duckdb/function.h"
#include "table/batch.h"

namespace aimass::duckdb {

/// How much a DuckDB instance may use and touch. Everything is fixed when it opens: SQL that runs
/// in it can neither change an option nor load an extension.
struct Options {
  int threads = 2;
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  std::string temp_folder;  // sorts and joins may spill into a folder of their own in it,
                            // which is removed afterwards; empty: they may not
  std::vector<std::string>
      allowed_paths;  // files it may read and write; nothing else on disk or network
  std::vector<std::string> allowed_folders;  // folders with all that is below them
  std::vector<std::string> extensions;       // signed extension files that are loaded first
};

struct QueryOptions {
  CancelToken cancel;           // stops the query within 0.1 s
  std::int64_t timeout_ms = 0;  // from the call of Query to the last row; 0: none
};

class Database;

/// One session. It keeps its database alive.
///
/// Threads  one at a time, except Interrupt. A new statement ends the rows of the one before.
class Connection {
 public:
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs statements separated by ';' to their end. Their rows are dropped.
  /// Errors   kInvalidArgument (does not parse or bind), kUnprocessable (a value does not fit),
  ///          kResourceExhausted (memory), kCancelled, kTimeout, kPermissionDenied, kInternal.
  [[nodiscard]] Status Execute(std::string_view sql, const QueryOptions& options = {});

  /// Runs one statement whose rows are pulled from the reader as they are made. The reader keeps
  /// the session alive. Types that Arrow or we lack arrive as the nearest: docs/formats/types.md.
  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Query(std::string_view sql,
                                                           const QueryOptions& options = {});

  /// The schema that Query would give; nothing runs.
  [[nodiscard]] Result<Schema> Describe(std::string_view sql);

  /// Lets SQL of this session read `rows` once as table `name`. The session owns the reader from
  /// now on.
  [[nodiscard]] Status Register(std::string_view name, std::unique_ptr<BatchReader> rows);

  /// Makes the running statement fail with kCancelled. Threads: any.
  void Interrupt();

  /// Adds `function` to the SQL of this session.
  [[nodiscard]] Status RegisterFunction(const ScalarFunction& function);

  struct State;

 private:
  friend class Database;
  explicit Connection(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// A DuckDB instance in memory. Threads: any.
class Database {
 public:
  /// Errors   kInvalidArgument for options that DuckDB refuses, kInternal.
  [[nodiscard]] static Result<Database> Open(const Options& options);
  [[nodiscard]] Result<Connection> Connect();

  struct State;

 private:
  explicit Database(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// `name` as an SQL identifier, `text` as an SQL literal, `type` as an SQL type; safe for any
/// content.
[[nodiscard]] std::string QuoteName(std::string_view name);
[[nodiscard]] std::string QuoteText(std::string_view text);
[[nodiscard]] std::string SqlType(const Type& type);

/// "['a', 'b']": a list literal, as read_parquet and settings take it.
[[nodiscard]] std::string QuoteList(const std::vector<std::string>& texts);

}  // namespace aimass::duckdb
