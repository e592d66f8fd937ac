#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/router.h"
#include "base/pool.h"
#include "jobs/queue.h"

namespace aimass {

/// Whoever listens to /api/v1/events: hands every event to the readers of its workspace.
///
/// A reader that does not keep up loses its connection (it connects again and gets the current
/// state), never the server's memory. Threads  any.
class EventHub {
 public:
  EventHub();
  ~EventHub();  // Close()

  /// `data` is called once per language that a reader of `workspace` wants.
  void Publish(std::string_view workspace, std::string_view event,
               const std::function<std::string(Language)>& data);

  /// The stream of one reader. It ends after `lives_ms` (0: never by itself).
  /// Errors   kResourceExhausted: too many readers.
  [[nodiscard]] Result<std::shared_ptr<http::AsyncBodyStream>> Subscribe(std::string_view workspace,
                                                                         Language language,
                                                                         std::int64_t lives_ms);
  /// Ends all streams; later ones end at once.
  void Close();
  [[nodiscard]] std::size_t readers() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// GET /api/v1/events. Publishes every change of `queue` on `hub` from now on until the hub is
/// closed.
void BindEventsApi(JobQueue& queue, EventHub& hub, Pool& io, http::Router& router);

}  // namespace aimass
