#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "table/schema.h"

namespace aimass::delta {

/// One data file of a table: an `add` action.
struct FileEntry {
  std::string path;  // relative to the table's folder, decoded
  std::int64_t bytes = 0;
  std::int64_t rows = 0;  // numRecords of the statistics; -1 where there are none
  std::int64_t modified_ms = 0;
  std::string stats;  // the statistics as JSON text, as they stand in the log; may be empty
  std::map<std::string, std::string> tags;  // what a writer keeps of the file: `add.tags`
};

/// A table at one version, replayed from its log.
struct State {
  std::int64_t version = -1;
  std::string table_id;
  Schema schema;
  std::map<std::string, std::string> configuration;
  int min_reader = 1;
  int min_writer = 2;
  std::vector<std::string> reader_features;
  std::vector<std::string> writer_features;
  std::vector<FileEntry> files;  // in the order in which they were added: the order of the rows
  std::map<std::string, std::int64_t> txns;     // application id → its version
  std::map<std::string, std::int64_t> removed;  // path → deletion time (ms): tombstones
  std::int64_t created_ms = 0;
};

/// What one commit says about itself (`commitInfo`).
struct CommitInfo {
  std::int64_t version = 0;
  std::int64_t timestamp_ms = 0;
  std::string operation;
  Json parameters;
};

/// `txn`s that say how far a source was read begin so; and the version that says: not at all.
inline constexpr std::string_view kPositionPrefix = "aimass.source.";
inline constexpr std::int64_t kNoPosition = std::numeric_limits<std::int64_t>::min();

/// What a commit changes.
struct Change {
  std::string operation;  // "CREATE TABLE", "WRITE"
  Json parameters;
  std::optional<Schema> schema;  // the new schema, where it changes; needed by the first commit
  bool replace = false;          // the new files take the place of all that there are
  std::vector<FileEntry> files;
  std::vector<std::string> removed;  // files of the base that are no longer part of the table
  std::map<std::string, std::int64_t> positions;  // further `txn`s: how far a source was read
  std::string app_id;  // written as `txn`, so that the same work is never committed twice
  std::int64_t app_version = 0;
};

/// The log of one Delta Lake table in a folder; reads any writer's tables of protocol (1,2), or
/// (3,7) with `timestampNtz` only. What else a table may ask for is refused by name.
///
/// Threads  any number of readers; of several writers exactly one wins each version.
class Log {
 public:
  explicit Log(std::string folder) : folder_(std::move(folder)) {}

  /// Errors   kNotFound naming the versions there are; kUnsupported naming the feature.
  [[nodiscard]] Result<State> Read(std::optional<std::int64_t> version = {}) const;

  /// Writes `base.version + 1`: temporary file, fsync, link() to the final name. `base` is what the
  /// change was made for; a default State starts a table. Every tenth version gets a checkpoint.
  /// Errors   kConflict when another writer was first: read again and decide again.
  [[nodiscard]] Result<State> Commit(const State& base, const Change& change) const;

  /// What each version in the folder says of itself, oldest first.
  [[nodiscard]] Result<std::vector<CommitInfo>> History() const;

  /// Newest version; -1 where there is no table.
  [[nodiscard]] Result<std::int64_t> Latest() const;

 private:
  [[nodiscard]] Status WriteCheckpoint(const State& state) const;
  std::string folder_;
};

/// Schema ↔ the `schemaString` of metaData. Errors: kUnsupported naming column and type.
[[nodiscard]] Result<std::string> SchemaToDelta(const Schema& schema);
[[nodiscard]] Result<Schema> SchemaFromDelta(std::string_view text);

/// `schema` as Delta can keep it: unsigned integers one size up (64 bits: decimal(20,0)), time of
/// day and columns of nothing but nulls as text. docs/formats/types.md
[[nodiscard]] Schema Storable(const Schema& schema);

}  // namespace aimass::delta
