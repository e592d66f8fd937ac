#pragma once

// Internal to the server: server.cc and the connection*.cc.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <thread>
#include <unordered_set>

#include "api/http/server.h"
#include "base/task.h"

namespace aimass::http {

class Connection;

/// What all connections of a server share.
struct Shared {
  const Router& router;
  Pool& io;
  Metrics& metrics;
  Authenticate authenticate;
  ServerOptions options;
  std::atomic<std::size_t> connections = 0;
  std::atomic<bool> draining = false;
};

/// One thread with its io_context, the connections that live on it, and the clock that ends the
/// slow ones.
class IoThread final : public Executor {
 public:
  IoThread();
  ~IoThread() override { Join(); }

  void Post(std::move_only_function<void()> work) override;
  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  void Join();

  // The rest is for this thread only.
  void Enter(Connection* connection) { connections_.insert(connection); }
  void Leave(Connection* connection) { connections_.erase(connection); }
  /// Ends the connections that wait for a request; with `all`, every one.
  void CloseConnections(bool all);

 private:
  void ArmSweep();

  boost::asio::io_context context_{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  boost::asio::steady_timer sweep_;
  std::unordered_set<Connection*> connections_;
  std::jthread thread_;
};

}  // namespace aimass::http
