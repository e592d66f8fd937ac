#include "jobs/committer.h"

#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace aimass::jobs {
namespace {

constexpr int kTries = 6;                         // while a part is unavailable
constexpr std::chrono::milliseconds kPause{500};  // doubles

}  // namespace

Committer::Committer(Table& table, std::function<void(const Row&)> done)
    : table_(table), done_(std::move(done)) {}

Committer::~Committer() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Committer::OnCommit(std::string kind, JobQueue::Commit commit) {
  commits_.insert_or_assign(std::move(kind), std::move(commit));
}

void Committer::AfterCommit(std::string kind, JobQueue::Listener listener) {
  listeners_[std::move(kind)].push_back(std::move(listener));
}

void Committer::Start() {
  thread_ = std::thread([this] { Work(); });
}

void Committer::Add(Row row) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(row));
  }
  wake_.notify_one();
}

void Committer::Work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (closing_) return;
    Row row = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Finish(std::move(row));
  }
}

Result<Json> Committer::Commit(const Row& row) {
  const auto commit = commits_.find(row.job.kind);
  if (commit == commits_.end()) return row.result;
  auto pause = kPause;
  for (int attempt = 1;; ++attempt) {
    Result<Json> output = [&]() -> Result<Json> {
      try {
        return commit->second(row.job, row.result);
      } catch (const std::exception& error) {
        return Fail(ErrorCode::kInternal, "the job failed unexpectedly: {}", error.what());
      }
    }();
    if (output || output.error().code != ErrorCode::kUnavailable || attempt == kTries)
      return output;
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, pause, [this] { return closing_; })) return output;
    pause *= 2;
  }
}

void Committer::Finish(Row row) {
  if (row.phase == Phase::kResult) {
    Result<Json> output = Commit(row);
    if (!output) {
      const bool closing = [this] {
        const std::scoped_lock lock(mutex_);
        return closing_;
      }();
      if (closing && output.error().code == ErrorCode::kUnavailable)
        return;  // the next start tries again
      row.job.state = JobState::kFailed;
      row.job.error = std::move(output).error();
    } else {
      row.job.output = std::move(*output);
      if (const auto saved = table_.SaveCommitted(row, row.job.output); !saved) {
        // It stays in phase kResult; the commit finds its own work again when it is repeated.
        Log(LogLevel::kError, "job_commit_not_noted",
            {{"job", row.job.id}, {"error", saved.error().ToString()}});
        return;
      }
      row.phase = Phase::kCommitted;
    }
  }
  if (row.phase == Phase::kCommitted) {
    row.job.state = JobState::kSucceeded;
    row.job.progress.fraction = 1.0;
    for (const JobQueue::Listener& listener : listeners_[row.job.kind]) listener(row.job);
  }
  row.job.finished_ms = NowUnixMs();
  if (const auto left = table_.Leave(row); !left) {
    Log(LogLevel::kError, "job_end_not_noted",
        {{"job", row.job.id}, {"error", left.error().ToString()}});
  }
  done_(row);
}

}  // namespace aimass::jobs
