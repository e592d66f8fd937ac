#include "api/http/url.h"

namespace aimass::http {

Result<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  auto out = aimass::PercentDecode(text, plus_is_space);
  if (!out) {
    return Fail(ErrorCode::kInvalidArgument,
                "'%' in the address must be followed by two hexadecimal digits");
  }
  if (!IsUtf8(*out)) return Fail(ErrorCode::kInvalidArgument, "the address must be UTF-8");
  if (out->find('\0') != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument, "the address must not hold a NUL character");
  }
  return *std::move(out);
}

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

Result<std::map<std::string, std::string, std::less<>>> ParseQuery(std::string_view text) {
  std::map<std::string, std::string, std::less<>> query;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(pair.substr(equals + 1), true));
    }
    if (query.contains(name)) {
      return Fail(ErrorCode::kInvalidArgument, "query parameter '{}' stands more than once", name);
    }
    query.emplace(std::move(name), std::move(value));
  }
  return query;
}

Result<Target> ParseTarget(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.starts_with(scheme)) {
      const std::size_t slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    }
  }
  if (!target.starts_with('/') && target != "*") {
    return Fail(ErrorCode::kInvalidArgument, "the request target must start with '/', got '{}'",
                IsUtf8(target) ? target.substr(0, 100) : std::string_view("?"));
  }
  Target out;
  const std::size_t question = target.find('?');
  out.path = target.substr(0, question);
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  if (const std::size_t hash = out.query.find('#'); hash != std::string::npos)
    out.query.resize(hash);
  return out;
}

}  // namespace aimass::http
