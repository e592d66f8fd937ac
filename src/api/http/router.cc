#include "api/http/router.h"

#include <algorithm>

#include "api/http/url.h"

namespace aimass::http {
namespace {

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

/// More fixed segments first: "/models/import" wins over "/models/{name}".
bool MoreSpecific(const Router::Route& left, const Router::Route& right) {
  for (std::size_t i = 0; i < std::min(left.segments.size(), right.segments.size()); ++i) {
    const bool left_open = IsParameter(left.segments[i]);
    const bool right_open = IsParameter(right.segments[i]);
    if (left_open != right_open) return right_open;
  }
  return false;
}

}  // namespace

void Router::Add(std::string method, std::string path, Handler handler, RouteOptions options) {
  Route route{.method = std::move(method),
              .pattern = path,
              .segments = SplitPath(path),
              .handler = std::move(handler),
              .options = options};
  const auto place = std::upper_bound(
      routes_.begin(), routes_.end(), route,
      [](const Route& left, const Route& right) { return MoreSpecific(left, right); });
  routes_.insert(place, std::move(route));
}

void Router::Get(std::string path, Handler handler, RouteOptions options) {
  Add("GET", std::move(path), std::move(handler), options);
}
void Router::Post(std::string path, Handler handler, RouteOptions options) {
  Add("POST", std::move(path), std::move(handler), options);
}
void Router::Patch(std::string path, Handler handler, RouteOptions options) {
  Add("PATCH", std::move(path), std::move(handler), options);
}
void Router::Put(std::string path, Handler handler, RouteOptions options) {
  Add("PUT", std::move(path), std::move(handler), options);
}
void Router::Delete(std::string path, Handler handler, RouteOptions options) {
  Add("DELETE", std::move(path), std::move(handler), options);
}
void Router::Head(std::string path, Handler handler, RouteOptions options) {
  Add("HEAD", std::move(path), std::move(handler), options);
}
void Router::Options(std::string path, Handler handler, RouteOptions options) {
  Add("OPTIONS", std::move(path), std::move(handler), options);
}

Result<Router::Match> Router::Find(std::string_view method, std::string_view path,
                                   std::vector<std::string>* allowed) const {
  const std::vector<std::string> segments = SplitPath(path);
  if (allowed != nullptr) allowed->clear();
  // The most specific path that matches decides, also about the methods that it has not.
  std::string_view pattern;
  for (const Route& route : routes_) {
    if (route.segments.size() != segments.size()) continue;
    if (!pattern.empty() && route.pattern != pattern) continue;
    std::map<std::string, std::string, std::less<>> params;
    bool fits = true;
    for (std::size_t i = 0; i < segments.size() && fits; ++i) {
      const std::string& wanted = route.segments[i];
      if (IsParameter(wanted)) {
        auto value = PercentDecode(segments[i], /*plus_is_space=*/false);
        if (!value) return std::unexpected(value.error());
        fits = !value->empty();
        params[wanted.substr(1, wanted.size() - 2)] = std::move(*value);
      } else {
        fits = wanted == segments[i];
      }
    }
    if (!fits) continue;
    if (route.method == method) return Match{.route = &route, .params = std::move(params)};
    pattern = route.pattern;
    if (allowed != nullptr) allowed->push_back(route.method);
  }
  return Fail(ErrorCode::kNotFound, "there is nothing at '{}'", path);
}

}  // namespace aimass::http
