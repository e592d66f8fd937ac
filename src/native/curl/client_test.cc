#include "native/curl/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/file.h"

namespace aimass::curl {
namespace {

// A server that gives one answer to each connection; an empty one: it never answers.
class Server {
 public:
  explicit Server(std::vector<std::string> answers)
      : answers_(std::move(answers)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    listen(listener_.get(), 8);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::string asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void Run() {
    std::vector<FileDescriptor> kept;
    for (const std::string& answer : answers_) {
      FileDescriptor client(accept(listener_.get(), nullptr, nullptr));
      if (!client.valid()) return;
      std::string request;
      std::array<char, 4096> buffer{};
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = recv(client.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        request.append(buffer.data(), static_cast<std::size_t>(got));
      }
      {
        const std::lock_guard lock(mutex_);
        asked_ += request.substr(0, request.find("\r\n")) + "\n";
      }
      if (answer.empty()) {
        kept.push_back(std::move(client));
        continue;
      }
      send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    const FileDescriptor last(accept(listener_.get(), nullptr, nullptr));  // until the test ends
  }

  std::vector<std::string> answers_;
  FileDescriptor listener_;
  std::string url_;
  std::mutex mutex_;
  std::string asked_;
  std::thread thread_;
};

std::string Said(const std::string& status, const std::string& body,
                 const std::string& headers = {}) {
  return fmt::format("HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n{}", status,
                     body.size(), headers, body);
}

TEST(Client, TakesEveryStatusForAnAnswer) {
  Server server({Said("200 OK", "hello", "ETag: \"x\"\r\n"), Said("404 Not Found", "no such"),
                 Said("302 Found", "", "Location: http://127.0.0.1:1/elsewhere\r\n")});
  Client client({});
  const auto good = client.Send({.url = server.url() + "/a/../b%20c?q=%2F"}, {});
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->status, 200);
  EXPECT_EQ(good->body, "hello");
  EXPECT_EQ(good->Header("etag"), "\"x\"");
  EXPECT_EQ(good->Header("none"), "");
  const auto missing = client.Send({.url = server.url() + "/b"}, {});
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->body, "no such");
  const auto moved = client.Send({.url = server.url() + "/c"}, {});
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(moved->status, 302);  // and nobody went there
  EXPECT_EQ(server.asked(), "GET /a/../b%20c?q=%2F HTTP/1.1\nGET /b HTTP/1.1\nGET /c HTTP/1.1\n");
}

TEST(Client, GivesOnlyGoodBodiesToTheSink) {
  Server server({Said("206 Partial Content", "abc"), Said("403 Forbidden", "secret words"),
                 Said("200 OK", "abc")});
  Client client({});
  std::string taken;
  Request request{.url = server.url(), .sink = [&](const Answer& answer, std::string_view bytes) {
                    taken += fmt::format("{} {};", answer.status, bytes);
                    return Status{};
                  }};
  EXPECT_EQ(client.Send(request, {}).value().body, "");
  EXPECT_EQ(client.Send(request, {}).value().body, "secret words");
  EXPECT_EQ(taken, "206 abc;");
  request.sink = [](const Answer&, std::string_view) -> Status {
    return Fail(ErrorCode::kConflict, "enough");
  };
  EXPECT_EQ(client.Send(request, {}).error().code, ErrorCode::kConflict);
}

TEST(Client, SaysWhatKeepsAnAnswerFromComing) {
  Server server({Said("200 OK", std::string(100, 'x')),
                 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                 Said("500 Oops", std::string(1 << 20, 'x'))});
  Client client({});
  EXPECT_EQ(client.Send({.url = server.url(), .max_body_bytes = 99}, {}).error().code,
            ErrorCode::kPayloadTooLarge);
  EXPECT_EQ(client.Send({.url = server.url()}, {}).error().code, ErrorCode::kUnavailable);
  const auto error = client.Send({.url = server.url()}, {});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->status, 500);
  EXPECT_EQ(error->body.size(), std::size_t{64} << 10);
  EXPECT_EQ(client.Send({.url = "ftp://127.0.0.1/"}, {}).error().code, ErrorCode::kInvalidArgument);
  const auto closed = client.Send({.url = "http://127.0.0.1:1/x?secret=1"}, {});
  ASSERT_FALSE(closed.has_value());
  EXPECT_EQ(closed.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(closed.error().ToString().starts_with("cannot fetch 'http://127.0.0.1:1/x': "));
  EXPECT_FALSE(closed.error().hint.empty());
}

TEST(Client, KeepsOutOfPrivateNetworksWhereThatIsWanted) {
  Server server({Said("200 OK", "hello")});
  Client client({.public_only = true});
  EXPECT_EQ(client.Send({.url = server.url()}, {}).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(server.asked(), "");
}

TEST(Client, CanBeCancelledWhileNothingComes) {
  Server server({""});
  Client client({});
  const CancelToken cancel;
  std::thread later([&cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cancel.Cancel();
  });
  const std::int64_t started = SteadyMs();
  EXPECT_EQ(client.Send({.url = server.url()}, cancel).error().code, ErrorCode::kCancelled);
  EXPECT_LT(SteadyMs() - started, 2000);
  later.join();
}

TEST(Client, SendsABodyAndSignsIn) {
  Server server({Said("201 Created", "made"), Said("200 OK", "")});
  Client client({.user = "me", .password = "secret"});
  const auto made = client.Send({.method = "POST",
                                 .url = server.url() + "/a",
                                 .headers = {"Content-Type: application/json"},
                                 .body = "{}"},
                                {});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->status, 201);
  EXPECT_EQ(made->body, "made");
  EXPECT_EQ(client.Send({.method = "DELETE", .url = server.url() + "/a"}, {}).value().status, 200);
  EXPECT_EQ(server.asked(), "POST /a HTTP/1.1\nDELETE /a HTTP/1.1\n");
  const auto closed = client.Send({.url = "http://127.0.0.1:1/x"}, {});
  EXPECT_FALSE(closed.error().ToString().contains("secret"));
}

TEST(Client, DoesNotBeginWhatIsCancelled) {
  Client client({});
  const CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(client.Send({.url = "http://127.0.0.1:1/"}, cancel).error().code,
            ErrorCode::kCancelled);
}

TEST(EscapedPart, StaysOnePart) {
  EXPECT_EQ(EscapedPart("logs-2026.*,orders_1"), "logs-2026.*,orders_1");
  EXPECT_EQ(EscapedPart("../_cluster?x#y z"), "..%2F_cluster%3Fx%23y%20z");
  EXPECT_EQ(EscapedPart("订单"), "%E8%AE%A2%E5%8D%95");
}

}  // namespace
}  // namespace aimass::curl
