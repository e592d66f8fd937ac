#include "api/health.h"

#include <memory>

#include "api/openapi.h"
#include "base/embedded.h"
#include "base/version.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

// GET /healthz
Task<Result<Response>> GetHealth(const Request&) {
  co_return Response::Of({{"status", "ok"}, {"version", Version()}});
}

// GET /readyz
Task<Result<Response>> GetReadiness(const std::vector<ReadinessCheck>& checks, Pool& io) {
  const auto run = [&checks]() -> Result<Json> {
    Json parts = Json::object();
    for (const ReadinessCheck& check : checks) {
      if (auto status = check.check(); !status) {
        return Fail(ErrorCode::kUnavailable, "'{}' is not ready: {}", check.name,
                    status.error().ToString());
      }
      parts[check.name] = "ok";
    }
    return parts;
  };
  CO_ASSIGN_OR_RETURN(Json parts, co_await RunOn(io, run));
  co_return Response::Of({{"status", "ready"}, {"parts", std::move(parts)}});
}

// GET /metrics
Task<Result<Response>> GetMetrics(const http::Metrics& metrics, Pool& io) {
  const auto render = [&metrics]() -> Result<std::string> { return metrics.Render(); };
  CO_ASSIGN_OR_RETURN(std::string text, co_await RunOn(io, render));
  Response response;
  response.body = std::move(text);
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

// GET /openapi.json
Task<Result<Response>> GetOpenApi(Pool& io) {
  const auto convert = []() -> Result<std::string> { return OpenApiJson(); };
  CO_ASSIGN_OR_RETURN(std::string text, co_await RunOn(io, convert));
  Response response;
  response.body = std::move(text);
  co_return response;
}

// GET /docs
Task<Result<Response>> GetDocs(const Request&) {
  const auto page = FindEmbedded("src/api/assets/docs.html");
  if (!page) co_return Fail(ErrorCode::kInternal, "this build has no '{}'", "docs.html");
  Response response;
  response.body = *page;
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
      "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'");
  co_return response;
}

// GET /: a person who types the address of the server alone.
Task<Result<Response>> GetRoot(const Request&) {
  Response response{.status = 302};
  response.headers.emplace_back("Location", "/docs");
  co_return response;
}

}  // namespace

void BindHealthApi(std::vector<ReadinessCheck> checks, const http::Metrics& metrics, Pool& io,
                   http::Router& router) {
  const http::RouteOptions open{.needs_key = false};
  const http::RouteOptions local{.open_on_loopback = true};
  const auto parts = std::make_shared<const std::vector<ReadinessCheck>>(std::move(checks));
  router.Get("/healthz", GetHealth, open);
  router.Get("/readyz", [parts, &io](const Request&) { return GetReadiness(*parts, io); }, open);
  router.Get(
      "/metrics", [&metrics, &io](const Request&) { return GetMetrics(metrics, io); }, local);
  router.Get("/openapi.json", [&io](const Request&) { return GetOpenApi(io); }, local);
  router.Get("/docs", GetDocs, local);
  router.Get("/", GetRoot, open);
}

}  // namespace aimass
