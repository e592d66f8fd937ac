#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/caller.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "base/task.h"

namespace aimass::http {

/// A request after the router: header names in lower case, path and query percent-decoded.
struct Request {
  std::string method;
  std::string path;
  std::map<std::string, std::string, std::less<>> params;  // {name} of the route
  std::map<std::string, std::string, std::less<>> query;
  std::map<std::string, std::string, std::less<>> headers;
  std::string body;       // decoded by Content-Encoding; empty for a route that streams it
  std::string body_file;  // a route bound with StreamBody: the body, in a temporary file
  Language language = Language::kEnglish;
  bool from_loopback = false;
  Caller caller;     // after authentication
  CancelToken gone;  // asked for within a second when the client leaves before its answer is sent

  [[nodiscard]] std::string_view Header(std::string_view lower_case_name) const;
  /// The body as JSON. Errors: kUnsupported for another Content-Type, kInvalidArgument.
  [[nodiscard]] Result<Json> JsonBody() const;
  /// kUnsupported unless the Content-Type is JSON: for those who read the body themselves.
  [[nodiscard]] Status CheckJsonType() const;
  /// `limit` (1..1000, default 50) and other integer query parameters, checked.
  [[nodiscard]] Result<std::int64_t> QueryInteger(std::string_view name, std::int64_t fallback,
                                                  std::int64_t min, std::int64_t max) const;
};

/// Pulls the next piece of a streamed answer; an empty string ends it. It runs on the `io` pool.
using BodyStream = std::move_only_function<Result<std::string>()>;

/// The same for a source that waits for events: awaited on the I/O thread, never blocks one.
using AsyncBodyStream = std::move_only_function<Task<Result<std::string>>()>;

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<BodyStream> stream;             // instead of `body`: chunked
  std::shared_ptr<AsyncBodyStream> async_stream;  // after `body`: chunked, never compressed
  std::string file;                               // instead of `body`: a file, with ranges

  [[nodiscard]] static Response Of(const Json& json, int status = 200);
};

using Handler = std::function<Task<Result<Response>>(const Request&)>;

}  // namespace aimass::http
