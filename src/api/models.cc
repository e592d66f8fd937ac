#include "api/models.h"

#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "api/jobs.h"
#include "api/model_files.h"
#include "api/model_parts.h"
#include "base/clock.h"
#include "base/words.h"
#include "models/report/report.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

Response NoContent() { return Response{.status = 204}; }

Result<Language> LanguageOf(const Request& request) {
  const auto given = request.query.find("lang");
  if (given == request.query.end()) return request.language;
  if (given->second == "en") return Language::kEnglish;
  if (given->second == "zh") return Language::kChinese;
  return Fail(ErrorCode::kInvalidArgument, "'{}' must be one of {}, found '{}'", "lang", "en, zh",
              given->second);
}

/// The stored report with the version's number and time, which it could not know when it was
/// written.
Result<Json> LoadReport(const ModelParts& parts, const Request& request) {
  const std::string& name = request.params.at("name");
  ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
  ASSIGN_OR_RETURN(const ModelVersion version,
                   parts.registry.Resolve(request.caller, name, request.params.at("version")));
  auto report = ReadJson(version.folder + "/report.json");
  if (!report) {
    if (report.error().code != ErrorCode::kNotFound) return std::unexpected(report.error());
    return Fail(ErrorCode::kNotFound,
                "version {} of model '{}' was made elsewhere: it has no report", version.version,
                model.name);
  }
  if (!report->is_object()) {
    return Fail(ErrorCode::kUnprocessable, "{} is damaged: expected {}, found {}", "report.json",
                Word{"an object"}, KindOf(*report));
  }
  (*report)["model"] = model.name;
  (*report)["version"] = version.version;
  (*report)["created_at"] = ToRfc3339(version.created_ms);
  return std::move(*report);
}

// POST /api/v1/models
Task<Result<Response>> TrainModel(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.io, [&] {
                        return parts.service.Train(request.caller, body,
                                                   request.Header("idempotency-key"));
                      }));
  co_return JobStarted(job, request.language);
}

// GET /api/v1/models
Task<Result<Response>> ListModels(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const std::int64_t limit, request.QueryInteger("limit", 50, 1, 1000));
  const auto cursor = request.query.find("cursor");
  CO_ASSIGN_OR_RETURN(std::vector<ModelInfo> models, co_await RunOn(parts.io, [&] {
                        return parts.registry.List(
                            request.caller, static_cast<int>(limit) + 1,
                            cursor == request.query.end() ? "" : cursor->second);
                      }));
  Json next;
  if (models.size() > static_cast<std::size_t>(limit)) {
    models.resize(static_cast<std::size_t>(limit));
    next = models.back().id;
  }
  Json items = Json::array();
  for (const ModelInfo& model : models) items.push_back(ModelJson(model));
  co_return Response::Of({{"items", std::move(items)}, {"next_cursor", std::move(next)}});
}

// GET /api/v1/models/{name}
Task<Result<Response>> GetModel(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const ModelInfo model, co_await RunOn(parts.io, [&] {
                        return parts.registry.Get(request.caller, request.params.at("name"));
                      }));
  co_return Response::Of(ModelJson(model));
}

// PATCH /api/v1/models/{name}
Task<Result<Response>> RenameModel(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"name"}));
  CO_ASSIGN_OR_RETURN(const std::string name, GetString(body, "name"));
  CO_ASSIGN_OR_RETURN(const ModelInfo model, co_await RunOn(parts.io, [&] {
                        return parts.registry.Rename(request.caller, request.params.at("name"),
                                                     name);
                      }));
  co_return Response::Of(ModelJson(model));
}

// DELETE /api/v1/models/{name}
Task<Result<Response>> DeleteModel(ModelParts& parts, const Request& request) {
  CO_RETURN_IF_ERROR(co_await RunOn(parts.io, [&] {
    return parts.registry.Delete(request.caller, request.params.at("name"), std::nullopt);
  }));
  co_return NoContent();
}

// GET /api/v1/models/{name}/versions/{version}
Task<Result<Response>> GetVersion(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(
      const Json full, co_await RunOn(parts.io, [&]() -> Result<Json> {
        const std::string& name = request.params.at("name");
        ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
        ASSIGN_OR_RETURN(
            const ModelVersion version,
            parts.registry.Resolve(request.caller, name, request.params.at("version")));
        return VersionPage(model, version);
      }));
  co_return Response::Of(full);
}

// DELETE /api/v1/models/{name}/versions/{version}
Task<Result<Response>> DeleteVersion(ModelParts& parts, const Request& request) {
  CO_RETURN_IF_ERROR(co_await RunOn(parts.io, [&]() -> Status {
    const std::string& name = request.params.at("name");
    ASSIGN_OR_RETURN(const ModelVersion version,
                     parts.registry.Resolve(request.caller, name, request.params.at("version")));
    return parts.registry.Delete(request.caller, name, version.version);
  }));
  co_return NoContent();
}

