#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "access/caller.h"
#include "base/cancel.h"
#include "datasets/dataset.h"
#include "datasets/sql/functions.h"
#include "table/batch.h"

namespace aimass {

struct ReadRequest {
  /// What may be read; their names are the tables of `sql`.
  std::vector<DatasetSnapshot> datasets;
  /// A SELECT over these names that we wrote ourselves or that CheckUserSql passed. Empty: all rows
  /// of the first dataset, in their order.
  std::string sql;
  std::vector<std::string> columns;  // without `sql`: only these; empty: all
  std::int64_t offset = 0;  // without `sql`: rows to leave out, so that a reader can resume
  int threads = 2;
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  std::string temp_folder;  // where a sort or join may spill; empty: it may not
  CancelToken cancel;
  std::int64_t timeout_ms = 0;  // from the call of Read to the last row; 0: none
  const SqlFunctionRegistry* functions =
      nullptr;  // further functions that `sql` may call; outlives the reader
};

/// The only function through which rows of a dataset are read, whoever asks: row filters, masks and
/// quotas hold here for everybody at once.
///
/// `sql` is checked here once more (datasets/sql/check.h), so that a job spec cannot smuggle
/// anything in.
///
/// Errors   kNotFound for a table of `sql` that is not among `datasets`; kTimeout; kInvalidArgument
/// with the position in `sql`; kPermissionDenied when a dataset belongs to another
///          workspace than the caller; kResourceExhausted over the memory limit; kCancelled.
/// Threads  any; the reader belongs to one thread at a time.
[[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const Caller& caller,
                                                        const ReadRequest& request);

}  // namespace aimass
