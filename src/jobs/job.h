#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "access/caller.h"
#include "base/cancel.h"
#include "base/json.h"
#include "base/message.h"
#include "base/registry.h"

namespace aimass {

enum class JobState : std::uint8_t { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
[[nodiscard]] std::string_view StateName(JobState state);  // "queued" …

struct JobLimits {
  std::int64_t memory_bytes = 0;  // 0: the server's default
  int threads = 0;                // 0: the server's default
  std::int64_t time_ms = 0;       // 0: none
};

/// What a job is told to do: self-contained, so that any executor can run it. Format:
/// docs/formats/job.md.
struct JobSpec {
  std::string id;
  std::string kind;  // "import", "train" …
  Caller caller;
  Json parameters;  // the kind's own, with every input resolved to a version
  JobLimits limits;
  std::string work_folder;  // the job's own; emptied after it ended, kept between attempts
  int attempt = 1;  // counts every start; also the fencing token of what the process reports
};
[[nodiscard]] Json ToJson(const JobSpec& spec);
[[nodiscard]] Result<JobSpec> JobSpecFromJson(const Json& json);

struct Progress {
  double fraction = 0.0;             // 0..1
  Message step;                      // "training trial 12"
  std::optional<std::int64_t> rows;  // done so far, where rows count
  std::optional<std::int64_t> eta_ms;
};

/// What the code of a job sees while it runs, in its own process.
class JobContext {
 public:
  virtual ~JobContext() = default;
  [[nodiscard]] virtual const JobSpec& spec() const = 0;
  virtual void Report(const Progress& progress) = 0;  // throttled; cheap to call often
  virtual void Log(const Message& line) = 0;
  [[nodiscard]] virtual const CancelToken& cancel() const = 0;
  /// A small state that the next attempt finds after a crash or restart; written before it returns.
  [[nodiscard]] virtual Status SaveCheckpoint(const Json& state) = 0;
  [[nodiscard]] virtual std::optional<Json> LoadCheckpoint() const = 0;
};

/// One kind of job: the half that runs in the job's process. Returns the output that the server
/// commits.
struct JobKind {
  std::string_view name;
  Label label;
  std::function<Result<Json>(JobContext&)> run;
};
using JobKindRegistry = Registry<JobKind>;

/// A job as people see it.
struct Job {
  std::string id;
  std::string kind;
  Caller caller;
  JobState state = JobState::kQueued;
  Progress progress;
  Json parameters;
  Json output;                 // what the kind's commit returned, when succeeded
  std::optional<Error> error;  // when failed
  int attempt = 0;
  std::int64_t created_ms = 0;
  std::int64_t started_ms = 0;   // 0: not yet
  std::int64_t finished_ms = 0;  // 0: not yet
};
/// The shape of the REST answers, texts in `language`. Parameters are left out: they hold paths.
[[nodiscard]] Json ToJson(const Job& job, Language language);

/// A progress in events and in the metadata.
[[nodiscard]] Json ToJson(const Progress& progress);
[[nodiscard]] Progress ProgressFromJson(const Json& json);

/// Whether the job has ended, one way or another.
[[nodiscard]] inline bool Ended(JobState state) {
  return state != JobState::kQueued && state != JobState::kRunning;
}
[[nodiscard]] Result<JobState> StateFromName(std::string_view name);

}  // namespace aimass
