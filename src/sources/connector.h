#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/registry.h"
#include "base/settings.h"
#include "sources/range.h"
#include "table/batch.h"

namespace aimass {

/// What a connector can do. The contract suite asserts exactly this against the real server.
struct Abilities {
  bool query = false;        // reads a query in the source's own language beside whole tables
  bool incremental = false;  // looks for SourceRead::range itself; of files: tells changed ones
  bool count = false;        // the source counts rows itself
  bool sums = false;         // and adds up number columns itself
  bool moment = true;        // shows its rows as they are at one moment, however long it takes
  bool files = false;        // hands over files instead of rows: `connect_files`
  bool write = false;        // takes rows as well: `connect_sink`
  bool changes = false;      // knows from a log of its own which rows changed: `KeysSince`
};

struct SourceTable {
  std::string name;  // as the source writes it: "orders", "shop.orders"
  bool view = false;
  std::string comment;
  std::optional<std::int64_t> rows;  // an estimate of the source's; none where it has none
};

struct SourceColumn {
  ColumnInfo column;
  std::string native_type;  // "bigint(20) unsigned"
  std::string comment;
};

struct TableDescription {
  std::string name;
  std::vector<SourceColumn> columns;  // in the source's order
  std::vector<std::string> key;       // of the primary key, in its order; empty: none
  std::optional<std::int64_t> rows;   // an estimate
};

/// What a test of a source found out.
struct Check {
  bool ok = false;
  Message message;  // "signed in as 'shop'@'10.0.0.7'"
  Message hint;     // what to do where it is not ok: the GRANT that is missing
};

/// A row that cannot be a row of the table.
struct BadRow {
  std::int64_t number = 0;  // of the rows of this reading, from 1
  Message reason;
  std::string raw;  // JSON of its values as the source gave them
};

/// Some rows of a table by their primary key: rows [first, first + count) of `batch`, which has
/// just its columns.
struct SourceKeys {
  std::shared_ptr<const Batch> batch;
  std::size_t first = 0;
  std::size_t count = 0;
};

/// Which rows. Exactly one of `table` and `query`.
struct SourceRead {
  std::string table;
  std::string query;                 // one SELECT; it can change nothing
  std::vector<std::string> columns;  // of `table`: only these; empty: all
  std::optional<SourceRange> range;  // only these rows; for connectors that can `incremental`
  std::optional<SourceKeys> keys;    // only these rows; for connectors that can `changes`
  /// The columns that the dataset has already. Connectors whose tables have no columns of their own
  /// (documents) give just these, instead of what they would propose; others give what there is.
  std::optional<Schema> as;
  std::int64_t limit = 0;  // rows at most; 0: all
  std::size_t batch_rows = 8192;
  std::function<Status(const BadRow&)> reject;  // gets what is no row; none: such a row is an error
  CancelToken cancel;
};

/// What the source itself says of the rows of a SourceRead.
struct SourceTotals {
  std::int64_t rows = 0;
  struct Sum {
    std::string column;
    std::string value;  // exact decimal digits; empty where all values are NULL
  };
  std::vector<Sum> sums;  // of the columns whose sums are exact: integers and decimals
  /// Rows that the table ever got, where the source knows: of tables that OnlyGrows(), from which
  /// old rows may be removed.
  std::optional<std::int64_t> ever;
};

/// What a source without a moment says of the time since SourceConnection::Freeze(), of the table
/// that was asked for last.
struct SourceChanges {
  bool any = false;  // rows came, went or changed
  /// Whether the row with this key (an object of the key's columns) may have; none: no row. Valid
  /// while the connection lives.
  std::function<bool(const Json& key)> touched;
};

/// A place in a source's log of changes.
struct ChangePosition {
  std::int64_t at = 0;    // later ones are greater
  std::int64_t mark = 0;  // by what the connector notices a log that was begun anew
};

/// Keys of rows that changed, came or went; one may come several times.
class ChangedKeys : public BatchReader {
 public:
  /// Why any row may be another: the table was altered or truncated. Known at the end; none: only
  /// those with these keys.
  [[nodiscard]] virtual const std::optional<Message>& everything() const = 0;
};

/// An open connection. Whatever it is asked for ends by a time-out; a broken connection is
/// kUnavailable and the object is useless then.
///
/// Errors   kUnavailable, kTimeout; kUnauthenticated, kPermissionDenied as the source says, with
/// the
///          grant that is missing; kNotFound naming the nearest table; kUnprocessable. Never a
///          secret in a message.
/// Threads  one at a time.
class SourceConnection {
 public:
  virtual ~SourceConnection() = default;

