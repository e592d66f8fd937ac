#include "api/http/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cctype>
#include <ctime>
#include <filesystem>

#include "api/http/range.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"

namespace aimass::http {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadBlock = 64u << 10;
constexpr std::size_t kIdleBlock = 4u << 10;         // what a connection holds while it waits
constexpr std::size_t kSpoolBlock = 1u << 20;        // of a body that goes to a file
constexpr std::size_t kCompressFrom = 1u << 10;      // smaller bodies are not compressed
constexpr std::size_t kCompressInline = 256u << 10;  // larger ones on the `io` pool
constexpr std::size_t kBodyProgress = 1u << 10;      // bytes per ServerOptions::body_ms
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

/// Written anew once a second.
std::string_view HttpDate() {
  static thread_local std::time_t written_at = -1;
  static thread_local std::array<char, 40> text;
  static thread_local std::size_t size = 0;
  if (const std::time_t now = std::time(nullptr); now != written_at) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    written_at = now;
  }
  return {text.data(), size};
}

HttpError Timeout(std::int64_t ms) {
  return {.status = 408,
          .error = {.code = ErrorCode::kTimeout,
                    .message = Msg("the request did not arrive within {} s", ms / 1000),
                    .hint = {}}};
}

HttpError TooLarge(std::size_t max_bytes) {
  return {.status = 413,
          .error = {.code = ErrorCode::kPayloadTooLarge,
                    .message = Msg("the body may have {} bytes", max_bytes),
                    .hint = {}}};
}

HttpError Of(Error error) { return {.status = StatusOf(error.code), .error = std::move(error)}; }

void AppendField(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) {
    if (c != '\r' && c != '\n' && c != '\0') head += c;  // a value must never end its line
  }
  head += "\r\n";
}

bool HasField(const Response& response, std::string_view name) {
  return std::ranges::any_of(response.headers, [name](const auto& field) {
    return std::ranges::equal(field.first, name, [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) ==
             std::tolower(static_cast<unsigned char>(b));
    });
  });
}

/// A temporary file of one request; gone with it, unless the handler moved it away.
struct TempFile {
  TempFile() = default;
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove(path, ignored);
  }
  std::string path;
  FileDescriptor file;
};

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(SystemError(errno, "write", path));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

/// One request and its answer.
struct Connection::Exchange {
  Plan plan;
  int version = 11;
  bool keep_alive = true;
  bool body_unread = false;
  int status = 0;
  std::unique_ptr<Decoder> decoder;
  TempFile spool;
  std::size_t body_bytes = 0;  // decoded
};

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

Task<bool> Connection::ReadHead(RequestParser& parser) {
  // The clock for the head starts with its first byte; between requests the client may be idle for
  // longer.
  bool started = !buffered().empty();
  idle_ = !started;
  SetDeadline(started || first_ ? shared_.options.head_ms : shared_.options.idle_ms);
  std::optional<HttpError> failure;
  for (;;) {
    if (!buffered().empty()) {
      if (!started) {
        started = true;
        idle_ = false;
        SetDeadline(shared_.options.head_ms);
      }
      const auto taken = parser.TakeHead(buffered());
      if (!taken) {
        failure = taken.error();
        break;
      }
      if (*taken > 0) {
        Consume(*taken);
        deadline_ms_ = 0;
        idle_ = false;
        co_return true;
      }
    }
    if (idle_ && shared_.draining) co_return false;
    // Thousands of connections wait here: they hold no more than a usual head needs.
    if (idle_ && buffer_.capacity() > 2 * kIdleBlock) buffer_ = std::string();
    const std::size_t bytes = co_await ReadMore(buffered().empty() ? kIdleBlock : kReadBlock);
    if (bytes > 0) continue;
    if (!timed_out_ || !started) co_return false;
    failure = Timeout(shared_.options.head_ms);
    break;
  }
  idle_ = false;
  Exchange exchange;
  exchange.keep_alive = false;
  exchange.plan.pattern = "unmatched";
  exchange.plan.request.headers["x-request-id"] = NewId();
  shared_.metrics.Observe("other", "unmatched", failure->status, 0);
  if (co_await Send(exchange, ProblemOf(*failure, Language::kEnglish))) co_await Linger();
  co_return false;
}

