#pragma once

#include "jobs/job.h"

namespace aimass {

/// The kinds "import" and "derive": the halves that run in a job's process. They write Parquet
/// files into the dataset's folder; DatasetService (service.h) makes them a version.
/// docs/formats/dataset.md
void RegisterDatasetJobs(JobKindRegistry& kinds);

}  // namespace aimass
