// The server over real sockets: what a strange, slow or hostile client gets.
#include "api/http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "api/http/compress.h"
#include "base/clock.h"
#include "base/file.h"

namespace aimass::http {
namespace {

/// A socket of a client that says exactly what a test wants.
class Client {
 public:
  explicit Client(const std::string& address) {
    fd_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM, 0));
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  struct Answer {
    int status = 0;
    std::string head;
    std::string body;
  };

  /// The next answer; status 0 where the server closed without one.
  Answer Read(bool head_only = false) {
    Answer answer;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!More()) return answer;
    }
    answer.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    answer.status = std::stoi(answer.head.substr(9, 3));
    if (head_only || answer.status == 204 || answer.status == 304) return answer;
    if (answer.head.find("chunked") != std::string::npos) {
      for (;;) {
        while (buffer_.find("\r\n") == std::string::npos) {
          if (!More()) return answer;
        }
        const std::size_t size = std::stoul(buffer_, nullptr, 16);
        buffer_.erase(0, buffer_.find("\r\n") + 2);
        while (buffer_.size() < size + 2) {
          if (!More()) return answer;
        }
        answer.body += buffer_.substr(0, size);
        buffer_.erase(0, size + 2);
        if (size == 0) return answer;
      }
    }
    const std::size_t at = answer.head.find("Content-Length: ");
    if (at == std::string::npos) {
      while (More()) {
      }
      answer.body = std::move(buffer_);
      return answer;
    }
    const std::size_t size = std::stoul(answer.head.substr(at + 16));
    while (buffer_.size() < size) {
      if (!More()) return answer;
    }
    answer.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return answer;
  }

  /// Whether the server ended the connection (nothing else comes).
  bool AtEnd() { return buffer_.empty() && !More(); }

 private:
  bool More() {
    char block[65536];
    const ssize_t n = ::recv(fd_.get(), block, sizeof block, 0);
    if (n <= 0) return false;
    buffer_.append(block, static_cast<std::size_t>(n));
    return true;
  }

  FileDescriptor fd_;
  std::string buffer_;
};

std::string Get(std::string_view path, std::string_view fields = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n{}\r\n", path, fields);
}
std::string Post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: a\r\n{}Content-Length: {}\r\n\r\n{}", path, fields,
                     body.size(), body);
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() : io_("io", 4, 64), one_("one", 1, 1) {}

  static Task<Result<Response>> Echo(const Request& request) {
    Response response;
    response.body = request.body;
    response.content_type = "text/plain";
    co_return response;
  }
  static Task<Result<Response>> Spooled(const Request& request) {
    const auto sum = Sha256File(request.body_file);
    co_return Response::Of(
        {{"sha256", sum ? *sum : sum.error().ToString()}, {"file", request.body_file}});
  }
  static Task<Result<Response>> Slow(Pool& pool, int ms) {
    const auto sleep = [ms]() -> Result<int> {
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
      return ms;
    };
    CO_ASSIGN_OR_RETURN(const int slept, co_await RunOn(pool, sleep));
    co_return Response::Of({{"slept", slept}});
  }
  static Task<Result<Response>> Stream(const Request& request) {
    CO_ASSIGN_OR_RETURN(const std::int64_t pieces, request.QueryInteger("pieces", 3, 0, 1'000'000));
    CO_ASSIGN_OR_RETURN(const std::int64_t fails, request.QueryInteger("fails", -1, 0, 1'000'000));
    Response response;
    response.content_type = "text/csv";
    response.stream = std::make_shared<BodyStream>(
        [i = std::int64_t{0}, pieces, fails]() mutable -> Result<std::string> {
          if (i == fails) return Fail(ErrorCode::kUnprocessable, "piece {} is bad", i);
          if (i == pieces) return std::string();
          return fmt::format("line {}\n", i++);
        });
    co_return response;
  }
  static Task<Result<Response>> Throw(const Request&) {
    throw std::runtime_error("a defect");
    co_return Response{};
  }
  static Task<Result<Response>> SendsFile(const std::string& path) {
    Response response;
    response.file = path;
    response.content_type = "application/octet-stream";
    co_return response;
  }

  void Start(ServerOptions options = {}) {
    const RouteOptions open{.needs_key = false};
    file_ = testing::TempDir() + "server_test.bin";
    ASSERT_TRUE(WriteFileAtomic(file_, "0123456789").has_value());
    router_.Post("/echo", Echo, {.needs_key = false, .max_body_bytes = 100'000});
    router_.Post("/spool", Spooled,
                 {.needs_key = false, .max_body_bytes = 64u << 20, .stream_body = true});
    router_.Get("/hello", Echo, open);
    router_.Get("/stream", Stream, open);
    router_.Get("/throw", Throw, open);
    router_.Get("/slow", [this](const Request&) { return Slow(io_, 300); }, open);
    router_.Get("/one", [this](const Request&) { return Slow(one_, 300); }, open);
    router_.Get("/file", [this](const Request&) { return SendsFile(file_); }, open);
    router_.Get("/key", Echo);
    router_.Post("/key", Echo);
    router_.Get("/local", Echo, {.open_on_loopback = true});
    options.temp_folder = testing::TempDir();
    server_ = std::make_unique<Server>(
        router_, io_, metrics_,
        [](std::string_view bearer) -> Result<Caller> {
          if (bearer == "Bearer good") return Caller{.kind = "key", .id = "1"};
          return Fail(ErrorCode::kUnauthenticated, "no valid key");
        },
        options);
    const auto started = server_->Start();
    ASSERT_TRUE(started.has_value()) << started.error().ToString();
  }

  Client::Answer Ask(std::string_view bytes, bool head_only = false) {
    Client client(server_->address());
    EXPECT_TRUE(client.Send(bytes));
    return client.Read(head_only);
  }

  Pool io_;
  Pool one_;
  Metrics metrics_;
  Router router_;
  std::string file_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, KeepsTheConnection) {
  Start();
  Client client(server_->address());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(Post("/echo", fmt::format("hello {}", i))));
    const auto answer = client.Read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, fmt::format("hello {}", i));
  }
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  Client client(server_->address());
  std::string all;
  for (int i = 0; i < 200; ++i) all += Post("/echo", std::to_string(i));
  all += Get("/slow") + Post("/echo", "last");
  std::thread sender([&] { client.Send(all); });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(client.Read().body, std::to_string(i));
  EXPECT_EQ(client.Read().body, R"({"slept":300})");
  EXPECT_EQ(client.Read().body, "last");
  sender.join();
}

