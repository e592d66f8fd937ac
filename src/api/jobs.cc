#include "api/jobs.h"

#include <condition_variable>
#include <coroutine>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxWaiters = 10'000;
constexpr std::int64_t kMaxWaitMs = 60'000;

/// Requests that wait for the end of a job. They hold no thread: a coroutine sleeps until its job
/// ends or its time is up.
class Waiters {
 public:
  Waiters() : timer_([this](const std::stop_token& stop) { RunTimer(stop); }) {}

  /// `co_await waiters.Await(id, deadline)`: returns at once where too many wait already, or after
  /// Close().
  struct Awaiter {
    Waiters& waiters;
    std::string id;
    std::int64_t deadline_ms;  // steady clock
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) {
      const std::scoped_lock lock(waiters.mutex_);
      if (waiters.closed_ || waiters.waiting_.size() >= kMaxWaiters) return false;
      waiters.waiting_.emplace(id, Waiting{handle, Executor::Current(), deadline_ms});
      return true;
    }
    void await_resume() const noexcept {}
  };
  Awaiter Await(std::string id, std::int64_t deadline_ms) {
    return {*this, std::move(id), deadline_ms};
  }

  void OnEnd(const std::string& id) {
    std::vector<Waiting> woken;
    {
      const std::scoped_lock lock(mutex_);
      const auto [from, to] = waiting_.equal_range(id);
      for (auto one = from; one != to; ++one) woken.push_back(one->second);
      waiting_.erase(from, to);
    }
    Resume(woken);
  }

  void Close() {
    std::vector<Waiting> woken;
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
      for (const auto& [id, one] : waiting_) woken.push_back(one);
      waiting_.clear();
    }
    Resume(woken);
  }

 private:
  struct Waiting {
    std::coroutine_handle<> handle;
    Executor* home;
    std::int64_t deadline_ms;
  };

  // Only after it was taken out of the map under the lock, so nobody else resumes it.
  static void Resume(const std::vector<Waiting>& woken) {
    for (const Waiting& one : woken) {
      if (one.home == nullptr) {
        one.handle.resume();
      } else {
        one.home->Post([handle = one.handle] { handle.resume(); });
      }
    }
  }

  void RunTimer(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<Waiting> woken;
      {
        std::unique_lock lock(mutex_);
        tick_.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
        const std::int64_t now = SteadyMs();
        for (auto one = waiting_.begin(); one != waiting_.end();) {
          if (one->second.deadline_ms > now) {
            ++one;
            continue;
          }
          woken.push_back(one->second);
          one = waiting_.erase(one);
        }
      }
      Resume(woken);
    }
  }

  std::mutex mutex_;
  std::condition_variable_any tick_;
  std::multimap<std::string, Waiting> waiting_;
  bool closed_ = false;
  std::jthread timer_;
};

struct Parts {
  JobQueue& queue;
  Pool& io;
  std::shared_ptr<Waiters> waiters;
};

// GET /api/v1/jobs
Task<Result<Response>> ListJobs(const Parts& parts, const Request& request) {
  JobFilter filter;
  CO_ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, 1000));
  filter.limit = static_cast<int>(limit);
  if (const auto found = request.query.find("cursor"); found != request.query.end())
    filter.cursor = found->second;
  if (const auto found = request.query.find("kind"); found != request.query.end())
    filter.kind = found->second;
  if (const auto found = request.query.find("state"); found != request.query.end()) {
    CO_ASSIGN_OR_RETURN(filter.state, StateFromName(found->second));
  }
  CO_ASSIGN_OR_RETURN(const JobPage page, co_await RunOn(parts.io, [&] {
                        return parts.queue.List(request.caller, filter);
                      }));
  Json items = Json::array();
  for (const Job& job : page.items) items.push_back(ToJson(job, request.language));
  co_return Response::Of(
      {{"items", std::move(items)},
       {"next_cursor", page.next_cursor.empty() ? Json() : Json(page.next_cursor)}});
}

// GET /api/v1/jobs/{id}
Task<Result<Response>> GetJob(const Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::int64_t wait_ms,
                      request.QueryInteger("wait_ms", 0, 0, kMaxWaitMs));
  const std::string id = request.params.at("id");
  const std::int64_t deadline = SteadyMs() + wait_ms;
  const auto get = [&] { return parts.queue.Get(request.caller, id); };
  CO_ASSIGN_OR_RETURN(Job job, co_await RunOn(parts.io, get));
  while (!Ended(job.state) && SteadyMs() < deadline) {
    // A job that ended between the look and the wait is seen by the next, short step.
    const std::int64_t step = std::min(deadline, SteadyMs() + 1'000);
    co_await parts.waiters->Await(id, step);
    const bool at_once = SteadyMs() + 50 < step;
    CO_ASSIGN_OR_RETURN(job, co_await RunOn(parts.io, get));
    if (at_once) break;  // told of the end, or nobody may wait any more
  }
  co_return Response::Of(ToJson(job, request.language));
}

// GET /api/v1/jobs/{id}/log
Task<Result<Response>> GetJobLog(const Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::int64_t offset, request.QueryInteger("offset", 0, 0, INT64_MAX));
  const std::string id = request.params.at("id");
  std::int64_t next = 0;
  CO_ASSIGN_OR_RETURN(const std::vector<Json> lines, co_await RunOn(parts.io, [&] {
                        return parts.queue.ReadLog(request.caller, id, offset, &next);
                      }));
  Json items = Json::array();
  for (const Json& line : lines) {
    items.push_back({{"time", line.value("time", "")},
                     {"attempt", line.value("attempt", 0)},
                     {"message", Render(MessageFromJson(line.value("message", Json::object())),
                                        request.language)}});
  }
  co_return Response::Of({{"items", std::move(items)}, {"next_offset", next}});
}

// POST /api/v1/jobs/{id}/cancel
Task<Result<Response>> CancelJob(const Parts& parts, const Request& request) {
  const std::string id = request.params.at("id");
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.io, [&] {
                        return parts.queue.Cancel(request.caller, id);
                      }));
  co_return Response::Of(ToJson(job, request.language));
}

}  // namespace

Response JobStarted(const Job& job, Language language) {
  return Response::Of({{"job", ToJson(job, language)}}, 202);
}

std::function<void()> BindJobsApi(JobQueue& queue, Pool& io, http::Router& router) {
  auto parts = std::make_shared<const Parts>(Parts{queue, io, std::make_shared<Waiters>()});
  // The router may go before the queue or after it, so the queue's listener holds on to nothing.
  static_cast<void>(queue.OnChange([weak = std::weak_ptr<Waiters>(parts->waiters)](const Job& job) {
    if (!Ended(job.state)) return;
    if (const auto waiters = weak.lock()) waiters->OnEnd(job.id);
  }));
  router.Get("/api/v1/jobs", [parts](const Request& request) { return ListJobs(*parts, request); });
  router.Get("/api/v1/jobs/{id}",
             [parts](const Request& request) { return GetJob(*parts, request); });
  router.Get("/api/v1/jobs/{id}/log",
             [parts](const Request& request) { return GetJobLog(*parts, request); });
  router.Post("/api/v1/jobs/{id}/cancel",
              [parts](const Request& request) { return CancelJob(*parts, request); });
  return [waiters = parts->waiters] { waiters->Close(); };
}

}  // namespace aimass
