#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "datasets/catalog.h"
#include "datasets/format.h"
#include "datasets/sql/workers.h"
#include "datasets/uploads.h"
#include "jobs/queue.h"

namespace aimass {

/// What an import is asked for.
struct ImportRequest {
  std::string name;
  std::string path;    // exactly one of path (a file or folder of this machine),
  std::string upload;  // upload (id of a complete upload),
  std::string url;     // and url (http or https) is given
  std::string format = "auto";
  Json options = Json::object();   // the format's settings, as texts; "encoding" too
  Json types = Json::object();     // {"column": "type"}, for CSV and Excel
  std::string on_error = "widen";  // "widen", "reject", "null": OnMisfit
  WriteMode mode = WriteMode::kCreate;
  Language language = Language::kEnglish;  // of the warnings in the job's output
  std::string idempotency_key;
};

/// Who may import from addresses of this machine and of private networks.
enum class PrivateAddresses : std::uint8_t { kNobody, kAdmin, kEveryone };
/// "nobody", "admin", "everyone"; anything else is kNobody.
[[nodiscard]] PrivateAddresses PrivateAddressesFromName(std::string_view name);

/// Starts the jobs that make dataset versions, and commits what they wrote.
///
/// Threads  any.
class DatasetService {
 public:
  DatasetService(DatasetCatalog& catalog, JobQueue& queue, UploadStore& uploads, SqlWorkers& sql,
                 const FormatRegistry& formats, std::string data_folder,
                 PrivateAddresses private_addresses = PrivateAddresses::kAdmin);

  /// The commits of "import" and "derive"; before JobQueue::Start().
  void RegisterCommits();

  /// Errors   kConflict (create: the name is taken), kNotFound (append: no such dataset; the
  /// upload, the path),
  ///          kUnprocessable (mode, format, options), kPermissionDenied (a path inside the data
  ///          folder).
  [[nodiscard]] Result<Job> Import(const Caller& caller, const ImportRequest& request);
  /// A dataset from a SELECT over the datasets of the workspace, as they are now.
  [[nodiscard]] Result<Job> Derive(const Caller& caller, const std::string& name,
                                   const std::string& sql, WriteMode mode,
                                   const std::string& idempotency_key = {});
  /// A new version from the same SQL over the same datasets, whatever they are called by now, or
  /// from the same file, folder or address. `anew`: all of it, where only what is new would be
  /// read. Errors   kConflict where the source is gone for good (an upload).
  [[nodiscard]] Result<Job> Refresh(const Caller& caller, std::string_view name, Language language,
                                    bool anew = false);

  /// How datasets are refreshed whose origin is of another kind than files and SQL; at start.
  using Refresher =
      std::function<Result<Job>(const Caller& caller, const DatasetInfo& dataset, bool anew)>;
  void AddRefresher(std::string kind, Refresher refresher) {
    refreshers_.emplace(std::move(kind), std::move(refresher));
  }

  [[nodiscard]] const FormatRegistry& formats() const { return formats_; }

 private:
  [[nodiscard]] Result<Job> Derive(const Caller& caller, const std::string& name,
                                   const std::string& sql, WriteMode mode,
                                   const std::string& idempotency_key, const Json& known);
  [[nodiscard]] Result<Json> SourceOf(const Caller& caller, const ImportRequest& request) const;
  [[nodiscard]] Result<Json> CommitJob(const Job& job, const Json& output);

  DatasetCatalog& catalog_;
  JobQueue& queue_;
  UploadStore& uploads_;
  SqlWorkers& sql_;
  const FormatRegistry& formats_;
  std::string data_folder_;
  PrivateAddresses private_addresses_;
  std::map<std::string, Refresher, std::less<>> refreshers_;
};

}  // namespace aimass