TEST_F(ServerTest, EndsTheConnectionAfterARequestThatTwoCouldReadDifferently) {
  Start();
  Client client(server_->address());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n"
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_TRUE(client.AtEnd());  // the smuggled request is not answered
}

TEST_F(ServerTest, RefusesALargeBodyBeforeReadingIt) {
  Start();
  Client client(server_->address());
  client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n");
  const auto answer = client.Read();
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.head.find("application/problem+json"), std::string::npos);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, RefusesALargeChunkedBodyWhenItIsTooLarge) {
  Start();
  Client client(server_->address());
  client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  for (int i = 0; i < 5; ++i) client.Send(chunk);
  EXPECT_EQ(client.Read().status, 413);
}

TEST_F(ServerTest, RefusesABombAtItsDecodedSize) {
  Start();
  const auto bomb = Encoder::Make(Coding::kGzip)->Put(std::string(20u << 20, 'a'), true);
  EXPECT_EQ(Ask(Post("/echo", *bomb, "Content-Encoding: gzip\r\n")).status, 413);
}

TEST_F(ServerTest, ReadsCompressedBodies) {
  Start();
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const auto packed = Encoder::Make(coding)->Put("hello", true);
    const std::string field = fmt::format("Content-Encoding: {}\r\n", CodingName(coding));
    EXPECT_EQ(Ask(Post("/echo", *packed, field)).body, "hello");
    EXPECT_EQ(Ask(Post("/echo", packed->substr(0, packed->size() - 2), field)).status, 400);
  }
  EXPECT_EQ(Ask(Post("/echo", "x", "Content-Encoding: br\r\n")).status, 415);
}

TEST_F(ServerTest, CompressesAnswersThatGetSmaller) {
  Start();
  const std::string text(5000, 'x');
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const std::string field = fmt::format("Accept-Encoding: {}\r\n", CodingName(coding));
    const auto answer = Ask(Post("/echo", text, field));
    EXPECT_LT(answer.body.size(), 500u);
    std::string out;
    ASSERT_TRUE(Decoder::Make(coding)->Put(answer.body, 1 << 20, &out).has_value());
    EXPECT_EQ(out, text);
    EXPECT_EQ(Ask(Post("/echo", "small", field)).body, "small");
    const auto streamed = Ask(Get("/stream?pieces=1000", field));
    out.clear();
    ASSERT_TRUE(Decoder::Make(coding)->Put(streamed.body, 1 << 20, &out).has_value());
    EXPECT_TRUE(out.ends_with("line 999\n"));
  }
}

