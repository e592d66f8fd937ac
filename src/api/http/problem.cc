#include "api/http/problem.h"

#include <array>

namespace aimass::http {
namespace {

struct StatusText {
  int status;
  std::string_view reason;
  std::string_view code;  // of a problem that only HTTP knows; else the ErrorCode's own word
  std::string_view zh;    // the problem's title
};

constexpr std::array kStatuses{
    StatusText{100, "Continue", "", ""},
    StatusText{200, "OK", "", ""},
    StatusText{201, "Created", "", ""},
    StatusText{202, "Accepted", "", ""},
    StatusText{204, "No Content", "", ""},
    StatusText{206, "Partial Content", "", ""},
    StatusText{304, "Not Modified", "", ""},
    StatusText{400, "Bad Request", "invalid_argument", "请求有误"},
    StatusText{401, "Unauthorized", "unauthenticated", "需要有效的密钥"},
    StatusText{403, "Forbidden", "permission_denied", "没有权限"},
    StatusText{404, "Not Found", "not_found", "未找到"},
    StatusText{405, "Method Not Allowed", "method_not_allowed", "不支持该方法"},
    StatusText{406, "Not Acceptable", "not_acceptable", "无法提供所要求的格式"},
    StatusText{408, "Request Timeout", "request_timeout", "请求超时"},
    StatusText{409, "Conflict", "conflict", "冲突"},
    StatusText{411, "Length Required", "length_required", "缺少长度"},
    StatusText{412, "Precondition Failed", "precondition_failed", "前提条件不满足"},
    StatusText{413, "Content Too Large", "payload_too_large", "内容过大"},
    StatusText{414, "URI Too Long", "uri_too_long", "地址过长"},
    StatusText{415, "Unsupported Media Type", "unsupported", "不支持的内容格式"},
    StatusText{416, "Range Not Satisfiable", "range_not_satisfiable", "范围无效"},
    StatusText{417, "Expectation Failed", "expectation_failed", "无法满足 Expect"},
    StatusText{422, "Unprocessable Content", "unprocessable", "内容无法处理"},
    StatusText{429, "Too Many Requests", "resource_exhausted", "请求过多"},
    StatusText{431, "Request Header Fields Too Large", "headers_too_large", "请求头过大"},
    StatusText{460, "Checksum Mismatch", "checksum_mismatch", "校验和不一致"},
    StatusText{499, "Client Closed Request", "cancelled", "已取消"},
    StatusText{500, "Internal Server Error", "internal", "内部错误"},
    StatusText{501, "Not Implemented", "not_implemented", "未实现"},
    StatusText{503, "Service Unavailable", "unavailable", "暂不可用"},
    StatusText{504, "Gateway Timeout", "timeout", "超时"},
    StatusText{505, "HTTP Version Not Supported", "version_not_supported", "不支持的 HTTP 版本"},
    StatusText{507, "Insufficient Storage", "storage_full", "存储空间不足"},
};

const StatusText* Find(int status) {
  for (const StatusText& text : kStatuses) {
    if (text.status == status) return &text;
  }
  return nullptr;
}

Response Problem(int status, const Error& error, std::string_view code, Language language) {
  const StatusText* const text = Find(status);
  Json body = {
      {"type", "urn:aimass:problem:" + std::string(code)},
      {"title", std::string(text == nullptr                  ? "Error"
                            : language == Language::kChinese ? text->zh
                                                             : text->reason)},
      {"status", status},
      {"code", code},
      {"detail", Describe(error, language)},
  };
  if (!error.hint.empty()) body["hint"] = Render(error.hint, language);
  if (error.line > 0) {
    body["line"] = error.line;
    body["column"] = error.column;
  }
  Response response = Response::Of(body, status);
  response.content_type = "application/problem+json";
  if (status == 429) response.headers.emplace_back("Retry-After", "1");
  if (status == 503) response.headers.emplace_back("Retry-After", "5");
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"aimass\"");
  return response;
}

}  // namespace

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kPayloadTooLarge:
      return 413;
    case ErrorCode::kUnsupported:
      return 415;
    case ErrorCode::kUnprocessable:
      return 422;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kInternal:
      return 500;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kStorageFull:
      return 507;
    case ErrorCode::kCancelled:
      return 499;
  }
  return 500;
}

std::string_view ReasonOf(int status) {
  const StatusText* const text = Find(status);
  return text == nullptr ? std::string_view() : text->reason;
}

Response ProblemOf(const Error& error, Language language) {
  return Problem(StatusOf(error.code), error, CodeName(error.code), language);
}

Response ProblemOf(const HttpError& error, Language language) {
  const StatusText* const text = Find(error.status);
  return Problem(error.status, error.error,
                 text == nullptr ? CodeName(error.error.code) : text->code, language);
}

}  // namespace aimass::http
