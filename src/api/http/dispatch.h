#pragma once

#include <optional>
#include <string>

#include "api/http/parser.h"
#include "api/http/server.h"

namespace aimass::http {

/// A request whose head was read: who asks what. `refusal` is the answer where that is already
/// known.
struct Plan {
  Request request;
  const Router::Route* route = nullptr;
  std::string_view pattern;  // for metrics: the route's, or "unmatched"
  std::optional<Response> refusal;
};

/// Everything that can be decided before the body is read: address, route, method, key, CORS
/// preflight. So an upload without a valid key is refused before its body crosses the network.
[[nodiscard]] Plan PlanRequest(const Head& head, bool from_loopback, const Router& router,
                               const Authenticate& authenticate);

/// Calls the route's handler; an Error or an exception becomes a problem.
[[nodiscard]] Task<Response> CallHandler(const Plan& plan);

/// The fields that CORS wants for a request from an allowed origin; nothing otherwise.
void AddCors(const Request& request, const ServerOptions& options, Response& response);

}  // namespace aimass::http