TEST_F(ServerTest, SpoolsABodyAndTakesTheFileAway) {
  Start();
  std::string body;
  for (int i = 0; i < 3'000'000; ++i) body += static_cast<char>(i % 251);
  const auto answer = Ask(Post("/spool", body));
  const auto json = ParseJson(answer.body);
  ASSERT_TRUE(json.has_value()) << answer.body;
  EXPECT_EQ((*json)["sha256"], Sha256(body));
  // It goes when the request is over, which is just after its answer.
  const std::string file = (*json)["file"];
  for (int i = 0; i < 200 && std::filesystem::exists(file); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ServerTest, RefusesWithoutAKeyBeforeTheBody) {
  Start();
  EXPECT_EQ(Ask(Get("/key")).status, 401);
  EXPECT_EQ(Ask(Get("/key", "Authorization: Bearer bad\r\n")).status, 401);
  EXPECT_EQ(Ask(Get("/key", "Authorization: Bearer good\r\n")).status, 200);
  EXPECT_EQ(Ask("POST /key HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n").status, 401);
  EXPECT_EQ(Ask(Get("/local")).status, 200);
  EXPECT_EQ(Ask(Get("/local", "X-Forwarded-For: 10.0.0.1\r\n")).status, 401);
}

TEST_F(ServerTest, Says100ContinueOnlyWhereItWantsTheBody) {
  Start();
  Client client(server_->address());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.Read(true).status, 100);
  client.Send("ok");
  EXPECT_EQ(client.Read().body, "ok");
  EXPECT_EQ(
      Ask("POST /key HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
          .status,
      401);
  EXPECT_EQ(
      Ask("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 2\r\n\r\n").status,
      417);
}

TEST_F(ServerTest, StreamsInChunks) {
  Start();
  Client client(server_->address());
  client.Send(Get("/stream?pieces=3") + Get("/hello"));
  EXPECT_EQ(client.Read().body, "line 0\nline 1\nline 2\n");
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(Ask(Get("/stream?pieces=0")).body, "");
  EXPECT_EQ(Ask("GET /stream?pieces=2 HTTP/1.0\r\n\r\n").body, "line 0\nline 1\n");
}

TEST_F(ServerTest, TellsAFailedStreamByItsStatusOrByItsMissingEnd) {
  Start();
  EXPECT_EQ(Ask(Get("/stream?fails=0")).status, 422);
  Client client(server_->address());
  client.Send(Get("/stream?fails=2"));
  const auto answer = client.Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "line 0\nline 1\n");
  EXPECT_TRUE(client.AtEnd());  // without the last chunk
}

