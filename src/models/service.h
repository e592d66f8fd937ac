#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "datasets/catalog.h"
#include "jobs/queue.h"
#include "models/registry.h"

namespace aimass {

/// What people ask of models, in the server: turns requests into jobs, and finished jobs into
/// versions.
///
/// Threads  any; RegisterCommits before the queue starts.
class ModelService {
 public:
  ModelService(ModelRegistry& registry, const DatasetCatalog& datasets, JobQueue& queue,
               std::string data_folder);

  /// The commits of "train", "import_model" and "reproduce". A finished "train" or "import_model"
  /// has the output {"model","version","task","metrics","checksum"}.
  void RegisterCommits();

  /// The body of POST /api/v1/models, checked against the dataset's columns: a job "train".
  /// Errors   kInvalidArgument, kUnprocessable, kNotFound (dataset), kConflict (another task).
  [[nodiscard]] Result<Job> Train(const Caller& caller, const Json& request,
                                  std::string_view idempotency_key);

  /// Trains the version again from its recipe, without a clock: a job "reproduce", whose output
  /// names each file and whether its bytes are the same. Errors   kUnprocessable for a version that
  /// was not trained here; kNotFound where its dataset is gone.
  [[nodiscard]] Result<Job> Reproduce(const Caller& caller, std::string_view name,
                                      std::string_view version, std::string_view idempotency_key);

  /// What a model made elsewhere is registered as.
  struct Foreign {
    std::string name;
    std::string file;                 // on this machine
    std::string file_name;            // as the user calls it; for lineage and messages
    std::string target;               // empty: "prediction"
    std::vector<std::string> labels;  // empty: "0", "1" …
    bool delete_file = false;         // `file` is a copy of ours
  };
  /// Checks the file (cheaply, by our own reader), then has a job "import_model" validate it with
  /// its library. Errors   kUnsupported, kUnprocessable naming what is wrong with the file.
  [[nodiscard]] Result<Job> ImportForeign(const Caller& caller, const Foreign& foreign,
                                          std::string_view idempotency_key);

  /// Two versions side by side: {"a","b","metrics":[…],"paired","rows","reason"}. `other_model`
  /// empty: both of the same model. On the same hold-out rows each metric has a paired bootstrap
  /// difference.
  [[nodiscard]] Result<Json> Compare(const Caller& caller, std::string_view name,
                                     std::string_view a, std::string_view other_model,
                                     std::string_view b, Language language) const;

 private:
  ModelRegistry& registry_;
  const DatasetCatalog& datasets_;
  JobQueue& queue_;
  std::string data_folder_;
};

}  // namespace aimass
