#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jobs/table.h"

namespace aimass::jobs {

/// Commits the outputs of finished jobs, one after the other, on one thread.
///
/// Threads  Add may be called from any; OnCommit and AfterCommit before Start.
class Committer {
 public:
  /// `done` gets the row in its end state, after it was written.
  Committer(Table& table, std::function<void(const Row&)> done);
  ~Committer();  // finishes the commit that runs; what waits is found again at the next start

  void OnCommit(std::string kind, JobQueue::Commit commit);
  void AfterCommit(std::string kind, JobQueue::Listener listener);
  void Start();
  /// `row` is in phase kResult or kCommitted, and ours.
  void Add(Row row);

 private:
  void Work();
  void Finish(Row row);
  [[nodiscard]] Result<Json> Commit(const Row& row);

  Table& table_;
  const std::function<void(const Row&)> done_;
  std::map<std::string, JobQueue::Commit> commits_;
  std::map<std::string, std::vector<JobQueue::Listener>> listeners_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Row> waiting_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace aimass::jobs