Task<Response> Connection::Answer(RequestParser& parser, Exchange& exchange) {
  Plan& plan = exchange.plan;
  const Head& head = parser.head();
  exchange.body_unread = head.has_body();
  if (plan.refusal) {
    // A small body that is already here is read over, so that the connection can stay.
    if (!head.chunked && head.content_length.value_or(0) <= buffered().size()) {
      Consume(head.content_length.value_or(0));
      exchange.body_unread = false;
    }
    co_return std::move(*plan.refusal);
  }
  const std::size_t limit = plan.route->options.max_body_bytes;
  const std::string_view expect = plan.request.Header("expect");
  std::optional<HttpError> failure;
  if (head.content_length.value_or(0) > limit) failure = TooLarge(limit);
  if (!failure && !expect.empty()) {
    if (expect != "100-continue" && expect != "100-Continue") {
      failure = HttpError{.status = 417,
                          .error = {.code = ErrorCode::kUnsupported,
                                    .message = Msg("Expect must be 100-continue, got '{}'", expect),
                                    .hint = {}}};
    } else if (head.has_body() && buffered().empty()) {
      if (!co_await Write("HTTP/1.1 100 Continue\r\n\r\n"))
        failure = Timeout(shared_.options.write_ms);
    }
  }
  if (!failure) failure = co_await ReadBody(parser, exchange);
  if (failure) co_return ProblemOf(*failure, plan.request.language);
  exchange.body_unread = false;
  running_ = &plan.request.gone;  // until the answer is sent
  co_return co_await CallHandler(plan);
}