Response HtmlResponse(const Json& report, Language language) {
  Response response;
  response.body = ReportHtml(report, language);
  response.content_type = "text/html; charset=utf-8";
  response.headers = {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
                      {"Vary", "Accept, Accept-Language"}};
  return response;
}

// GET /api/v1/models/{name}/versions/{version}/report
Task<Result<Response>> GetReport(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json report,
                      co_await RunOn(parts.io, [&] { return LoadReport(parts, request); }));
  CO_ASSIGN_OR_RETURN(const Language language, LanguageOf(request));
  const std::string_view accept = request.Header("accept");
  const std::size_t html = accept.find("text/html");
  const std::size_t json = accept.find("application/json");
  if (html != std::string_view::npos && (json == std::string_view::npos || html < json)) {
    co_return HtmlResponse(report, language);
  }
  Response response = Response::Of(ReportForReaders(report, language));
  response.headers.emplace_back("Vary", "Accept, Accept-Language");
  co_return response;
}

// GET /api/v1/models/{name}/versions/{version}/report.html
Task<Result<Response>> GetReportPage(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json report,
                      co_await RunOn(parts.io, [&] { return LoadReport(parts, request); }));
  CO_ASSIGN_OR_RETURN(const Language language, LanguageOf(request));
  co_return HtmlResponse(report, language);
}

// POST /api/v1/models/{name}/versions/{version}/reproduce
Task<Result<Response>> ReproduceVersion(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.io, [&] {
                        return parts.service.Reproduce(request.caller, request.params.at("name"),
                                                       request.params.at("version"),
                                                       request.Header("idempotency-key"));
                      }));
  co_return JobStarted(job, request.language);
}

// POST /api/v1/models/{name}/compare
Task<Result<Response>> CompareVersions(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"a", "b", "other_model"}));
  CO_ASSIGN_OR_RETURN(const std::string a, GetString(body, "a"));
  CO_ASSIGN_OR_RETURN(const std::string b, GetString(body, "b"));
  CO_ASSIGN_OR_RETURN(const std::string other, GetString(body, "other_model", ""));
  CO_ASSIGN_OR_RETURN(const Json compared, co_await RunOn(parts.io, [&] {
                        return parts.service.Compare(request.caller, request.params.at("name"), a,
                                                     other, b, request.language);
                      }));
  co_return Response::Of(compared);
}

// PUT /api/v1/models/{name}/aliases/{alias}
Task<Result<Response>> SetAlias(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_RETURN_IF_ERROR(RejectUnknown(body, {"version"}));
  CO_ASSIGN_OR_RETURN(const std::int64_t version, GetInteger(body, "version"));
  CO_ASSIGN_OR_RETURN(const ModelInfo model, co_await RunOn(parts.io, [&]() -> Result<ModelInfo> {
                        const std::string& name = request.params.at("name");
                        RETURN_IF_ERROR(parts.registry.SetAlias(
                            request.caller, name, request.params.at("alias"), version));
                        return parts.registry.Get(request.caller, name);
                      }));
  co_return Response::Of(ModelJson(model));
}

}  // namespace

void BindModelsApi(ModelRegistry& registry, ModelService& service, const UploadStore& uploads,
                   std::string data_folder, Pool& io, http::Router& router) {
  const auto parts = std::make_shared<ModelParts>(
      ModelParts{registry, service, uploads, std::move(data_folder), io});
  BindModelFilesApi(parts, router);
  router.Post("/api/v1/models", Bind(parts, TrainModel));
  router.Get("/api/v1/models", Bind(parts, ListModels));
  router.Get("/api/v1/models/{name}", Bind(parts, GetModel));
  router.Patch("/api/v1/models/{name}", Bind(parts, RenameModel));
  router.Delete("/api/v1/models/{name}", Bind(parts, DeleteModel));
  router.Post("/api/v1/models/{name}/compare", Bind(parts, CompareVersions));
  router.Put("/api/v1/models/{name}/aliases/{alias}", Bind(parts, SetAlias));
  router.Get("/api/v1/models/{name}/versions/{version}", Bind(parts, GetVersion));
  router.Delete("/api/v1/models/{name}/versions/{version}", Bind(parts, DeleteVersion));
  router.Get("/api/v1/models/{name}/versions/{version}/report", Bind(parts, GetReport));
  router.Get("/api/v1/models/{name}/versions/{version}/report.html", Bind(parts, GetReportPage));
  router.Post("/api/v1/models/{name}/versions/{version}/reproduce", Bind(parts, ReproduceVersion));
}

}  // namespace aimass
