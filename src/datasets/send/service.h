#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datasets/catalog.h"
#include "datasets/send/mode.h"
#include "jobs/queue.h"
#include "sources/service.h"

namespace aimass {

struct SendRequest {
  std::string source;
  std::string dataset;
  std::optional<std::int64_t> version;  // of the dataset; none: the latest
  std::string table;                    // of the source; made where there is none
  SendMode mode = SendMode::kAppend;
  std::vector<std::string> key;  // of kUpsert; empty: the table's primary key
  std::string idempotency_key;
};

/// Rows of datasets on their way back into sources.
///
/// Threads  any.
class SendService {
 public:
  SendService(const DatasetCatalog& catalog, JobQueue& queue, const SourceService& sources,
              std::string data_folder)
      : catalog_(catalog), queue_(queue), sources_(sources), data_folder_(std::move(data_folder)) {}

  /// Errors   kNotFound for source and dataset; kPermissionDenied where the source may only be
  ///          read; kUnsupported where its kind takes no rows; kUnprocessable.
  [[nodiscard]] Result<Job> Send(const Caller& caller, const SendRequest& request);

 private:
  const DatasetCatalog& catalog_;
  JobQueue& queue_;
  const SourceService& sources_;
  std::string data_folder_;
};

}  // namespace aimass
