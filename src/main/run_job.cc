// Every kind of job that this build has: a table of contents.
#include "main/run_job.h"

#include "datasets/collect/job.h"
#include "datasets/jobs.h"
#include "datasets/send/job.h"
#include "endpoints/batch.h"
#include "jobs/queue.h"
#include "models/foreign.h"
#include "models/train.h"

namespace aimass {

int RunJob(const std::string& spec_path) {
  JobKindRegistry kinds("job kind");
  FormatRegistry formats("format");
  RegisterAllFormats(formats);
  RegisterDatasetJobs(kinds, formats);
  ConnectorRegistry connectors("connector");
  RegisterAllConnectors(connectors);
  RegisterCollectJob(kinds, connectors, formats);
  RegisterSendJob(kinds, connectors);
  RegisterTrainJobs(kinds);
  RegisterImportModelJob(kinds);
  RegisterPredictJob(kinds, formats);
  return RunJobProcess(kinds, spec_path);
}

}  // namespace aimass
