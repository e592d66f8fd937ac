#include "api/events.h"

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxReaders = 1000;
constexpr std::size_t kMaxWaiting = 1000;  // events of one reader
constexpr std::int64_t kHeartbeatMs = 15'000;

std::string EventText(std::string_view event, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", event, data);  // JSON has no line ends of its own
}

/// The queue between the server and one reader.
class Channel {
 public:
  Channel(std::string workspace, Language language, std::int64_t ends_ms)
      : workspace_(std::move(workspace)), language_(language), ends_ms_(ends_ms) {}

  [[nodiscard]] const std::string& workspace() const { return workspace_; }
  [[nodiscard]] Language language() const { return language_; }
  [[nodiscard]] std::int64_t ends_ms() const { return ends_ms_; }

  void Push(std::string text) {
    Wake([&] {
      if (waiting_.size() >= kMaxWaiting) closed_ = true;
      if (!closed_) waiting_.push_back(std::move(text));
    });
  }
  void Close() {
    Wake([&] { closed_ = true; });
  }

  /// Awaits the next text; "" at the end.
  struct Next {
    Channel& channel;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiter) {
      const std::scoped_lock lock(channel.mutex_);
      if (!channel.waiting_.empty() || channel.closed_) return false;
      channel.reader_ = awaiter;
      channel.home_ = Executor::Current();
      return true;
    }
    std::string await_resume() {
      const std::scoped_lock lock(channel.mutex_);
      std::string all;
      while (!channel.waiting_.empty()) {
        all += channel.waiting_.front();
        channel.waiting_.pop_front();
      }
      return all;
    }
  };

 private:
  template <typename F>
  void Wake(F change) {
    std::coroutine_handle<> reader;
    Executor* home = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      change();
      reader = std::exchange(reader_, nullptr);
      home = home_;
    }
    if (reader && home != nullptr) home->Post([reader] { reader.resume(); });
    if (reader && home == nullptr) reader.resume();
  }

  const std::string workspace_;
  const Language language_;
  const std::int64_t ends_ms_;
  std::mutex mutex_;
  std::deque<std::string> waiting_;
  std::coroutine_handle<> reader_;
  Executor* home_ = nullptr;
  bool closed_ = false;
};

}  // namespace

struct EventHub::State {
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::list<std::weak_ptr<Channel>> channels;
  bool closed = false;
  std::jthread ticker;

  std::vector<std::shared_ptr<Channel>> Live() {
    std::vector<std::shared_ptr<Channel>> live;
    const std::scoped_lock lock(mutex);
    std::erase_if(channels, [&live](const std::weak_ptr<Channel>& weak) {
      if (auto channel = weak.lock()) live.push_back(std::move(channel));
      return weak.expired();
    });
    return live;
  }

  /// Heartbeats, and the end of streams whose time is over.
  void Tick() {
    std::int64_t next_beat_ms = SteadyMs() + kHeartbeatMs;
    for (;;) {
      {
        std::unique_lock lock(mutex);
        wake.wait_for(lock, std::chrono::milliseconds(250), [this] { return closed; });
        if (closed) return;
        if (channels.empty()) {
          wake.wait(lock, [this] { return closed || !channels.empty(); });
          if (closed) return;
        }
      }
      const std::int64_t now = SteadyMs();
      const bool beat = now >= next_beat_ms;
      if (beat) next_beat_ms = now + kHeartbeatMs;
      for (const auto& channel : Live()) {
        if (channel->ends_ms() != 0 && now >= channel->ends_ms()) channel->Close();
        if (beat) channel->Push(": still here\n\n");
      }
    }
  }
};

EventHub::EventHub() : state_(std::make_shared<State>()) {
  state_->ticker = std::jthread([state = state_.get()] { state->Tick(); });
}

EventHub::~EventHub() { Close(); }

void EventHub::Close() {
  const auto live = state_->Live();
  {
    const std::scoped_lock lock(state_->mutex);
    state_->closed = true;
  }
  state_->wake.notify_all();
  if (state_->ticker.joinable()) state_->ticker.join();
  for (const auto& channel : live) channel->Close();
  for (const auto& channel : state_->Live()) channel->Close();
}

std::size_t EventHub::readers() const { return state_->Live().size(); }

void EventHub::Publish(std::string_view workspace, std::string_view event,
                       const std::function<std::string(Language)>& data) {
  std::optional<std::string> texts[2];
  for (const auto& channel : state_->Live()) {
    if (channel->workspace() != workspace) continue;
    auto& text = texts[static_cast<std::size_t>(channel->language())];
    if (!text) text = EventText(event, data(channel->language()));
    channel->Push(*text);
  }
}

Result<std::shared_ptr<http::AsyncBodyStream>> EventHub::Subscribe(std::string_view workspace,
                                                                   Language language,
                                                                   std::int64_t lives_ms) {
  const auto channel = std::make_shared<Channel>(std::string(workspace), language,
                                                 lives_ms == 0 ? 0 : SteadyMs() + lives_ms);
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->channels.size() >= kMaxReaders) {
      return Fail(ErrorCode::kResourceExhausted, "{} readers of events are connected already",
                  kMaxReaders);
    }
    if (state_->closed) channel->Close();
    state_->channels.push_back(channel);
  }
  state_->wake.notify_all();
  channel->Push("retry: 2000\n\n");
  return std::make_shared<http::AsyncBodyStream>([channel]() -> Task<Result<std::string>> {
    // Not a coroutine itself: the channel must live in the coroutine's own frame.
    return [](std::shared_ptr<Channel> own) -> Task<Result<std::string>> {
      co_return co_await Channel::Next{*own};
    }(channel);
  });
}

namespace {

// GET /api/v1/events
Task<Result<Response>> GetEvents(JobQueue& queue, EventHub& hub, Pool& io, const Request& request) {
  std::int64_t seconds = 0;
  if (request.query.contains("seconds")) {
    CO_ASSIGN_OR_RETURN(seconds, request.QueryInteger("seconds", 0, 1, 86400));
  }
  // Subscribed before the jobs are read: a change in between comes twice, never not at all.
  Response response;
  CO_ASSIGN_OR_RETURN(response.async_stream,
                      hub.Subscribe(request.caller.workspace, request.language, seconds * 1000));
  const auto list = [&]() -> Result<std::string> {
    std::string first;
    for (const JobState state : {JobState::kRunning, JobState::kQueued}) {
      ASSIGN_OR_RETURN(const JobPage page,
                       queue.List(request.caller, {.state = state, .limit = 200}));
      for (const Job& job : page.items)
        first += EventText("job", ToJson(job, request.language).dump());
    }
    return first;
  };
  CO_ASSIGN_OR_RETURN(std::string first, co_await RunOn(io, list));
  response.content_type = "text/event-stream; charset=utf-8";
  response.body = std::move(first);
  co_return response;
}

}  // namespace

void BindEventsApi(JobQueue& queue, EventHub& hub, Pool& io, http::Router& router) {
  static_cast<void>(queue.OnChange([&hub](const Job& job) {
    hub.Publish(job.caller.workspace, "job",
                [&job](Language language) { return ToJson(job, language).dump(); });
  }));
  router.Get("/api/v1/events", [&queue, &hub, &io](const Request& request) {
    return GetEvents(queue, hub, io, request);
  });
}

}  // namespace aimass
