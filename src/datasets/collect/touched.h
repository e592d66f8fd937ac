#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/import/writer.h"
#include "datasets/read.h"
#include "sources/connector.h"

namespace aimass {

/// The keys of the rows of a table that changed since the last run, in files of this run.
///
/// Threads  any; it does not change.
class TouchedKeys {
 public:
  /// Writes all of `keys` into the folder of `options`. Errors: those of the keys and the writer.
  [[nodiscard]] static Result<TouchedKeys> Write(ChangedKeys& keys, TableWriter::Options options);

  /// The dataset "touched", a key in it perhaps several times, for SQL of ours.
  [[nodiscard]] DatasetSnapshot Snapshot(const Caller& caller) const;
  /// Whether a row "s" has one of the keys, as SQL beside that dataset.
  [[nodiscard]] std::string Condition() const;
  /// Each key once. `limits`: threads, memory, spill folder, cancel.
  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const Caller& caller,
                                                          ReadRequest limits) const;

 private:
  Schema schema_;
  std::vector<DataFile> files_;
};

}  // namespace aimass
