#pragma once

#include "datasets/format.h"
#include "jobs/job.h"
#include "sources/connector.h"

namespace aimass {

/// The kind "collect": the half that runs in the job's process. It reads a source as it is at one
/// moment, writes Parquet files into the dataset's folder, reads the source anew at that moment and
/// compares. CollectService (service.h) makes it a version.
/// Sources of files: files_job.h.
/// `connectors` and `formats` must outlive `kinds`.
void RegisterCollectJob(JobKindRegistry& kinds, const ConnectorRegistry& connectors,
                        const FormatRegistry& formats);

}  // namespace aimass