TEST_F(ServerTest, SendsPartsOfFiles) {
  Start();
  const auto part = Ask(Get("/file", "Range: bytes=2-4\r\n"));
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_NE(part.head.find("Content-Range: bytes 2-4/10"), std::string::npos);
  EXPECT_EQ(Ask(Get("/file")).body, "0123456789");
  EXPECT_EQ(Ask(Get("/file", "Range: bytes=10-\r\n")).status, 416);
  const auto head = Ask("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.head.find("Content-Length: 10"), std::string::npos);
  const std::size_t at = head.head.find("ETag: ") + 6;
  const std::string etag = head.head.substr(at, head.head.find("\r\n", at) - at);
  EXPECT_EQ(Ask(Get("/file", "If-None-Match: " + etag + "\r\n")).status, 304);
}

TEST_F(ServerTest, KnowsMethods) {
  Start();
  const auto wrong = Ask("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_NE(wrong.head.find("Allow: OPTIONS, POST"), std::string::npos);
  const auto options = Ask("OPTIONS /hello HTTP/1.1\r\nHost: a\r\nOrigin: http://evil\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.head.find("Access-Control"), std::string::npos);
  const auto head = Ask("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(Ask("FOO /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 405);
  EXPECT_EQ(Ask(Get("/%zz")).status, 400);
  EXPECT_EQ(Ask(Get("/hello?a=%FF")).status, 400);
  EXPECT_EQ(Ask(Get("/hello/../key")).status, 404);
}

TEST_F(ServerTest, AllowsTheOriginsOfTheList) {
  Start({.cors_origins = {"https://shop.example"}});
  const auto good =
      Ask("OPTIONS /hello HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\n\r\n");
  EXPECT_NE(good.head.find("Access-Control-Allow-Origin: https://shop.example"), std::string::npos);
  EXPECT_NE(good.head.find("Access-Control-Allow-Headers:"), std::string::npos);
  const auto bad = Ask(Get("/hello", "Origin: https://evil.example\r\n"));
  EXPECT_EQ(bad.head.find("Access-Control"), std::string::npos);
}

TEST_F(ServerTest, SpeaksTheReadersLanguage) {
  Start();
  EXPECT_NE(Ask(Get("/nothing", "Accept-Language: zh-CN\r\n")).body.find("没有任何内容"),
            std::string::npos);
  EXPECT_NE(Ask(Get("/nothing", "Accept-Language: de, en\r\n")).body.find("nothing at"),
            std::string::npos);
}

TEST_F(ServerTest, SurvivesADefectOfAHandler) {
  Start();
  const auto answer = Ask(Get("/throw"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("a defect\""), std::string::npos);
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
}

TEST_F(ServerTest, Answers429WhenAPoolIsFull) {
  Start();
  std::atomic<int> good = 0;
  std::atomic<int> full = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back([&] {
      const auto answer = Ask(Get("/one"));
      if (answer.status == 200) ++good;
      if (answer.status == 429 && answer.head.find("Retry-After: 1") != std::string::npos) ++full;
    });
  }
  clients.clear();
  EXPECT_GE(good, 2);
  EXPECT_GE(full, 1);
  EXPECT_EQ(good + full, 10);
}

TEST_F(ServerTest, EndsSlowHeadsAndSlowBodiesWith408) {
  Start({.head_ms = 300, .body_ms = 300});
  const std::int64_t started = SteadyMs();
  EXPECT_EQ(Ask("GET /hello HTTP/1.1\r\nHost: ").status, 408);
  EXPECT_EQ(Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").status, 408);
  EXPECT_LT(SteadyMs() - started, 3000);

  // One byte at a time is no way to hold a connection.
  Client drip(server_->address());
  drip.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  const std::int64_t drip_started = SteadyMs();
  while (SteadyMs() - drip_started < 1500 && drip.Send("x")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(drip.Read().status, 408);
}

TEST_F(ServerTest, EndsIdleConnections) {
  Start({.idle_ms = 300, .head_ms = 300});
  Client silent(server_->address());
  EXPECT_TRUE(silent.AtEnd());
  Client idle(server_->address());
  idle.Send(Get("/hello"));
  EXPECT_EQ(idle.Read().status, 200);
  const std::int64_t started = SteadyMs();
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_LT(SteadyMs() - started, 3000);
}

TEST_F(ServerTest, AnswersOneConnectionTooManyWith503) {
  Start({.max_connections = 2});
  Client first(server_->address());
  Client second(server_->address());
  first.Send(Get("/hello"));
  EXPECT_EQ(first.Read().status, 200);
  second.Send(Get("/hello"));
  EXPECT_EQ(second.Read().status, 200);
  Client third(server_->address());
  const auto answer = third.Read();
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(ParseJson(answer.body).has_value()) << answer.body;
  first.Send(Get("/hello"));
  EXPECT_EQ(first.Read().status, 200);
}

TEST_F(ServerTest, DrainsBeforeItStops) {
  Start();
  Client idle(server_->address());
  idle.Send(Get("/hello"));
  EXPECT_EQ(idle.Read().status, 200);
  Client busy(server_->address());
  busy.Send(Get("/slow") + Get("/slow"));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(server_->Stop(5000));
  const auto answer = busy.Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.head.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(busy.AtEnd());
  EXPECT_TRUE(idle.AtEnd());
  const FileDescriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(
      std::stoi(server_->address().substr(server_->address().rfind(':') + 1))));
  ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  EXPECT_NE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
}

TEST_F(ServerTest, RefusesAnAddressThatIsTaken) {
  Start();
  ServerOptions options;
  options.port = static_cast<std::uint16_t>(
      std::stoi(server_->address().substr(server_->address().rfind(':') + 1)));
  Metrics metrics;
  Server second(router_, io_, metrics, nullptr, options);
  const auto started = second.Start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
}

TEST_F(ServerTest, CountsByRoute) {
  Start();
  Ask(Get("/hello"));
  Ask(Get("/hello"));
  Ask(Get("/nothing/here"));
  Client client(server_->address());
  client.Send(Get("/hello"));
  client.Read();
  client.Send(Get("/hello"));
  client.Read();
  const std::string text = metrics_.Render();
  EXPECT_NE(text.find("aimass_http_requests_total{method=\"GET\",route=\"/hello\",status=\"200\"}"),
            std::string::npos);
  EXPECT_NE(text.find("route=\"unmatched\",status=\"404\"} 1"), std::string::npos);
  EXPECT_EQ(text.find("/nothing/here"), std::string::npos);
}

}  // namespace
}  // namespace aimass::http
