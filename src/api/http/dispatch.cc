#include "api/http/dispatch.h"

#include <algorithm>
#include <exception>

#include "api/http/compress.h"
#include "api/http/url.h"
#include "base/id.h"
#include "base/log.h"

namespace aimass::http {
namespace {

constexpr std::size_t kMaxIdempotencyKey = 128;
constexpr std::string_view kCorsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view kCorsHeaders =
    "Authorization, Content-Type, Content-Encoding, Accept-Language, Idempotency-Key, "
    "X-Request-Id, "
    "X-Workspace, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, "
    "Upload-Concat, Upload-Defer-Length";
constexpr std::string_view kCorsExposed =
    "Location, X-Request-Id, Retry-After, Content-Disposition, Tus-Resumable, Tus-Version, "
    "Tus-Extension, "
    "Tus-Max-Size, Upload-Length, Upload-Offset, Upload-Expires, Upload-Metadata";

/// Ours, or the client's own where it is short and printable.
std::string RequestId(std::string_view given) {
  const bool good = !given.empty() && given.size() <= 128 &&
                    std::ranges::all_of(given, [](char c) { return c > ' ' && c < 127; });
  return good ? std::string(given) : NewId();
}

std::string AllowOf(const std::vector<std::string>& methods) {
  std::vector<std::string> all = methods;
  const auto add = [&all](std::string_view method) {
    if (std::ranges::find(all, method) == all.end()) all.emplace_back(method);
  };
  if (std::ranges::find(all, "GET") != all.end()) add("HEAD");
  add("OPTIONS");
  std::ranges::sort(all);
  std::string text;
  for (const std::string& method : all) text += (text.empty() ? "" : ", ") + method;
  return text;
}

bool IsAllowedOrigin(std::string_view origin, const ServerOptions& options) {
  return !origin.empty() &&
         std::ranges::any_of(options.cors_origins, [&](const std::string& allowed) {
           return allowed == "*" || allowed == origin;
         });
}

Response Preflight(const std::vector<std::string>& methods) {
  Response response;
  response.status = 204;
  response.headers.emplace_back("Allow", AllowOf(methods));
  return response;
}

/// A reverse proxy on this machine makes everybody look local; it says so in these fields.
bool IsForwarded(const Request& request) {
  return request.headers.contains("x-forwarded-for") || request.headers.contains("forwarded");
}

}  // namespace

void AddCors(const Request& request, const ServerOptions& options, Response& response) {
  const std::string_view origin = request.Header("origin");
  if (!IsAllowedOrigin(origin, options)) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  response.headers.emplace_back("Access-Control-Expose-Headers", std::string(kCorsExposed));
  if (request.method == "OPTIONS") {
    response.headers.emplace_back("Access-Control-Allow-Methods", std::string(kCorsMethods));
    response.headers.emplace_back("Access-Control-Allow-Headers", std::string(kCorsHeaders));
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
}

Plan PlanRequest(const Head& head, bool from_loopback, const Router& router,
                 const Authenticate& authenticate) {
  Plan plan;
  plan.pattern = "unmatched";
  Request& request = plan.request;
  request.method = head.method;
  for (const auto& [name, value] : head.fields) request.headers[name] = value;
  request.headers["x-request-id"] = RequestId(head.Field("x-request-id"));
  request.language = LanguageOf(head.Field("accept-language"));
  request.from_loopback = from_loopback && !IsForwarded(request);
  const auto refuse = [&plan](const auto& error) {
    plan.refusal = ProblemOf(error, plan.request.language);
  };

  const auto target = ParseTarget(head.target);
  if (!target) return refuse(target.error()), std::move(plan);
  if (target->path == "*") {
    if (head.method == "OPTIONS") {
      plan.refusal = Preflight({"GET", "POST", "PUT", "PATCH", "DELETE"});
    } else {
      refuse(Error{.code = ErrorCode::kInvalidArgument,
                   .message = Msg("only OPTIONS has the target '*'"),
                   .hint = {}});
    }
    return plan;
  }
  auto path = PercentDecode(target->path, false);
  if (!path) return refuse(path.error()), std::move(plan);
  request.path = std::move(*path);
  auto query = ParseQuery(target->query);
  if (!query) return refuse(query.error()), std::move(plan);
  request.query = std::move(*query);

  std::vector<std::string> allowed;
  auto match = router.Find(head.method, target->path, &allowed);
  if (!match && match.error().code == ErrorCode::kNotFound && !allowed.empty() &&
      head.method == "HEAD" && std::ranges::find(allowed, "GET") != allowed.end()) {
    match = router.Find("GET", target->path, nullptr);
  }
  if (!match) {
    if (match.error().code != ErrorCode::kNotFound || allowed.empty()) {
      return refuse(match.error()), std::move(plan);
    }
    if (head.method == "OPTIONS") {
      plan.refusal = Preflight(allowed);
      return plan;
    }
    const std::string allow = AllowOf(allowed);
    refuse(HttpError{
        .status = 405,
        .error = {.code = ErrorCode::kUnsupported,
                  .message = Msg("'{}' takes {}, not {}", request.path, allow, head.method),
                  .hint = {}}});
    plan.refusal->headers.emplace_back("Allow", allow);
    return plan;
  }
  plan.route = match->route;
  plan.pattern = match->route->pattern;
  request.params = std::move(match->params);

  const RouteOptions& route = match->route->options;
  const bool open = !route.needs_key || (route.open_on_loopback && request.from_loopback);
  if (!open || (route.needs_key && !request.Header("authorization").empty())) {
    auto caller = authenticate(request.Header("authorization"));
    if (caller) {
      request.caller = std::move(*caller);
    } else if (!open) {
      refuse(caller.error());
      return plan;
    }
  }
  if (const auto key = request.headers.find("idempotency-key");
      key != request.headers.end() &&
      (key->second.empty() || key->second.size() > kMaxIdempotencyKey)) {
    refuse(Error{.code = ErrorCode::kInvalidArgument,
                 .message = Msg("Idempotency-Key must have 1 to {} bytes, got {}",
                                kMaxIdempotencyKey, key->second.size()),
                 .hint = {}});
    return plan;
  }
  if (auto coding = CodingOf(request.Header("content-encoding")); !coding && head.has_body()) {
    refuse(coding.error());
  }
  return plan;
}

Task<Response> CallHandler(const Plan& plan) {
  const Request& request = plan.request;
  Error error{.code = ErrorCode::kInternal, .message = {}, .hint = {}};
  try {
    Result<Response> result = co_await plan.route->handler(request);
    if (result) co_return std::move(*result);
    error = std::move(result.error());
  } catch (const std::exception& defect) {
    error.message = Msg("the server hit a defect of its own; its log names request {}",
                        request.Header("x-request-id"));
    Log(LogLevel::kError, "handler_threw",
        {{"route", plan.pattern},
         {"request", request.Header("x-request-id")},
         {"what", defect.what()}});
  }
  if (error.code == ErrorCode::kInternal) {
    Log(LogLevel::kError, "request_failed",
        {{"route", plan.pattern},
         {"request", request.Header("x-request-id")},
         {"error", error.ToString()}});
  }
  co_return ProblemOf(error, request.language);
}

}  // namespace aimass::http
