// Checkpoints of a Delta log, through DuckDB's Parquet: one row per action, one struct column per
// kind of action.
#include "datasets/delta/checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/id.h"
#include "native/duckdb/database.h"

namespace aimass::delta {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kColumns =
    "{'txn': 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',"
    " 'add': 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT,"
    " modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags MAP(VARCHAR, VARCHAR))',"
    " 'remove': 'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN)',"
    " 'metaData': 'STRUCT(id VARCHAR, name VARCHAR, description VARCHAR,"
    " format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR,"
    " partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)',"
    " 'protocol': 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures "
    "VARCHAR[],"
    " writerFeatures VARCHAR[])'}";

Result<duckdb::Connection> Session(const std::vector<std::string>& paths) {
  ASSIGN_OR_RETURN(auto database, duckdb::Database::Open({.threads = 1, .allowed_paths = paths}));
  return database.Connect();
}

// "configuration" and such become maps again: DuckDB's to_json writes a MAP as an object already.
Result<Json> Row(std::string_view text) {
  ASSIGN_OR_RETURN(Json json, ParseJson(text, 256));
  for (auto at = json.begin(); at != json.end();)
    at = at->is_null() ? json.erase(at) : std::next(at);
  return json;
}

}  // namespace

Result<std::vector<Json>> ReadCheckpoint(const std::string& path) {
  ASSIGN_OR_RETURN(auto session, Session({path}));
  const std::string table = fmt::format("read_parquet({})", duckdb::QuoteText(path));
  // Other writers' checkpoints may lack a column or have more of them.
  ASSIGN_OR_RETURN(const Schema schema, session.Describe("SELECT * FROM " + table));
  std::string select;
  for (const std::string_view kind : {"txn", "add", "remove", "metaData", "protocol"}) {
    if (!schema.Find(kind)) continue;
    select += fmt::format("{}'{}': {}", select.empty() ? "" : ", ", kind, duckdb::QuoteName(kind));
  }
  ASSIGN_OR_RETURN(
      auto rows,
      session.Query(fmt::format("SELECT CAST(to_json({{{}}}) AS VARCHAR) FROM {}", select, table)));
  std::vector<Json> actions;
  for (;;) {
    ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (!batch) return actions;
    const ColumnView column = batch->column(0);
    for (std::size_t row = 0; row < batch->num_rows(); ++row) {
      ASSIGN_OR_RETURN(Json action, Row(column.Bytes(row)));
      actions.push_back(std::move(action));
    }
  }
}

Status WriteCheckpointFile(const std::string& path, const std::vector<Json>& actions) {
  const std::string source = path + ".tmp-" + NewId() + ".json";
  const std::string target = path + ".tmp-" + NewId();
  std::string text;
  std::size_t longest = std::size_t{1} << 16;  // DuckDB reserves twice as much at once
  for (const Json& action : actions) {
    const std::string line = action.dump() + "\n";
    longest = std::max(longest, line.size());
    text += line;
  }
  const auto write = [&]() -> Status {
    RETURN_IF_ERROR(WriteFileAtomic(source, text));
    ASSIGN_OR_RETURN(auto session, Session({source, target}));
    RETURN_IF_ERROR(session.Execute(
        fmt::format("COPY (SELECT * FROM read_json({}, format = 'newline_delimited', "
                    "maximum_object_size = {}, columns = {})) TO {} (FORMAT parquet)",
                    duckdb::QuoteText(source), longest, kColumns, duckdb::QuoteText(target))));
    RETURN_IF_ERROR(SyncPath(target));
    std::error_code error;
    fs::rename(target, path, error);
    if (error) return std::unexpected(SystemError(error.value(), "rename", path));
    return SyncPath(fs::path(path).parent_path());
  };
  const Status written = write();
  std::error_code ignored;
  fs::remove(source, ignored);
  if (!written) fs::remove(target, ignored);
  return written;
}

}  // namespace aimass::delta
