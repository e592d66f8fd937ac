#include "api/http/message.h"

#include <charconv>

namespace aimass::http {

std::string_view Request::Header(std::string_view lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Status Request::CheckJsonType() const {
  std::string_view type = Header("content-type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  if (type == "application/json") return {};
  std::string lower(type);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (lower != "application/json" && !lower.ends_with("+json")) {
    return Fail(ErrorCode::kUnsupported, "the body must be application/json, got '{}'",
                lower.empty() ? std::string("nothing in Content-Type") : lower);
  }
  return {};
}

Result<Json> Request::JsonBody() const {
  RETURN_IF_ERROR(CheckJsonType());
  return ParseJson(body);
}

Result<std::int64_t> Request::QueryInteger(std::string_view name, std::int64_t fallback,
                                           std::int64_t min, std::int64_t max) const {
  const auto found = query.find(name);
  if (found == query.end()) return fallback;
  const std::string& text = found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return Fail(ErrorCode::kInvalidArgument,
                "query parameter '{}' must be an integer from {} to {}, got '{}'", name, min, max,
                text);
  }
  return value;
}

Response Response::Of(const Json& json, int status) {
  Response response;
  response.status = status;
  response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

}  // namespace aimass::http
