#pragma once

#include <string>

#include "datasets/format.h"
#include "datasets/import/options.h"
#include "jobs/job.h"
#include "sources/connector.h"

namespace aimass {

/// The kind "collect" where the source hands over files: reads all files of a table, or those that
/// are new or changed since the version that there is, writes each as Parquet files of its own,
/// lists and hashes the source anew, and compares. Which file rows came from stands in the Delta
/// log (`add.tags`), in the commit that brings them: docs/decisions/0014.
[[nodiscard]] Result<Json> CollectFiles(JobContext& context, const ConnectorRegistry& connectors,
                                        const FormatRegistry& formats);

/// The `txn` that says that the parts of a table are files of that table of that source, read in
/// that way: only then a later run goes on from them.
[[nodiscard]] std::string FilesPositionName(const std::string& source_id, const std::string& table,
                                            const FileOptions& options);

}  // namespace aimass
