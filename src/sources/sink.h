#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "table/batch.h"

namespace aimass {

/// How rows go into a table of a source.
enum class SendMode : std::uint8_t {
  kAppend,   // beside the rows that are there
  kUpsert,   // in the place of the rows with the same key
  kReplace,  // instead of all rows that are there
};

/// A column that can take values.
struct SinkColumn {
  ColumnInfo column;     // the type of what it takes and gives back
  bool verbatim = true;  // gives back what it took: no JSON that is laid out anew, no padded CHAR
};

struct SinkTable {
  std::vector<SinkColumn> columns;
  std::vector<std::string> key;  // of the primary key, in its order; empty: none
};

/// Rows for a table.
struct SinkRequest {
  std::string table;
  Schema schema;  // of the rows: columns of the table, with its types
  SendMode mode = SendMode::kAppend;
  std::vector<std::string> key;  // of kUpsert
  std::string id;                // of the delivery
  CancelToken cancel;
};

/// Rows on their way into a table, where nothing of them is to be seen before Commit(). Destroyed
/// without it, it leaves nothing behind.
///
/// Errors   those of SinkConnection.
/// Threads  one at a time.
class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  /// Rows of the request's schema.
  [[nodiscard]] virtual Status Add(const Batch& batch) = 0;
  /// All rows that were added, as the database keeps them; no row may be added from then on.
  [[nodiscard]] virtual Result<std::unique_ptr<BatchReader>> Added() = 0;
  /// Puts them into the table: all at once, or none.
  [[nodiscard]] virtual Status Commit() = 0;
};

/// A connection by which rows are sent into a source. Whatever it is asked for ends by a time-out.
///
/// Errors   kUnavailable, kTimeout; kUnauthenticated, kPermissionDenied as the source says, with
///          the grant that is missing; kUnprocessable. Never a secret in a message.
/// Threads  one at a time.
class SinkConnection {
 public:
  virtual ~SinkConnection() = default;
  /// Nothing where there is no such table. Errors: kUnprocessable for a view.
  [[nodiscard]] virtual Result<std::optional<SinkTable>> Describe(const std::string& table) = 0;
  /// Makes a table for such rows.
  [[nodiscard]] virtual Status Create(const std::string& table, const Schema& schema,
                                      const std::vector<std::string>& key) = 0;
  /// Whether rows with this id of a delivery were committed; of kAppend, which keeps them for a
  /// month in the table aimass_deliveries.
  [[nodiscard]] virtual Result<bool> Delivered(const std::string& id) = 0;
  /// The connection is taken by the writer until that is destroyed.
  /// Errors   kUnprocessable where the table has no transactions, or its rows no such key.
  [[nodiscard]] virtual Result<std::unique_ptr<SinkWriter>> Write(const SinkRequest& request) = 0;
};

}  // namespace aimass
