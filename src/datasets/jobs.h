#pragma once

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

}  // namespace aimass
