#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "datasets/catalog.h"
#include "datasets/format.h"
#include "endpoints/endpoint.h"
#include "jobs/queue.h"

namespace aimass {

/// The half of the job "predict" that runs in its own process.
///
/// Parameters: {"model": {"name","version","folder","checksum"}, "input": {"dataset": snapshot} or
/// {"path","name","format","options"}, "result": folder, "format": "csv", "batch_rows", "into":
/// dataset's folder or "", "total_rows"}. Rows keep their order; each batch is a file that the next
/// attempt does not make again.
/// `formats` must outlive `kinds`.
void RegisterPredictJob(JobKindRegistry& kinds, const FormatRegistry& formats);

/// What a person asks: which rows, by which model, where to.
struct BatchRequest {
  std::string model;     // or
  std::string endpoint;  // its heaviest route answers
  std::string version;   // of `model`
  std::string dataset;   // or
  std::optional<std::int64_t> dataset_version;
  std::string file;  // on this machine
  std::string file_name;
  std::string input_format = "auto";
  Json options = Json::object();  // of the input format
  std::string
      format;       // of the answer: "csv", "parquet" …; empty: as the input's name says, else csv
  std::string out;  // or into this dataset (a new version where it exists)
  std::int64_t batch_rows = 200'000;
  Language language = Language::kEnglish;  // of the warnings in the job's output
};

/// A finished answer.
struct PredictionFile {
  std::string path;
  std::string name;  // "predictions.csv"
  std::string media_type;
};

/// Predictions for whole files and datasets, in the server: requests become jobs, finished jobs
/// files or datasets.
///
/// Threads  any; RegisterCommits before the queue starts.
class BatchService {
 public:
  BatchService(EndpointService& endpoints, DatasetCatalog& datasets, JobQueue& queue,
               const FormatRegistry& formats, std::string data_folder);

  /// The commit of "predict". Its output:
  /// {"file","format","bytes","rows","rejected_rows","warnings","model","version"} or, into a
  /// dataset,
  /// {"dataset","dataset_version","rows",…}.
  void RegisterCommits();

  /// Errors   kInvalidArgument (not exactly one model and one input), kNotFound, kUnsupported
  /// (format).
  [[nodiscard]] Result<Job> Start(const Caller& caller, const BatchRequest& request,
                                  std::string_view idempotency_key);

  /// Errors   kNotFound (no such job, or its file was removed), kConflict (not finished, or a
  /// dataset was made).
  [[nodiscard]] Result<PredictionFile> File(const Caller& caller, std::string_view job) const;

  /// Removes answers that are older than `keep_ms`: how many.
  [[nodiscard]] Result<std::int64_t> RemoveOld(std::int64_t keep_ms) const;

 private:
  [[nodiscard]] std::string ResultFolder(std::string_view workspace) const;

  EndpointService& endpoints_;
  DatasetCatalog& datasets_;
  JobQueue& queue_;
  const FormatRegistry& formats_;
  std::string data_folder_;
};

}  // namespace aimass
