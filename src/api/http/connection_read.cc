// What a connection reads: the head of a request, and its body into memory or a temporary file.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "api/http/exchange.h"
#include "base/id.h"

namespace aimass::http {
namespace {

constexpr std::size_t kIdleBlock = 4u << 10;     // what a connection holds while it waits
constexpr std::size_t kBodyProgress = 1u << 10;  // bytes per ServerOptions::body_ms

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

}  // namespace aimass::http
