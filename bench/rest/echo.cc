// The server of src/api/http with two routes that answer a body with a body, for comparison; it is
// part of no release.
//   POST /echo    the bytes as they came: what HTTP, the key and the router cost
//   POST /parsed  the bytes as JSON and back: what a handler costs that only parses and prints
// Usage: bench_echo KEY THREADS. Prints its address, and ends at SIGTERM.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "api/http/server.h"

namespace aimass {
namespace {

Task<Result<http::Response>> Echo(const http::Request& request) {
  http::Response response;
  response.body = request.body;
  co_return response;
}

Task<Result<http::Response>> Parsed(const http::Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  co_return http::Response::Of(body);
}

int Run(const std::string& key, int threads) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  http::Router router;
  router.Post("/echo", Echo);
  router.Post("/parsed", Parsed);
  Pool io("io", 1, 16);
  http::Metrics metrics;
  const std::string expected = "Bearer " + key;
  const auto authenticate = [&expected](std::string_view bearer) -> Result<Caller> {
    if (bearer != expected) return Fail(ErrorCode::kUnauthenticated, "the key is wrong");
    return Caller{
        .kind = "key", .id = "bench", .org = {}, .workspace = {}, .purpose = {}, .role = {}};
  };
  http::ServerOptions options;
  options.threads = threads;
  http::Server server(router, io, metrics, authenticate, options);
  if (const Status started = server.Start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().ToString().c_str());
    return 1;
  }
  std::printf("%s\n", server.address().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return server.Stop(1000) ? 0 : 1;
}

}  // namespace
}  // namespace aimass

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_echo KEY THREADS\n");
    return 2;
  }
  return aimass::Run(argv[1], std::atoi(argv[2]));
}
