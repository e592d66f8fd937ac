#include "api/http/server.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>

#include "api/http/connection.h"
#include "api/http/io_thread.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"

namespace aimass::http {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr auto kSweep = std::chrono::milliseconds(100);

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: "
    "5\r\n"
    "Connection: close\r\nContent-Length: 148\r\n\r\n";
constexpr std::string_view kFullBody =
    R"({"type":"urn:aimass:problem:unavailable","title":"Service Unavailable","status":503,)"
    R"("code":"unavailable","detail":"too many connections; try again"})";

}  // namespace

IoThread::IoThread() : work_(boost::asio::make_work_guard(context_)), sweep_(context_) {
  thread_ = std::jthread([this] {
    Executor::SetCurrent(this);
    context_.run();
    Executor::SetCurrent(nullptr);
  });
  boost::asio::post(context_, [this] { ArmSweep(); });
}

void IoThread::Post(std::move_only_function<void()> work) {
  boost::asio::post(context_, std::move(work));
}

void IoThread::Join() {
  boost::asio::post(context_, [this] {
    sweep_.cancel();
    work_.reset();
  });
  if (thread_.joinable()) thread_.join();
}

void IoThread::ArmSweep() {
  sweep_.expires_after(kSweep);
  sweep_.async_wait([this](error_code error) {
    if (error || !work_) return;
    const std::int64_t now = SteadyMs();
    for (Connection* connection : connections_) {
      connection->CheckDeadline(now);
      connection->CheckClient();
    }
    ArmSweep();
  });
}

void IoThread::CloseConnections(bool all) {
  for (Connection* connection : connections_) {
    if (all || connection->waits_for_request()) connection->Cancel();
  }
}

struct Server::State {
  Shared shared;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::unique_ptr<tcp::acceptor> acceptor;  // on threads[0]
  std::unique_ptr<boost::asio::steady_timer> retry;
  std::string address;
  std::size_t next = 0;
  bool stopped = false;
  Guarded<std::vector<std::function<void()>>> on_stop;

  void Accept();
  void Welcome(tcp::socket socket, IoThread& home);
};

void Server::State::Accept() {
  IoThread& home = *threads[next++ % threads.size()];
  acceptor->async_accept(home.context(), [this, &home](error_code error, tcp::socket socket) {
    if (!acceptor->is_open()) return;
    if (!error) {
      ++shared.connections;  // before the post: Stop() must not miss one that is on its way
      boost::asio::post(home.context(), [this, &home, taken = std::move(socket)]() mutable {
        Welcome(std::move(taken), home);
      });
      return Accept();
    }
    if (error == boost::asio::error::operation_aborted) return;
    // Out of descriptors, or the client went away: go on in a moment instead of spinning.
    Log(LogLevel::kWarning, "accept_failed", {{"error", error.message()}});
    retry->expires_after(std::chrono::milliseconds(50));
    retry->async_wait([this](error_code stopped_waiting) {
      if (!stopped_waiting && acceptor->is_open()) Accept();
    });
  });
}

void Server::State::Welcome(tcp::socket socket, IoThread& home) {
  if (shared.connections > shared.options.max_connections) {
    error_code ignored;
    socket.non_blocking(true, ignored);
    const std::string answer = std::string(kFull) + std::string(kFullBody);
    socket.write_some(boost::asio::buffer(answer), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    --shared.connections;
    return;
  }
  Connection::Run(std::make_unique<Connection>(std::move(socket), shared, home));
}

Server::Server(const Router& router, Pool& io, Metrics& metrics, Authenticate authenticate,
               ServerOptions options)
    : state_(std::unique_ptr<State>(new State{.shared = {.router = router,
                                                         .io = io,
                                                         .metrics = metrics,
                                                         .authenticate = std::move(authenticate),
                                                         .options = std::move(options)}})) {
  metrics.Add("aimass_http_connections", "gauge", "Open connections.", "", [state = state_.get()] {
    return static_cast<double>(state->shared.connections.load());
  });
}

Server::~Server() {
  if (!state_->stopped) static_cast<void>(Stop(0));
  while (state_->shared.connections > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (auto& thread : state_->threads) thread->Join();
}

const std::string& Server::address() const { return state_->address; }
std::size_t Server::connections() const { return state_->shared.connections; }

void Server::OnStop(std::function<void()> call) {
  state_->on_stop.With([&](auto& calls) { calls.push_back(std::move(call)); });
}

Status Server::Start() {
  const ServerOptions& options = state_->shared.options;
  const auto refuse = [&options](const std::string& reason) {
    return WithHint(Fail(ErrorCode::kUnavailable, "cannot listen on {}:{}: {}", options.host,
                         options.port, reason),
                    Msg("give another address with --listen HOST:PORT; port 0 takes any free one"));
  };
  for (int i = 0; i < std::max(1, options.threads); ++i) {
    state_->threads.push_back(std::make_unique<IoThread>());
  }
  error_code error;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const auto ip = boost::asio::ip::make_address(host, error);
  if (error) return refuse(error.message());
  const tcp::endpoint endpoint(ip, options.port);
  auto& context = state_->threads[0]->context();
  state_->acceptor = std::make_unique<tcp::acceptor>(context);
  state_->retry = std::make_unique<boost::asio::steady_timer>(context);
  tcp::acceptor& acceptor = *state_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && ip.is_v6()) acceptor.set_option(boost::asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return refuse(error.message());
  const auto port = acceptor.local_endpoint().port();
  state_->address = ip.is_v6() ? fmt::format("http://[{}]:{}", host, port)
                               : fmt::format("http://{}:{}", host, port);
  boost::asio::post(context, [state = state_.get()] { state->Accept(); });
  return {};
}

bool Server::Stop(std::int64_t drain_ms) {
  State& state = *state_;
  state.stopped = true;
  state.shared.draining = true;
  const auto close = [&state](bool all) {
    for (auto& thread : state.threads) {
      thread->Post([home = thread.get(), all] { home->CloseConnections(all); });
    }
  };
  if (state.acceptor != nullptr) {
    state.threads[0]->Post([&state] {
      error_code ignored;
      state.acceptor->close(ignored);
      state.retry->cancel();
    });
  }
  state.on_stop.With([](auto& calls) {
    for (auto& call : calls) call();
  });
  const auto wait_until = [&state](std::int64_t end_ms) {
    while (state.shared.connections > 0 && SteadyMs() < end_ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return state.shared.connections == 0;
  };
  close(false);
  if (wait_until(SteadyMs() + drain_ms)) return true;
  close(true);
  return wait_until(SteadyMs() + 1000);
}

}  // namespace aimass::http
