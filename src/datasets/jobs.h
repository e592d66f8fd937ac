#pragma once

#include <memory>

#include "datasets/format.h"
#include "jobs/job.h"

namespace aimass {

/// The kinds "import" and "derive": the halves that run in a job's process. They write Parquet
/// files into the dataset's folder; DatasetService (service.h) makes them a version.
/// docs/formats/dataset.md
/// `formats` must outlive `kinds`.
void RegisterDatasetJobs(JobKindRegistry& kinds, const FormatRegistry& formats);

/// What the kind "import" does, for a job that reads a file by the way.
[[nodiscard]] Result<Json> RunImport(JobContext& context, const FormatRegistry& formats);

/// The rows that the same job would import, where they can be used while they are read: the files
/// tell their types, and a table would keep those as they are. nullptr: import them first.
[[nodiscard]] Result<std::unique_ptr<FormatReader>> OpenWithoutImport(
    JobContext& context, const FormatRegistry& formats);

}  // namespace aimass
