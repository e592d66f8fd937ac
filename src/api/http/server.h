#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "api/http/metrics.h"
#include "api/http/parser.h"
#include "api/http/router.h"
#include "base/pool.h"

namespace aimass::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;              // 0: any free one
  int threads = 2;                     // I/O threads
  std::size_t max_connections = 4096;  // one more is answered 503
  HeadLimits head;
  std::int64_t idle_ms = 75'000;   // between two requests
  std::int64_t head_ms = 10'000;   // from the first byte of a request to the end of its head: 408
  std::int64_t body_ms = 10'000;   // in which 1 KB of the body, or its rest, must come: 408
  std::int64_t write_ms = 60'000;  // in which the reader must take a piece of the answer
  std::vector<std::string> cors_origins;  // "https://shop.example", or "*"; empty: no CORS
  std::string temp_folder = "/tmp";       // for bodies of routes with stream_body
};

/// Checks a key. Called on I/O threads for each request: must not block.
using Authenticate = std::function<Result<Caller>(std::string_view bearer)>;

/// The HTTP/1.1 server: one acceptor, one io_context per I/O thread, one coroutine per connection
/// (connection.cc), which awaits handlers to their end.
///
/// A handler's Task runs on the connection's I/O thread and comes back there after RunOn(pool, …).
class Server {
 public:
  /// `router`, `io` (files, streams, large compressions) and `metrics` must outlive the server.
  Server(const Router& router, Pool& io, Metrics& metrics, Authenticate authenticate,
         ServerOptions options);
  ~Server();  // Stop(0), then waits for the handlers that still run

  /// Listens and serves. Errors: kUnavailable naming the address and the system's reason.
  [[nodiscard]] Status Start();
  /// "http://127.0.0.1:8080"
  [[nodiscard]] const std::string& address() const;
  /// Stops accepting, ends idle connections, lets running requests finish for up to `drain_ms`,
  /// then closes every socket. False where a handler still runs after that.
  [[nodiscard]] bool Stop(std::int64_t drain_ms);
  /// Called when Stop begins: streams that never end by themselves must end now.
  void OnStop(std::function<void()> call);
  [[nodiscard]] std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aimass::http