  /// What a person wants to know before relying on it; an error where it cannot even connect.
  [[nodiscard]] virtual Result<std::vector<Check>> Test() = 0;
  [[nodiscard]] virtual Result<std::vector<SourceTable>> ListTables() = 0;
  [[nodiscard]] virtual Result<TableDescription> Describe(const std::string& table) = 0;
  /// Rows as they are at one moment. The connection is taken by the reader until that is destroyed.
  [[nodiscard]] virtual Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) = 0;
  /// Counted and added up by the source, at the same moment as Read().
  [[nodiscard]] virtual Result<SourceTotals> Totals(const SourceRead& request) = 0;
  /// Fixes the moment that Read() and Totals() of this connection see, until it is closed.
  /// `beside`: a connection of the same kind that has its moment already; true where both see the
  /// same.
  [[nodiscard]] virtual Result<bool> Freeze(const SourceConnection* beside) = 0;
  /// Of sources without a moment: what changed since Freeze() until now, by the source's own word.
  /// A row that differs from what was read before is an error of ours unless it is among this.
  [[nodiscard]] virtual Result<SourceChanges> Changes() { return SourceChanges{}; }
  /// Of connectors that can `changes`: where in its log the moment of Freeze() is.
  /// Errors   kUnprocessable where the source keeps no such log, with what to set there.
  [[nodiscard]] virtual Result<ChangePosition> Position();
  /// The primary keys of the rows of `table` that changed behind `from` until Position(). What it
  /// gives has a connection of its own.
  /// Errors   kUnprocessable where the log does not reach back so far, or tells too little.
  [[nodiscard]] virtual Result<std::unique_ptr<ChangedKeys>> KeysSince(const std::string& table,
                                                                       const ChangePosition& from,
                                                                       const CancelToken& cancel);
  /// Whether rows of the request's table never change, and each that comes has a greater cursor
  /// than all before it. The table was read or described before.
  [[nodiscard]] virtual bool OnlyGrows(const SourceRead& /*request*/) const { return false; }
};

/// What a connector must know of the server that it runs in.
struct Surroundings {
  std::string data_folder;         // where no path of a source may lead
  bool private_addresses = false;  // whether addresses of private networks may be called
};
class FileConnection;  // sources/files.h
class SinkConnection;  // sources/sink.h

/// One kind of source, as a plug-in declares it.
struct Connector {
  std::string_view name;  // "mysql"
  Label label;
  std::span<const Field> fields;
  Abilities can;
  Result<std::unique_ptr<SourceConnection>> (*connect)(const Settings& settings) = nullptr;
  /// Instead of `connect`, of those that can `files`. It calls nobody: settings that do not go
  /// together are refused with it when they are given.
  Result<std::unique_ptr<FileConnection>> (*connect_files)(const Settings& settings,
                                                           const Surroundings& here) = nullptr;
  /// Beside `connect`, of those that can `write`. They have a setting `writable`.
  Result<std::unique_ptr<SinkConnection>> (*connect_sink)(const Settings& settings) = nullptr;
};
using ConnectorRegistry = Registry<Connector>;

void RegisterAllConnectors(ConnectorRegistry& registry);  // generated

}  // namespace aimass
