// What a connection sends: an answer that is whole, comes in pieces, or lies in a file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "api/http/exchange.h"
#include "api/http/range.h"
#include "base/log.h"

namespace aimass::http {
namespace {

constexpr std::size_t kCompressFrom = 1u << 10;      // smaller bodies are not compressed
constexpr std::size_t kCompressInline = 256u << 10;  // larger ones on the `io` pool

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

}  // namespace

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

}  // namespace aimass::http
