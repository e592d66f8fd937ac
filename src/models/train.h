#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "datasets/dataset.h"
#include "jobs/job.h"
#include "models/features/rows.h"
#include "models/learner.h"

namespace aimass {

/// The job kinds "train" and "reproduce" (docs/formats/model.md says what they take and give).
void RegisterTrainJobs(JobKindRegistry& kinds);

/// Parameters of a `train` job, checked.
struct TrainParameters {
  std::string name;  // of the model
  DatasetSnapshot dataset;
  std::string target;
  std::string task = "auto";
  double time_s = 60;  // 1 … 7 days
  int threads = 2;
  std::uint64_t seed = 1;
  std::vector<std::string> keep;
  std::vector<std::string> drop;
  std::string time_column;
  std::string group_column;  // rows with the same value here stay on one side of every split
  std::string metric = "auto";
  std::string final_rows = "auto";  // "all", "training"
  std::string model_task;           // of the versions that the model has; empty: it is the first
  std::string baseline_column;  // what the report compares with: the ranking by this column alone
  double test_fraction = 0.2;   // 0.05 … 0.5
  std::optional<Json> test_after;  // a value of time_column
  std::optional<DatasetSnapshot> test_dataset;
  int max_trials = 100000;  // fewer make a training that does not depend on the machine's speed
};
/// Errors   kInvalidArgument, kUnprocessable naming the parameter, what was expected and what was
/// found.
[[nodiscard]] Result<TrainParameters> TrainParametersFromJson(const Json& json);

/// The run half of `train` on rows that were read already: what the job does, without a dataset.
/// `test_from`: the number of the first row that is given as the test, 0 where none is. Returns the
/// job's output; the model's folder is `context.spec().work_folder`/model. `start_ms`: by the
/// environment's clock.
struct TrainEnvironment {
  const LearnerRegistry* learners = nullptr;  // null: all of this build
  std::function<std::int64_t()> clock = SteadyMs;
};
[[nodiscard]] Result<Json> TrainOnRows(JobContext& context, const TrainParameters& parameters,
                                       const RowTable& table, std::size_t test_from,
                                       std::int64_t start_ms, const TrainEnvironment& environment);

/// Trains again as trials.json of `model_folder` says, on the rows of the same dataset version,
/// into `out_folder`: features.json, model.json and the members. No clock is asked. Returns
/// {"identical": bool, "files": [{"file","expected","found"}]}, SHA-256 each.
[[nodiscard]] Result<Json> ReplayTraining(const std::string& model_folder, const RowTable& table,
                                          const std::string& out_folder, const CancelToken& cancel);

}  // namespace aimass
