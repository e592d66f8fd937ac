#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sources/connector.h"

namespace aimass {

/// A file as its source lists it.
struct SourceFile {
  std::string path;         // what tells it apart in its source, "/" between folders
  std::string name;         // for people and by its ending for formats; mostly the path
  std::int64_t bytes = -1;  // -1: the source does not say
  /// Differs as soon as the file was written again: its time of change, an ETag. Empty: the source
  /// says nothing, and only the bytes themselves tell.
  std::string state;
  std::int64_t modified_ms = 0;  // for people; 0: unknown
};

struct FetchRequest {
  std::string to;          // the local file that gets the bytes
  bool only_hash = false;  // the bytes are not wanted; `to` may be used on the way
  std::int64_t max_bytes = std::int64_t{64} << 30;
  CancelToken cancel;
  std::function<void(std::int64_t bytes)> progress;
};

struct FetchedFile {
  SourceFile file;  // as it was when its bytes were read
  std::string sha256;
};

/// A connection to a source that hands over files. What is in them is no matter of sources: they
/// are parsed where imports are (datasets/collect/files_job.h). A table is a pattern (glob.h), or
/// whatever else names files there.
class FileConnection : public SourceConnection {
 public:
  /// The files of a table, in the order of their paths; none: an empty list.
  /// Errors   kUnprocessable where `table` cannot name files; kPermissionDenied where it leads
  ///          somewhere else; those of SourceConnection.
  [[nodiscard]] virtual Result<std::vector<SourceFile>> ListFiles(const std::string& table,
                                                                  const CancelToken& cancel) = 0;
  /// Errors   kUnavailable where it changed while it was read; kNotFound; kPayloadTooLarge.
  [[nodiscard]] virtual Result<FetchedFile> Fetch(const SourceFile& file,
                                                  const FetchRequest& request) = 0;

  // There are no rows to ask a source of files for.
  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) final;
  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) final;
  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) final;
  [[nodiscard]] Result<bool> Freeze(const SourceConnection* beside) final;
};

/// Tables to propose: one for all files of a folder with the same ending, "orders/*.csv.gz".
[[nodiscard]] std::vector<SourceTable> TablesOf(const std::vector<SourceFile>& files);

}  // namespace aimass
