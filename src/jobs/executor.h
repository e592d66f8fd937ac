#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/registry.h"
#include "jobs/job.h"

namespace aimass {

/// One attempt of a job, ready to start: the spec lies in a file, the executor runs `binary run-job
/// SPEC`.
struct JobLaunch {
  std::string binary;
  std::string spec_path;
  std::string output_path;  // standard output and error of the process go here
  JobLimits limits;         // memory and threads are set
};

/// How a job's process ended, as far as its executor can tell.
struct JobEnd {
  int exit_code = 0;
  int signal = 0;              // 0: it exited by itself
  bool out_of_memory = false;  // it was over its limit, or the system killed it for memory
  bool lost = false;           // it never started, or nothing is known about it
  std::string output_tail;     // the last lines that it wrote
};

/// What an executor tells about a process; called on a thread of the executor, one call at a time.
struct JobEvents {
  std::function<void(Json event)> on_event;  // one line of the event protocol, docs/formats/job.md
  std::function<void(JobEnd end)> on_end;    // once, after the last event
};

/// A started process. The destructor kills what still runs and waits for it.
class JobProcess {
 public:
  virtual ~JobProcess() = default;
  virtual void Stop() = 0;  // asks: the job's cancel token is set
  virtual void Kill() = 0;  // at once, with everything that it started
};

/// Where job processes run. Threads: any.
class JobExecutor {
 public:
  virtual ~JobExecutor() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<JobProcess>> Launch(const JobLaunch& launch,
                                                                   JobEvents events) = 0;
};

struct ExecutorType {
  std::string_view name;  // "local"
  Label label;
  std::function<Result<std::unique_ptr<JobExecutor>>()> open;
};
using ExecutorRegistry = Registry<ExecutorType>;
void RegisterAllExecutors(ExecutorRegistry& registry);

}  // namespace aimass
