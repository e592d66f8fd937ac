#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "datasets/dataset.h"
#include "store/database.h"

namespace aimass {

struct DatasetInfo {
  std::string id;
  std::string name;
  std::string workspace;
  std::string folder;         // its Delta table
  std::int64_t version = -1;  // the latest
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t rejected_rows = 0;  // of the latest import
  Json origin;                     // {"kind":"import","source":…} or {"kind":"sql","sql":…}
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
};

/// One version, as the catalogue knows it.
struct DatasetVersion {
  std::int64_t version = 0;
  std::string operation;  // "create", "append", "replace"
  std::int64_t rows = 0;  // of the whole table
  std::int64_t bytes = 0;
  std::int64_t added_rows = 0;
  std::int64_t rejected_rows = 0;
  std::string rejected_file;      // NDJSON; empty where nothing was rejected
  Json origin;                    // of this version: source, or SQL
  Json inputs = Json::array();    // lineage: [{"id","name","version"}], and "as": in the SQL
  Json details = Json::object();  // warnings, files …
  std::string job_id;
  std::int64_t created_ms = 0;
};

enum class WriteMode : std::uint8_t { kCreate, kAppend, kReplace };

/// How an append takes the place of rows that are there: files that held them are written anew.
struct DatasetMerge {
  std::int64_t base_version = 0;     // what it was made for
  std::vector<std::string> removed;  // files of that version
};

/// What a job wrote, to become the next version.
struct DatasetCommit {
  std::string id;  // where the files lie: from NewFolder(), or an existing dataset's
  std::string name;
  WriteMode mode = WriteMode::kCreate;
  Schema schema;
  Json files;  // [{"path","bytes","rows","stats"}], relative to the folder; "tags": of the log
  std::optional<DatasetMerge> merge;              // of kAppend: `origin` becomes the dataset's, too
  std::map<std::string, std::int64_t> positions;  // delta::Change::positions
  std::int64_t rejected_rows = 0;
  std::string rejected_file;
  Json origin;
  Json inputs = Json::array();
  Json details = Json::object();
  std::string job_id;  // the same job is committed once
};

struct DatasetPage {
  std::vector<DatasetInfo> items;
  std::string next_cursor;
};

/// The datasets of a workspace: names, folders, versions and lineage. Rows are read through read.h.
///
/// Threads  any.
class DatasetCatalog {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  DatasetCatalog(Database& database, std::string data_folder);

  /// An empty dataset without a version yet. Errors: kConflict where the name exists.
  [[nodiscard]] Result<DatasetInfo> Create(const Caller& caller, std::string_view name,
                                           const Json& origin);
  /// Errors   kNotFound naming the nearest existing name.
  [[nodiscard]] Result<DatasetInfo> Get(const Caller& caller, std::string_view name) const;
  /// What the dataset `id` is called now. Errors: kNotFound.
  [[nodiscard]] Result<std::string> NameOf(const Caller& caller, std::string_view id) const;
  /// Newest first; `cursor` is the id behind which to go on. List() drops the cursor of the next
  /// page.
  [[nodiscard]] Result<std::vector<DatasetInfo>> List(const Caller& caller, int limit,
                                                      std::string_view cursor) const;
  [[nodiscard]] Result<DatasetPage> Page(const Caller& caller, int limit,
                                         std::string_view cursor) const;
  [[nodiscard]] Result<DatasetInfo> Rename(const Caller& caller, std::string_view name,
                                           std::string_view new_name);
  /// What other modules keep about a dataset goes with it, in the same transaction; at start.
  using DeleteListener = std::function<Status(SqlSession& session, const std::string& id)>;
  void OnDelete(DeleteListener listener) { delete_listeners_.push_back(std::move(listener)); }
  /// Really deletes rows and files.
  [[nodiscard]] Status Delete(const Caller& caller, std::string_view name);
  /// The version `version`, or the latest. Errors: kNotFound naming the versions there are.
  [[nodiscard]] Result<DatasetSnapshot> Snapshot(const Caller& caller, std::string_view name,
                                                 std::optional<std::int64_t> version = {}) const;

  /// Newest first; their inputs by the names that these have now. Errors: kNotFound.
  [[nodiscard]] Result<std::vector<DatasetVersion>> Versions(const Caller& caller,
                                                             std::string_view name) const;
  /// Makes files the next version of a dataset, as a Delta commit, and creates the dataset where
  /// the mode says so. The same job again gives what its first commit gave. Errors   kConflict
  /// where a name is taken, rows do not fit the table's columns, or a merge was made for another
  /// version than the latest. Where the table is replaced, positions of sources in it are void.
  [[nodiscard]] Result<DatasetVersion> Commit(const Caller& caller, const DatasetCommit& commit);
  /// Where the table of the dataset `id` is, or will be.
  [[nodiscard]] std::string Folder(std::string_view workspace, std::string_view id) const;

 private:
  [[nodiscard]] Status NameInputs(const Caller& caller,
                                  std::vector<DatasetVersion>& versions) const;
  [[nodiscard]] Result<std::optional<DatasetVersion>> VersionOfJob(std::string_view dataset,
                                                                   std::string_view job) const;
  Database& database_;
  std::string data_folder_;
  std::vector<DeleteListener> delete_listeners_;
};

/// `name` as a dataset can have it: CheckName, and no "@3" at its end, which names a version.
[[nodiscard]] Result<std::string> CheckDatasetName(std::string_view name);

/// "create", "append", "replace". Errors: kUnprocessable naming the three.
[[nodiscard]] Result<WriteMode> WriteModeFromName(std::string_view name);
[[nodiscard]] std::string_view WriteModeName(WriteMode mode);

/// Whether every value of `from` is one of `into`: integers of wider ones and of double, anything
/// but binary of text.
[[nodiscard]] bool FitsInto(const Type& from, const Type& into);

/// The columns that rows of `added` take in a table of `table`'s columns: by name, none more, none
/// missing, each of the same type or one that every value fits (integers into wider ones and into
/// double, anything into text). Gives the table's schema. Errors: kUnprocessable naming all that
/// does not fit.
[[nodiscard]] Status CheckAppend(const Schema& table, const Schema& added);

}  // namespace aimass
