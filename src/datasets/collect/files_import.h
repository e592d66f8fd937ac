#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/collect/files_columns.h"
#include "datasets/dataset.h"
#include "datasets/import/options.h"
#include "datasets/import/writer.h"
#include "jobs/job.h"
#include "sources/files.h"

namespace aimass {

/// One file of a source, as Parquet files in the dataset's folder.
struct TakenFile {
  FetchedFile fetched;
  std::string local;  // its copy, as long as it is imported
  int number = 0;     // of this run's files: part of the names of `parts`
  FileColumns columns;
  bool converts = false;           // its format's values are texts that we convert
  std::vector<WrittenFile> parts;  // at least one, once it is fitted
  std::int64_t rows = 0;           // that were read and are no rejects
  std::int64_t rejected = 0;
  std::string rejects;  // where these lie; empty: none
  std::vector<Message> warnings;
};

/// Imports the files of a table one by one, with the code of the kind "import", and fits them to
/// the columns of the table.
///
/// Threads  one at a time.
class FileImporter {
 public:
  FileImporter(JobContext& context, const FormatRegistry& formats, FileOptions options,
               std::string folder)
      : context_(context),
        formats_(formats),
        options_(std::move(options)),
        folder_(std::move(folder)) {}

  /// Fills in all but `fetched`, `local` and `number`. `wanted`: the columns of the table, which
  /// values that are converted take; nullptr: what the file says by itself.
  /// Errors   those of the import, naming the file.
  [[nodiscard]] Status Import(TakenFile& file, const Schema* wanted,
                              const std::function<void(double fraction)>& progress);
  /// Finds TakenFile::columns.empty.
  [[nodiscard]] Status FindEmpty(TakenFile& file) const;
  /// Makes its parts have exactly the columns `table`, which CheckFileColumns() passes: by the
  /// types that they have. A file without rows gets a part without rows.
  [[nodiscard]] Status Fit(TakenFile& file, const Schema& table) const;
  void RemoveParts(TakenFile& file) const;
  /// Rows of parts by SQL over "collected".
  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Query(const Schema& schema,
                                                           std::vector<DataFile> files,
                                                           std::string sql) const;
  [[nodiscard]] std::vector<DataFile> PartsOf(const TakenFile& file) const;

 private:
  [[nodiscard]] Status Write(TakenFile& file, std::string_view mark, const Schema& table,
                             BatchReader& rows) const;

  JobContext& context_;
  const FormatRegistry& formats_;
  FileOptions options_;
  std::string folder_;
};

}  // namespace aimass
