// The life of a connection and its socket. What is read: connection_read.cc; what is sent:
// connection_send.cc.
#include "api/http/connection.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <ctime>

#include "api/http/exchange.h"
#include "base/clock.h"
#include "base/log.h"

namespace aimass::http {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kLingerBytes = 1u << 20;

/// Awaits one asynchronous operation of a socket; the coroutine goes on inside the io_context's
/// run().
template <typename Operation>
struct SocketAwaiter {
  Operation operation;
  error_code error{};
  std::size_t bytes = 0;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    operation([this, awaiter](error_code e, std::size_t n) {
      error = e;
      bytes = n;
      awaiter.resume();
    });
  }
  std::pair<error_code, std::size_t> await_resume() const { return {error, bytes}; }
};
template <typename Operation>
SocketAwaiter(Operation) -> SocketAwaiter<Operation>;

}  // namespace

Connection::Connection(tcp::socket socket, Shared& shared, IoThread& home)
    : socket_(std::move(socket)), shared_(shared), home_(home) {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  const auto peer = socket_.remote_endpoint(ignored);
  from_loopback_ = peer.address().is_loopback() ||
                   (peer.address().is_v6() && peer.address().to_v6().is_v4_mapped() &&
                    peer.address().to_string().starts_with("::ffff:127."));
  home_.Enter(this);
}

Connection::~Connection() {
  home_.Leave(this);
  --shared_.connections;
}

Detached Connection::Run(std::unique_ptr<Connection> self) {
  try {
    co_await self->Serve();
  } catch (const std::exception& defect) {
    Log(LogLevel::kError, "connection_failed", {{"what", defect.what()}});
  }
}

void Connection::CheckDeadline(std::int64_t now_ms) {
  if (deadline_ms_ == 0 || now_ms < deadline_ms_) return;
  deadline_ms_ = 0;
  timed_out_ = true;
  Cancel();
}

void Connection::CheckClient() const {
  if (running_ == nullptr || running_->cancelled()) return;
  // Not a read: what a client sends ahead belongs to its next request.
  pollfd socket{
      .fd = const_cast<tcp::socket&>(socket_).native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&socket, 1, 0) > 0) running_->Cancel();
}

void Connection::Cancel() {
  if (running_ != nullptr) running_->Cancel();
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::SetDeadline(std::int64_t in_ms) {
  deadline_ms_ = SteadyMs() + in_ms;
  timed_out_ = false;
}

void Connection::Consume(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
}

Task<std::size_t> Connection::ReadMore(std::size_t most) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  const std::size_t had = buffer_.size();
  // Filling with zeros what the next read overwrites would cost more than the read.
  buffer_.resize_and_overwrite(had + most, [](char*, std::size_t size) { return size; });
  const boost::asio::mutable_buffer space(buffer_.data() + had, most);
  const auto [error, bytes] = co_await SocketAwaiter{
      [this, space](auto done) { socket_.async_read_some(space, std::move(done)); }};
  buffer_.resize(had + (error ? 0 : bytes));
  co_return error ? 0 : bytes;
}

Task<bool> Connection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    SetDeadline(shared_.options.write_ms);
    const boost::asio::const_buffer piece(bytes.data(),
                                          std::min(bytes.size(), std::size_t{256} << 10));
    // The system mostly takes it at once: no turn through the queue of the io_context.
    error_code at_once;
    if (const std::size_t taken = socket_.write_some(boost::asio::const_buffer(piece), at_once);
        !at_once) {
      bytes.remove_prefix(taken);
      continue;
    }
    if (at_once != boost::asio::error::would_block) co_return false;
    const auto [error, written] = co_await SocketAwaiter{
        [this, piece](auto done) { socket_.async_write_some(piece, std::move(done)); }};
    if (error) co_return false;
    bytes.remove_prefix(written);
  }
  deadline_ms_ = 0;
  co_return true;
}

Task<bool> Connection::Serve() {
  while (co_await ServeOne()) first_ = false;
  deadline_ms_ = 0;
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  co_return true;
}

/// Serves one request. True where the connection goes on.
Task<bool> Connection::ServeOne() {
  RequestParser parser(shared_.options.head);
  if (!co_await ReadHead(parser)) co_return false;

  Exchange exchange;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto started = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  exchange.version = parser.head().version;
  exchange.keep_alive = parser.head().keep_alive && !shared_.draining;
  exchange.plan = PlanRequest(parser.head(), from_loopback_, shared_.router, shared_.authenticate);

  Response response = co_await Answer(parser, exchange);
  AddCors(exchange.plan.request, shared_.options, response);
  if (shared_.draining || exchange.body_unread) exchange.keep_alive = false;
  const bool sent = co_await Send(exchange, std::move(response));
  running_ = nullptr;

  clock_gettime(CLOCK_MONOTONIC, &now);
  const double seconds =
      static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 - started;
  const std::string_view method =
      exchange.plan.route != nullptr ? std::string_view(exchange.plan.request.method) : "other";
  shared_.metrics.Observe(method, exchange.plan.pattern, exchange.status, seconds);
  if (LogEnabled(LogLevel::kDebug)) {
    Log(LogLevel::kDebug, "request",
        {{"request", exchange.plan.request.Header("x-request-id")},
         {"method", exchange.plan.request.method},
         {"path", exchange.plan.request.path},
         {"status", exchange.status},
         {"ms", seconds * 1000},
         {"caller", exchange.plan.request.caller.id},
         {"sent", sent}});
  }
  if (!sent) co_return false;
  if (exchange.body_unread) co_await Linger();
  co_return exchange.keep_alive;
}

/// Reads over what the client still sends, for a moment: closing at once would make its system
/// throw our answer away (RFC 9112, 9.6).
Task<bool> Connection::Linger() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  SetDeadline(1000);
  std::size_t bytes = 0;
  while (bytes < kLingerBytes) {
    Consume(buffered().size());
    const std::size_t n = co_await ReadMore(kReadBlock);
    if (n == 0) break;
    bytes += n;
  }
  co_return true;
}

}  // namespace aimass::http
