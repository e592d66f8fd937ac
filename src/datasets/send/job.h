#pragma once

#include "jobs/job.h"
#include "sources/connector.h"

namespace aimass {

/// The kind "send": rows of a dataset go into a table of a source. Before they are to be seen there
/// they are read back and compared with what was sent.
/// `connectors` must outlive `kinds`.
void RegisterSendJob(JobKindRegistry& kinds, const ConnectorRegistry& connectors);

}  // namespace aimass
