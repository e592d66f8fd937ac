#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace aimass::http {

/// How one route differs from the common case (a key is needed, the body is JSON of at most 1 MB).
struct RouteOptions {
  bool needs_key = true;
  bool open_on_loopback = false;  // no key needed from loopback (/metrics, /docs)
  // JSON is read on the I/O thread, so this is also how long a request may hold that up.
  std::size_t max_body_bytes = 1u << 20;
  bool stream_body = false;   // the body goes to a temporary file (uploads)
  bool partial_body = false;  // with stream_body: what came before the connection broke
                              // is handed over too (resumable uploads)
};

/// Paths with {name} segments, matched by segment. Filled before the server starts, read-only then.
class Router {
 public:
  void Get(std::string path, Handler handler, RouteOptions options = {});
  void Post(std::string path, Handler handler, RouteOptions options = {});
  void Patch(std::string path, Handler handler, RouteOptions options = {});
  void Put(std::string path, Handler handler, RouteOptions options = {});
  void Delete(std::string path, Handler handler, RouteOptions options = {});
  void Head(std::string path, Handler handler, RouteOptions options = {});
  void Options(std::string path, Handler handler, RouteOptions options = {});

  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;  // "{name}" is a parameter
    Handler handler;
    RouteOptions options;
  };
  struct Match {
    const Route* route;
    std::map<std::string, std::string, std::less<>> params;
  };
  /// Errors   kNotFound naming the path; a known path with another method is answered 405 with
  /// `Allow`.
  [[nodiscard]] Result<Match> Find(std::string_view method, std::string_view path,
                                   std::vector<std::string>* allowed) const;
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  void Add(std::string method, std::string path, Handler handler, RouteOptions options);
  std::vector<Route> routes_;
};

}  // namespace aimass::http
