// Every kind of job that this build has: a table of contents.
#include "main/run_job.h"

#include "datasets/jobs.h"
#include "endpoints/batch.h"
#include "jobs/queue.h"
#include "models/foreign.h"
#include "models/train.h"

namespace aimass {

int RunJob(const std::string& spec_path) {
  JobKindRegistry kinds("job kind");
  RegisterDatasetJobs(kinds);
  RegisterTrainJobs(kinds);
  RegisterImportModelJob(kinds);
  RegisterPredictJob(kinds);
  return RunJobProcess(kinds, spec_path);
}

}  // namespace aimass
