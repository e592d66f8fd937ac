#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "datasets/catalog.h"
#include "datasets/collect/service.h"
#include "jobs/queue.h"
#include "jobs/schedule.h"

namespace aimass {

/// The schedule of a dataset as people see it.
struct CollectSchedule {
  std::string when;  // "after:" with the name that the other dataset has now
  CatchUp catch_up = CatchUp::kLatest;
  std::string time_zone;
  std::optional<std::int64_t> next_run_ms;
  std::optional<Message> paused;  // why
  std::string last_job;           // empty: none yet
  std::int64_t last_due_ms = 0;
  std::optional<JobState> last_state;  // nothing: the job is no longer kept
  std::optional<Error> last_error;     // why the last due moment started nothing
};

/// When datasets are collected by themselves. Threads  any.
class CollectSchedules {
 public:
  CollectSchedules(DatasetCatalog& catalog, JobQueue& queue, CollectService& collect,
                   ScheduleService& schedules);

  /// The action "collect", and what follows a job; before JobQueue::Start().
  void Register();

  /// What a collection that makes the dataset `name` carries, so that the schedule comes to be with
  /// the dataset: CollectRequest::schedule.
  /// Errors   kUnprocessable for `when` and `catch_up`.
  [[nodiscard]] Result<Json> Carried(const Caller& caller, std::string_view name,
                                     std::string_view when, std::string_view catch_up) const;
  /// Sets the schedule of a dataset; what is not given stays as it is.
  /// Errors   kUnprocessable, also where the dataset comes from no source; kNotFound.
  [[nodiscard]] Status Set(const Caller& caller, const DatasetInfo& dataset,
                           const std::optional<std::string>& when,
                           const std::optional<std::string>& catch_up);
  [[nodiscard]] Status Remove(const DatasetInfo& dataset);
  [[nodiscard]] Result<std::optional<CollectSchedule>> Find(const Caller& caller,
                                                            const DatasetInfo& dataset) const;

 private:
  [[nodiscard]] Result<ScheduleRequest> RequestOf(const Caller& caller, std::string_view when,
                                                  std::string_view catch_up) const;
  void AfterJob(const Job& job);

  DatasetCatalog& catalog_;
  JobQueue& queue_;
  CollectService& collect_;
  ScheduleService& schedules_;
};

}  // namespace aimass