Task<std::optional<HttpError>> Connection::ReadBody(RequestParser& parser, Exchange& exchange) {
  Request& request = exchange.plan.request;
  const bool to_file = exchange.plan.route->options.stream_body;
  if (to_file) {
    exchange.spool.path = shared_.options.temp_folder + "/body-" + NewId();
    exchange.spool.file = FileDescriptor(
        ::open(exchange.spool.path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    if (!exchange.spool.file.valid())
      co_return Of(SystemError(errno, "create", exchange.spool.path));
    request.body_file = exchange.spool.path;
  }
  const auto coding = CodingOf(request.Header("content-encoding"));
  const bool coded = coding && *coding != Coding::kIdentity;
  if (coded) exchange.decoder = Decoder::Make(*coding);
  const std::size_t limit = exchange.plan.route->options.max_body_bytes;

  std::string decoded;  // what is not yet in its place
  std::size_t raw_bytes = 0;
  std::size_t progress = 0;
  SetDeadline(shared_.options.body_ms);
  while (!parser.done()) {
    if (buffered().empty() && co_await ReadMore(kReadBlock) == 0) {
      if (to_file && !coded && exchange.plan.route->options.partial_body) {
        exchange.keep_alive = false;
        break;
      }
      if (timed_out_) co_return Timeout(shared_.options.body_ms);
      co_return HttpError{.status = 400,
                          .error = {.code = ErrorCode::kInvalidArgument,
                                    .message = Msg("the body ended after {} bytes", raw_bytes),
                                    .hint = {}}};
    }
    std::string raw;
    const auto used = parser.TakeBody(buffered(), &raw);
    if (!used) co_return used.error();
    Consume(*used);
    raw_bytes += raw.size();
    progress += raw.size();
    if (progress >= kBodyProgress) {
      progress = 0;
      SetDeadline(shared_.options.body_ms);
    }
    if (raw_bytes > limit) co_return TooLarge(limit);
    if (exchange.decoder != nullptr) {
      const std::size_t had = exchange.body_bytes + decoded.size();
      const std::size_t left = limit - std::min(limit, had) + decoded.size();
      if (auto put = exchange.decoder->Put(raw, left, &decoded); !put) co_return Of(put.error());
    } else if (decoded.empty()) {
      decoded = std::move(raw);
    } else {
      decoded += raw;
    }
    if (exchange.body_bytes + decoded.size() > limit) co_return TooLarge(limit);
    if (to_file && decoded.size() >= kSpoolBlock) {
      const std::int64_t left_ms = deadline_ms_;
      deadline_ms_ = 0;  // our own disk is not the client's fault
      if (auto failed = co_await Sink(exchange, decoded, false)) co_return failed;
      if (left_ms != 0) SetDeadline(shared_.options.body_ms);
    }
  }
  deadline_ms_ = 0;
  if (exchange.decoder != nullptr && raw_bytes > 0) {
    if (auto finished = exchange.decoder->Finish(); !finished) co_return Of(finished.error());
  }
  if (to_file) co_return co_await Sink(exchange, decoded, true);
  request.body = std::move(decoded);
  co_return std::nullopt;
}

/// Writes `decoded` to the request's temporary file.
Task<std::optional<HttpError>> Connection::Sink(Exchange& exchange, std::string& decoded,
                                                bool last) {
  exchange.body_bytes += decoded.size();
  TempFile& spool = exchange.spool;
  if (!decoded.empty()) {
    const Status written = co_await RunOn(
        shared_.io, [&]() -> Status { return WriteAll(spool.file.get(), decoded, spool.path); });
    if (!written) co_return Of(written.error());
    decoded.clear();
  }
  if (last) spool.file.Reset();
  co_return std::nullopt;
}

Task<bool> Connection::Send(Exchange& exchange, Response response) {
  const Request& request = exchange.plan.request;
  // The first piece of a stream decides whether the answer is an error.
  std::string first_piece;
  const bool streams = response.stream != nullptr || response.async_stream != nullptr;
  if (response.stream != nullptr && request.method != "HEAD") {
    BodyStream& stream = *response.stream;
    Result<std::string> piece =
        co_await RunOn(shared_.io, [&]() -> Result<std::string> { return stream(); });
    if (!piece) {
      response = ProblemOf(piece.error(), request.language);
    } else {
      first_piece = std::move(*piece);
    }
  }
  exchange.status = response.status;
  const bool bodiless = response.status == 204 || response.status == 304;

  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, ReasonOf(response.status));
  AppendField(head, "Date", HttpDate());
  AppendField(head, "X-Request-Id", request.Header("x-request-id"));
  AppendField(head, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) AppendField(head, name, value);
  if (!HasField(response, "cache-control")) AppendField(head, "Cache-Control", "no-store");
  if (!bodiless && !response.content_type.empty())
    AppendField(head, "Content-Type", response.content_type);

  if (!response.file.empty()) co_return co_await SendFile(exchange, response, head);
  if (streams && (response.stream != nullptr || response.async_stream != nullptr)) {
    if (exchange.version == 10) exchange.keep_alive = false;
    if (!first_piece.empty() || response.async_stream != nullptr || request.method == "HEAD") {
      if (!first_piece.empty()) response.body = std::move(first_piece);
      co_return co_await SendPieces(exchange, response, head);
    }
  }

  AppendField(head, "Vary", "Accept-Encoding, Accept-Language");
  Coding coding = Coding::kIdentity;
  if (response.body.size() > kCompressFrom && IsCompressible(response.content_type) &&
      !HasField(response, "content-encoding")) {
    coding = ChooseCoding(request.Header("accept-encoding"));
  }
  if (coding != Coding::kIdentity) {
    const auto compress = [&]() -> Result<std::string> {
      return Encoder::Make(coding)->Put(response.body, true);
    };
    Result<std::string> smaller = std::string();
    if (response.body.size() <= kCompressInline) {
      smaller = compress();
    } else {
      smaller = co_await RunOn(shared_.io, compress);
    }
    if (smaller) {  // a full pool is no reason to fail: the answer is there
      response.body = std::move(*smaller);
      AppendField(head, "Content-Encoding", CodingName(coding));
    }
  }
  if (!bodiless) AppendField(head, "Content-Length", std::to_string(response.body.size()));
  AppendField(head, "Connection", exchange.keep_alive ? "keep-alive" : "close");
  head += "\r\n";
  if (bodiless || request.method == "HEAD") co_return co_await Write(head);
  if (response.body.size() < kReadBlock) {
    head += response.body;
    co_return co_await Write(head);
  }
  if (!co_await Write(head)) co_return false;
  co_return co_await Write(response.body);
}

/// A stream: chunked for HTTP/1.1, until the end of the connection for 1.0.
Task<bool> Connection::SendPieces(Exchange& exchange, Response& response, std::string& head) {
  const Request& request = exchange.plan.request;
  const bool chunked = exchange.version == 11;
  std::unique_ptr<Encoder> encoder;
  AppendField(head, "Vary", "Accept-Encoding, Accept-Language");
  if (response.stream != nullptr && IsCompressible(response.content_type)) {
    const Coding coding = ChooseCoding(request.Header("accept-encoding"));
    if (coding != Coding::kIdentity) {
      encoder = Encoder::Make(coding);
      AppendField(head, "Content-Encoding", CodingName(coding));
    }
  }
  if (chunked) AppendField(head, "Transfer-Encoding", "chunked");
  AppendField(head, "Connection", exchange.keep_alive ? "keep-alive" : "close");
  head += "\r\n";
  if (!co_await Write(head)) co_return false;
  if (request.method == "HEAD") co_return true;

  std::string piece = std::move(response.body);
  bool more = true;
  bool have = !piece.empty();
  while (more) {
    if (!have) {
      Result<std::string> next = std::string();
      if (response.stream != nullptr) {
        BodyStream& stream = *response.stream;
        next = co_await RunOn(shared_.io, [&]() -> Result<std::string> { return stream(); });
      } else {
        AsyncBodyStream& stream = *response.async_stream;
        next = co_await stream();
      }
      if (!next) {
        // Too late for a status: the client sees a body without its end.
        Log(LogLevel::kError, "stream_failed",
            {{"request", request.Header("x-request-id")}, {"error", next.error().ToString()}});
        co_return false;
      }
      piece = std::move(*next);
    }
    have = false;
    more = !piece.empty();
    if (encoder != nullptr) {
      auto smaller = encoder->Put(piece, !more);
      if (!smaller) co_return false;
      piece = std::move(*smaller);
    }
    if (piece.empty()) continue;
    if (chunked) piece = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
    if (!co_await Write(piece)) co_return false;
  }
  if (chunked) co_return co_await Write("0\r\n\r\n");
  co_return true;
}

Task<bool> Connection::SendFile(Exchange& exchange, Response& response, std::string& head) {
  const Request& request = exchange.plan.request;
  FileDescriptor file;
  struct stat state{};
  const Status opened = co_await RunOn(shared_.io, [&]() -> Status {
    file = FileDescriptor(::open(response.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid() || ::fstat(file.get(), &state) != 0) {
      return std::unexpected(SystemError(errno, "open", response.file));
    }
    return {};
  });
  if (!opened) {
    Response problem = ProblemOf(opened.error(), request.language);
    co_return co_await Send(exchange, std::move(problem));
  }
  const auto size = static_cast<std::uint64_t>(state.st_size);
  const std::string etag =
      fmt::format("\"{:x}-{:x}-{:x}\"", size, state.st_mtim.tv_sec, state.st_mtim.tv_nsec);
  const FilePart part = PartOf(request, etag, size);
  if (part.status == 416) {
    Response problem =
        ProblemOf(HttpError{.status = 416,
                            .error = {.code = ErrorCode::kInvalidArgument,
                                      .message = Msg("the range must lie inside of {} bytes", size),
                                      .hint = {}}},
                  request.language);
    problem.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    co_return co_await Send(exchange, std::move(problem));
  }
  if (part.status != 200) {
    exchange.status = part.status;
    head.replace(0, head.find("\r\n"),
                 fmt::format("HTTP/1.1 {} {}", part.status, ReasonOf(part.status)));
  }
  AppendField(head, "ETag", etag);
  AppendField(head, "Accept-Ranges", "bytes");
  if (part.status == 206) {
    AppendField(head, "Content-Range",
                fmt::format("bytes {}-{}/{}", part.first, part.first + part.bytes - 1, size));
  }
  if (part.status != 304) AppendField(head, "Content-Length", std::to_string(part.bytes));
  AppendField(head, "Connection", exchange.keep_alive ? "keep-alive" : "close");
  head += "\r\n";
  if (!co_await Write(head)) co_return false;
  if (part.status == 304 || request.method == "HEAD") co_return true;

  std::uint64_t at = part.first;
  std::uint64_t left = part.bytes;
  std::string block;
  while (left > 0) {
    const Status read = co_await RunOn(shared_.io, [&]() -> Status {
      block.resize(std::min<std::uint64_t>(left, kSpoolBlock));
      const ssize_t n = ::pread(file.get(), block.data(), block.size(), static_cast<off_t>(at));
      if (n <= 0) return std::unexpected(SystemError(n < 0 ? errno : EIO, "read", response.file));
      block.resize(static_cast<std::size_t>(n));
      return {};
    });
    if (!read) {
      Log(LogLevel::kError, "stream_failed",
          {{"request", request.Header("x-request-id")}, {"error", read.error().ToString()}});
      co_return false;
    }
    at += block.size();
    left -= block.size();
    if (!co_await Write(block)) co_return false;
  }
  co_return true;
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
