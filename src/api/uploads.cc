// Resumable uploads by the tus protocol, version 1.0.0, so that its clients work unmodified.
#include "api/uploads.h"

#include <charconv>
#include <ctime>

#include "base/clock.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

constexpr std::string_view kVersion = "1.0.0";
constexpr std::string_view kExtensions =
    "creation,creation-with-upload,creation-defer-length,termination,expiration";
constexpr std::string_view kPieceType = "application/offset+octet-stream";

// RFC 9110's date, which tus wants for Upload-Expires.
std::string HttpDate(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text, size};
}

Response Answer(int status, const Upload* upload = nullptr) {
  Response response;
  response.status = status;
  response.content_type.clear();
  response.headers.emplace_back("Tus-Resumable", kVersion);
  response.headers.emplace_back("Cache-Control", "no-store");
  if (upload != nullptr) {
    response.headers.emplace_back("Upload-Offset", std::to_string(upload->offset));
    if (!upload->complete())
      response.headers.emplace_back("Upload-Expires", HttpDate(upload->expires_ms));
  }
  return response;
}

Status CheckVersion(const Request& request) {
  const std::string_view version = request.Header("tus-resumable");
  if (version == kVersion) return {};
  return Fail(ErrorCode::kInvalidArgument, "Tus-Resumable must be {}, got '{}'", kVersion, version);
}

Result<std::optional<std::int64_t>> IntegerHeader(const Request& request, std::string_view name) {
  if (!request.headers.contains(name)) return std::nullopt;
  const std::string_view text = request.Header(name);
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
    return Fail(ErrorCode::kInvalidArgument, "{} must be a number of bytes, got '{}'", name, text);
  }
  return value;
}

// OPTIONS /api/v1/uploads
Response Describe() {
  Response response = Answer(204);
  response.headers.emplace_back("Tus-Version", kVersion);
  response.headers.emplace_back("Tus-Extension", kExtensions);
  response.headers.emplace_back("Tus-Max-Size", std::to_string(UploadStore::kMaxBytes));
  return response;
}

// POST /api/v1/uploads; a body is the first piece (creation-with-upload).
Result<Response> Create(UploadStore& uploads, const Request& request) {
  RETURN_IF_ERROR(CheckVersion(request));
  ASSIGN_OR_RETURN(const auto length, IntegerHeader(request, "upload-length"));
  const std::string_view deferred = request.Header("upload-defer-length");
  if (length.has_value() == (deferred == "1") || (!deferred.empty() && deferred != "1")) {
    return Fail(ErrorCode::kInvalidArgument,
                "exactly one of Upload-Length and `Upload-Defer-Length: 1` is needed");
  }
  ASSIGN_OR_RETURN(Upload upload,
                   uploads.Create(request.caller, length, request.Header("upload-metadata")));
  if (request.Header("content-type") == kPieceType) {
    ASSIGN_OR_RETURN(upload, uploads.Append(request.caller, upload.id, 0, {}, request.body_file));
  }
  Response response = Answer(201, &upload);
  response.headers.emplace_back("Location", "/api/v1/uploads/" + upload.id);
  return response;
}

// HEAD /api/v1/uploads/{id}
Result<Response> Show(UploadStore& uploads, const Request& request) {
  RETURN_IF_ERROR(CheckVersion(request));
  ASSIGN_OR_RETURN(const Upload upload, uploads.Get(request.caller, request.params.at("id")));
  Response response = Answer(200, &upload);
  if (upload.length) {
    response.headers.emplace_back("Upload-Length", std::to_string(*upload.length));
  } else {
    response.headers.emplace_back("Upload-Defer-Length", "1");
  }
  if (!upload.metadata.empty()) response.headers.emplace_back("Upload-Metadata", upload.metadata);
  return response;
}

// PATCH /api/v1/uploads/{id}
Result<Response> Append(UploadStore& uploads, const Request& request) {
  RETURN_IF_ERROR(CheckVersion(request));
  if (request.Header("content-type") != kPieceType) {
    return Fail(ErrorCode::kUnsupported, "Content-Type must be {}, got '{}'", kPieceType,
                request.Header("content-type"));
  }
  ASSIGN_OR_RETURN(const auto offset, IntegerHeader(request, "upload-offset"));
  if (!offset) return Fail(ErrorCode::kInvalidArgument, "'{}' is missing", "Upload-Offset");
  ASSIGN_OR_RETURN(const auto length, IntegerHeader(request, "upload-length"));
  ASSIGN_OR_RETURN(const Upload upload, uploads.Append(request.caller, request.params.at("id"),
                                                       *offset, length, request.body_file));
  return Answer(204, &upload);
}

// DELETE /api/v1/uploads/{id}
Result<Response> Terminate(UploadStore& uploads, const Request& request) {
  RETURN_IF_ERROR(CheckVersion(request));
  RETURN_IF_ERROR(uploads.Delete(request.caller, request.params.at("id")));
  return Answer(204);
}

using Verb = Result<Response> (*)(UploadStore&, const Request&);

// All verbs touch the disk, so they run on the `io` pool.
Task<Result<Response>> OnPool(Verb verb, UploadStore& uploads, Pool& io, const Request& request) {
  co_return co_await RunOn(io, [&] { return verb(uploads, request); });
}

Task<Result<Response>> AnswerDescribe() { co_return Describe(); }

}  // namespace

void BindUploadsApi(UploadStore& uploads, Pool& io, http::Router& router) {
  const auto handler = [&uploads, &io](Verb verb) {
    return [&uploads, &io, verb](const Request& request) {
      return OnPool(verb, uploads, io, request);
    };
  };
  const http::RouteOptions piece{.max_body_bytes = static_cast<std::size_t>(UploadStore::kMaxBytes),
                                 .stream_body = true,
                                 .partial_body = true};
  router.Options("/api/v1/uploads", [](const Request&) { return AnswerDescribe(); });
  router.Post("/api/v1/uploads", handler(Create), piece);
  router.Head("/api/v1/uploads/{id}", handler(Show));
  router.Patch("/api/v1/uploads/{id}", handler(Append), piece);
  router.Delete("/api/v1/uploads/{id}", handler(Terminate));
}

}  // namespace aimass
