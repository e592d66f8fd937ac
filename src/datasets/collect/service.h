#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datasets/catalog.h"
#include "datasets/collect/cursor.h"
#include "datasets/import/options.h"
#include "jobs/queue.h"
#include "sources/service.h"

namespace aimass {

/// What a dataset is collected from. Exactly one of `table` and `query`.
struct CollectRequest {
  std::string name;  // of the dataset
  std::string source;
  std::string table;  // of files: a pattern
  std::string query;  // one SELECT in the source's own language
  /// Incremental: after the first run only what came since. Of files: without a column.
  std::optional<Cursor> cursor;
  bool changes = false;      // after the first run what the source's log says has changed
  FileOptions files;         // how files are to be read
  bool anew = false;         // this time everything, in spite of cursor or log
  bool allow_empty = false;  // no rows are a success
  Json schedule;             // of CollectSchedules::Carried(); null: none
  std::string idempotency_key;
};

/// One collection, as it ended.
struct CollectRun {
  std::string job_id;
  std::string state;  // "succeeded", "failed", "cancelled"
  std::int64_t started_ms = 0;
  std::int64_t finished_ms = 0;
  std::int64_t rows_read = 0;  // incremental: without those of the overlap that are as they were
  std::int64_t rows_written = 0;
  std::int64_t rejected_rows = 0;
  std::int64_t bytes = 0;
  std::optional<bool> reconciled;       // nothing where it did not come to that
  Json difference = Json::array();      // [{"key","what"}]: the rows that differ, at most 20
  std::optional<std::int64_t> version;  // of the dataset, that holds it
  std::optional<Error> error;
};

/// Datasets that are collected from sources: starts the jobs, makes versions of what they brought
/// where it equals the source, and keeps a record of every run.
///
/// Threads  any.
class CollectService {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  CollectService(Database& database, DatasetCatalog& catalog, JobQueue& queue,
                 const SourceService& sources, const FormatRegistry& formats,
                 std::string data_folder);

  /// The commit of "collect"; before JobQueue::Start().
  void RegisterCommits();

  /// Errors   kConflict where the name belongs to a dataset that was made otherwise; kNotFound for
  ///          the source; kUnprocessable.
  [[nodiscard]] Result<Job> Collect(const Caller& caller, const CollectRequest& request);
  /// The same again, as the dataset's origin says; `anew`: without regard to a cursor.
  [[nodiscard]] Result<Job> Refresh(const Caller& caller, const DatasetInfo& dataset, bool anew,
                                    const std::string& idempotency_key = {});
  /// Newest first, at most `limit`. Errors: kNotFound for the dataset.
  [[nodiscard]] Result<std::vector<CollectRun>> Runs(const Caller& caller, std::string_view dataset,
                                                     int limit) const;
  /// The datasets that are collected from a source: its SourceService::UseCheck.
  [[nodiscard]] Result<std::vector<std::string>> UsersOf(const Caller& caller,
                                                         const std::string& source_id) const;

 private:
  [[nodiscard]] Status CheckCursor(const Caller& caller, const CollectRequest& request,
                                   const Connector& connector) const;
  [[nodiscard]] static Status CheckChanges(const CollectRequest& request,
                                           const Connector& connector);
  /// What the job of a source of files needs beside the rest; nothing for others.
  [[nodiscard]] Result<Json> FileParameters(const CollectRequest& request,
                                            const Connector& connector) const;
  [[nodiscard]] Result<Json> CommitJob(const Job& job, const Json& output);
  /// What there is already, where a run brought nothing that the dataset does not have.
  [[nodiscard]] Result<std::optional<DatasetVersion>> Unchanged(const Job& job,
                                                                const DatasetCommit& commit) const;
  [[nodiscard]] Status Record(const Job& job, const CollectRun& run);

  Database& database_;
  DatasetCatalog& catalog_;
  JobQueue& queue_;
  const SourceService& sources_;
  const FormatRegistry& formats_;
  std::string data_folder_;
};

}  // namespace aimass
