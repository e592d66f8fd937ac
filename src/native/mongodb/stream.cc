// libmongoc 1.23.
#include "native/mongodb/stream.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace aimass::mongodb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kType = 100;    // none of libmongoc's own
constexpr int kLookMs = 250;  // how often a wait looks whether it was cancelled
constexpr ssize_t kFailed = -1;

struct Stream : mongoc_stream_t {
  Stream(Wire& w, Socket s) : mongoc_stream_t{}, wire(w), socket(std::move(s)) {}

  ssize_t Fail(const Error& error) {
    wire.failure = error;
    has_timed_out = error.code == ErrorCode::kTimeout;
    errno = has_timed_out ? ETIMEDOUT : EPIPE;
    return kFailed;
  }

  Wire& wire;
  Socket socket;
  bool has_timed_out = false;
  bool wants_more_time = false;  // nothing had arrived
};

Stream& Of(mongoc_stream_t* stream) { return *static_cast<Stream*>(stream); }

void Destroy(mongoc_stream_t* stream) { const std::unique_ptr<Stream> owned(&Of(stream)); }

int Close(mongoc_stream_t* stream) {
  Of(stream).socket.Close();
  return 0;
}

int Flush(mongoc_stream_t* /*stream*/) { return 0; }

int SetOption(mongoc_stream_t* /*stream*/, int /*level*/, int /*name*/, void* /*value*/,
              mongoc_socklen_t /*length*/) {
  return 0;
}

bool IsClosed(mongoc_stream_t* stream) { return Of(stream).socket.descriptor() < 0; }
bool HasTimedOut(mongoc_stream_t* stream) { return Of(stream).has_timed_out; }
bool ShouldRetry(mongoc_stream_t* stream) { return Of(stream).wants_more_time; }

ssize_t Write(mongoc_stream_t* base, mongoc_iovec_t* parts, std::size_t count,
              std::int32_t /*timeout_ms*/) {
  Stream& stream = Of(base);
  stream.wants_more_time = false;
  std::string message;  // in one piece, so that it is not several packets
  for (const mongoc_iovec_t& part : std::span(parts, count))
    message.append(static_cast<const char*>(part.iov_base), part.iov_len);
  if (const Status sent = stream.socket.Write(message, stream.wire.cancel); !sent)
    return stream.Fail(sent.error());
  return static_cast<ssize_t>(message.size());
}

// At least `least` bytes; with a time-out of 0 what is there, which may be nothing yet.
ssize_t Read(mongoc_stream_t* base, mongoc_iovec_t* parts, std::size_t count, std::size_t least,
             std::int32_t timeout_ms) {
  Stream& stream = Of(base);
  stream.wants_more_time = false;
  std::size_t total = 0;
  for (const mongoc_iovec_t& part : std::span(parts, count)) {
    for (std::span<char> left(static_cast<char*>(part.iov_base), part.iov_len); !left.empty();) {
      if (total > 0 && total >= least) return static_cast<ssize_t>(total);
      const auto bytes = timeout_ms == 0 ? stream.socket.ReadArrived(left)
                                         : stream.socket.Read(left, stream.wire.cancel);
      if (!bytes) return stream.Fail(bytes.error());
      if (*bytes == 0) {
        stream.wants_more_time = total == 0;
        errno = EAGAIN;
        return total > 0 ? static_cast<ssize_t>(total) : kFailed;
      }
      stream.wire.failure.reset();  // of another server, which is not what matters then
      total += *bytes;
      left = left.subspan(*bytes);
    }
  }
  return static_cast<ssize_t>(total);
}

// Says of every stream that it failed: whoever waits gives up.
ssize_t GiveUp(std::span<mongoc_stream_poll_t> streams, const Error& error) {
  for (mongoc_stream_poll_t& one : streams) {
    Of(one.stream).Fail(error);
    one.revents = POLLERR;
  }
  return static_cast<ssize_t>(streams.size());
}

// A closed socket is ready for anything: whoever reads from it is told what is wrong.
ssize_t Poll(mongoc_stream_poll_t* first, std::size_t count, std::int32_t timeout_ms) {
  const std::span streams(first, count);
  const auto deadline = Clock::now() + std::chrono::milliseconds(std::max(timeout_ms, 0));
  std::vector<pollfd> waiting;
  ssize_t ready = 0;
  for (mongoc_stream_poll_t& one : streams) {
    const Socket& socket = Of(one.stream).socket;
    const bool now =
        socket.descriptor() < 0 || ((one.events & POLLIN) != 0 && socket.has_decrypted());
    one.revents = now ? one.events : 0;
    ready += now ? 1 : 0;
    waiting.push_back(
        {.fd = socket.descriptor(), .events = static_cast<short>(one.events), .revents = 0});
  }
  while (ready == 0) {
    for (const mongoc_stream_poll_t& one : streams) {
      if (const Status going = Of(one.stream).wire.cancel.Check(); !going)
        return GiveUp(streams, going.error());
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (timeout_ms >= 0 && left <= 0) return 0;
    const std::int64_t wait = timeout_ms < 0 ? kLookMs : std::min<std::int64_t>(left, kLookMs);
    ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(wait));
    if (ready < 0 && errno != EINTR) return kFailed;
    ready = std::max<ssize_t>(ready, 0);
  }
  constexpr int kBroken = POLLERR | POLLHUP | POLLNVAL;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const bool broken = (waiting[i].revents & kBroken) != 0;
    streams[i].revents |= broken ? streams[i].events : waiting[i].revents;
  }
  return ready;
}

void SetError(bson_error_t* error, const Error& failure) {
  bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, "%s",
                 Render(failure.message, Language::kEnglish).c_str());
}

}  // namespace

mongoc_stream_t* OpenStream(const mongoc_uri_t* /*uri*/, const mongoc_host_list_t* host,
                            void* context, bson_error_t* error) {
  Wire& wire = *static_cast<Wire*>(context);
  SocketOptions options = wire.options;
  options.host = host->host;
  options.port = host->port;
  Result<Socket> socket = wire.cancel.cancelled()
                              ? Result<Socket>(std::unexpected(wire.cancel.Check().error()))
                              : Socket::Open(options, wire.cancel);
  if (!socket) {
    wire.failure = socket.error();
    SetError(error, socket.error());
    return nullptr;
  }
  wire.encrypted = socket->encrypted();
  auto stream = std::make_unique<Stream>(wire, std::move(*socket));
  stream->type = kType;
  stream->destroy = Destroy;
  stream->close = Close;
  stream->flush = Flush;
  stream->writev = Write;
  stream->readv = Read;
  stream->setsockopt = SetOption;
  stream->check_closed = IsClosed;
  stream->poll = Poll;
  stream->failed = Destroy;
  stream->timed_out = HasTimedOut;
  stream->should_retry = ShouldRetry;
  return stream.release();
}

}  // namespace aimass::mongodb
