#include "api/models.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/words.h"
#include "models/bundle.h"
#include "models/features/pipeline.h"
#include "models/folder.h"
#include "models/loaded_model.h"
#include "models/report/report.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
using http::Request;
using http::Response;

constexpr std::size_t kMaxUploadBytes = std::size_t{1} << 30;

/// What every handler here works with.
struct Parts {
  ModelRegistry& registry;
  ModelService& service;
  const UploadStore& uploads;
  std::string data_folder;
  Pool& io;
};

Json VersionJson(const ModelVersion& version) {
  return {{"version", version.version},
          {"state", version.state},
          {"metrics", version.metrics},
          {"checksum", version.checksum},
          {"created_at", ToRfc3339(version.created_ms)}};
}

Json ModelJson(const ModelInfo& model) {
  Json versions = Json::array();
  for (const ModelVersion& version : model.versions) versions.push_back(VersionJson(version));
  return {{"id", model.id},
          {"name", model.name},
          {"task", model.task},
          {"aliases", model.aliases},
          {"versions", std::move(versions)},
          {"created_at", ToRfc3339(model.created_ms)}};
}

Response JobStarted(const Job& job, Language language) {
  return Response::Of({{"job", ToJson(job, language)}}, 202);
}

Response NoContent() {
  Response response;
  response.status = 204;
  return response;
}

Result<Json> ReadJson(const fs::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text);
}

/// Everything about one version that fits on a page.
Result<Json> FullVersion(const ModelInfo& model, const ModelVersion& version) {
  const fs::path folder(version.folder);
  Json full = VersionJson(version);
  full["model"] = model.name;
  full["task"] = model.task;
  full["lineage"] = version.lineage;
  full["aliases"] = Json::array();
  for (const auto& [alias, number] : model.aliases) {
    if (number == version.version) full["aliases"].push_back(alias);
  }
  ASSIGN_OR_RETURN(const Json described, ReadModelJson(version.folder));
  for (const std::string_view key : {"target", "labels", "link", "members", "interval"}) {
    full[key] = described.value(key, Json());
  }
  ASSIGN_OR_RETURN(const Json features, ReadJson(folder / "features.json"));
  ASSIGN_OR_RETURN(const FeaturePipeline pipeline, FeaturePipeline::FromJson(features));
  full["columns"] = Json::array();
  for (std::size_t i = 0; i < pipeline.columns().size(); ++i) {
    full["columns"].push_back(
        {{"name", pipeline.columns()[i]},
         {"type", i < pipeline.types().size() ? Json(pipeline.types()[i]) : Json()}});
  }
  full["example"] = nullptr;
  if (const auto golden = ReadJson(folder / "golden.json");
      golden && golden->contains("rows") && !(*golden)["rows"].empty()) {
    Json row = Json::object();
    for (std::size_t i = 0; i < (*golden)["columns"].size() && i < (*golden)["rows"][0].size();
         ++i) {
      row[(*golden)["columns"][i].get<std::string>()] = (*golden)["rows"][0][i];
    }
    full["example"] = std::move(row);
  }
  const auto trials = ReadJson(folder / "trials.json");
  full["trials"] = trials ? trials->value("trials", Json::array()) : Json::array();
  full["has_report"] = fs::exists(folder / "report.json");
  return full;
}

Language LanguageOf(const Request& request) {
  const auto given = request.query.find("lang");
  if (given == request.query.end()) return request.language;
  return aimass::LanguageOf(given->second);
}

/// The stored report with the version's number and time, which it could not know when it was
/// written.
Result<Json> LoadReport(const Parts& parts, const Request& request) {
  const std::string& name = request.params.at("name");
  ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
  ASSIGN_OR_RETURN(const ModelVersion version,
                   parts.registry.Resolve(request.caller, name, request.params.at("version")));
  auto report = ReadJson(fs::path(version.folder) / "report.json");
  if (!report) {
    if (report.error().code != ErrorCode::kNotFound) return std::unexpected(report.error());
    return Fail(ErrorCode::kNotFound,
                "version {} of model '{}' was made elsewhere: it has no report", version.version,
                model.name);
  }
  (*report)["model"] = model.name;
  (*report)["version"] = version.version;
  (*report)["created_at"] = ToRfc3339(version.created_ms);
  return std::move(*report);
}

// POST /api/v1/models
Task<Result<Response>> TrainModel(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.io, [&] {
                        return parts.service.Train(request.caller, body,
                                                   request.Header("idempotency-key"));
                      }));
  co_return JobStarted(job, request.language);
}

// GET /api/v1/models
Task<Result<Response>> ListModels(Parts& parts, const Request& request) {
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
Task<Result<Response>> GetModel(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const ModelInfo model, co_await RunOn(parts.io, [&] {
                        return parts.registry.Get(request.caller, request.params.at("name"));
                      }));
  co_return Response::Of(ModelJson(model));
}

// PATCH /api/v1/models/{name}
Task<Result<Response>> RenameModel(Parts& parts, const Request& request) {
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
Task<Result<Response>> DeleteModel(Parts& parts, const Request& request) {
  CO_RETURN_IF_ERROR(co_await RunOn(parts.io, [&] {
    return parts.registry.Delete(request.caller, request.params.at("name"), std::nullopt);
  }));
  co_return NoContent();
}

// GET /api/v1/models/{name}/versions/{version}
Task<Result<Response>> GetVersion(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(
      const Json full, co_await RunOn(parts.io, [&]() -> Result<Json> {
        const std::string& name = request.params.at("name");
        ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
        ASSIGN_OR_RETURN(
            const ModelVersion version,
            parts.registry.Resolve(request.caller, name, request.params.at("version")));
        return FullVersion(model, version);
      }));
  co_return Response::Of(full);
}

// DELETE /api/v1/models/{name}/versions/{version}
Task<Result<Response>> DeleteVersion(Parts& parts, const Request& request) {
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
Task<Result<Response>> GetReport(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json report,
                      co_await RunOn(parts.io, [&] { return LoadReport(parts, request); }));
  const std::string_view accept = request.Header("accept");
  const std::size_t html = accept.find("text/html");
  const std::size_t json = accept.find("application/json");
  if (html != std::string_view::npos && (json == std::string_view::npos || html < json)) {
    co_return HtmlResponse(report, LanguageOf(request));
  }
  Response response = Response::Of(ReportForReaders(report, LanguageOf(request)));
  response.headers.emplace_back("Vary", "Accept, Accept-Language");
  co_return response;
}

// GET /api/v1/models/{name}/versions/{version}/report.html
Task<Result<Response>> GetReportPage(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json report,
                      co_await RunOn(parts.io, [&] { return LoadReport(parts, request); }));
  co_return HtmlResponse(report, LanguageOf(request));
}

// POST /api/v1/models/{name}/versions/{version}/reproduce
Task<Result<Response>> ReproduceVersion(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.io, [&] {
                        return parts.service.Reproduce(request.caller, request.params.at("name"),
                                                       request.params.at("version"),
                                                       request.Header("idempotency-key"));
                      }));
  co_return JobStarted(job, request.language);
}

// POST /api/v1/models/{name}/compare
Task<Result<Response>> CompareVersions(Parts& parts, const Request& request) {
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
Task<Result<Response>> SetAlias(Parts& parts, const Request& request) {
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

// GET /api/v1/models/{name}/bundle
Task<Result<Response>> ExportBundle(Parts& parts, const Request& request) {
  std::string file_name;
  auto opened = co_await RunOn(parts.io, [&]() -> Result<std::shared_ptr<std::ifstream>> {
    const std::string& name = request.params.at("name");
    const auto wanted = request.query.find("version");
    ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
    ASSIGN_OR_RETURN(const ModelVersion version,
                     parts.registry.Resolve(request.caller, name,
                                            wanted == request.query.end() ? "" : wanted->second));
    const std::string path = parts.data_folder + "/tmp/" + NewId() + ".aimass";
    RETURN_IF_ERROR(MakeFolder(parts.data_folder + "/tmp"));
    const Status written = WriteBundle(model, version, path);
    auto stream = std::make_shared<std::ifstream>(path, std::ios::binary);
    std::error_code error;
    fs::remove(path, error);  // the open stream keeps the content until it was sent
    RETURN_IF_ERROR(written);
    file_name = "model-" + std::to_string(version.version) + ".aimass";
    return stream;
  });
  if (!opened) co_return std::unexpected(std::move(opened).error());
  auto pull =
      std::make_shared<http::BodyStream>([stream = std::move(*opened)]() -> Result<std::string> {
        std::string piece(std::size_t{1} << 18, '\0');
        stream->read(piece.data(), static_cast<std::streamsize>(piece.size()));
        piece.resize(static_cast<std::size_t>(stream->gcount()));
        return piece;
      });
  Response response;
  response.content_type = "application/x-tar";
  response.headers = {{"Content-Disposition", "attachment; filename=\"" + file_name + "\""}};
  response.stream = std::move(pull);
  co_return response;
}

/// What an import is given: a JSON body that names an upload or (from this machine) a path, or the
/// bytes.
struct Given {
  Json options = Json::object();  // the JSON body, or the query
  std::string file;
  std::string file_name;
  bool ours = false;  // `file` may be moved
};

Result<Given> ReadGiven(const Parts& parts, const Request& request) {
  Given given;
  if (!request.Header("content-type").starts_with("application/json")) {
    const std::string_view type = request.Header("content-type");
    if (!type.empty() && !type.starts_with("application/octet-stream") &&
        !type.starts_with("application/x-tar")) {
      return Fail(ErrorCode::kUnsupported,
                  "the body must be application/octet-stream or application/json, found '{}'",
                  type);
    }
    for (const auto& [key, value] : request.query) given.options[key] = value;
    if (given.options.contains("labels")) {
      ASSIGN_OR_RETURN(given.options["labels"],
                       ParseJson(given.options["labels"].get<std::string>()));
    }
    given.file = request.body_file;
    given.file_name = given.options.value("file_name", "");
    given.ours = true;
    return given;
  }
  ASSIGN_OR_RETURN(const std::string text, ReadFile(request.body_file, std::size_t{16} << 20));
  ASSIGN_OR_RETURN(given.options, ParseJson(text));
  const auto source =
      given.options.is_object() ? given.options.find("source") : given.options.end();
  if (!given.options.is_object() || source == given.options.end() || !source->is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is missing", "source");
  }
  RETURN_IF_ERROR(RejectUnknown(*source, {"upload", "path"}));
  if (source->contains("upload")) {
    ASSIGN_OR_RETURN(const std::string id, GetString(*source, "upload"));
    ASSIGN_OR_RETURN(const Upload upload, parts.uploads.Get(request.caller, id));
    if (!upload.complete()) {
      return Fail(ErrorCode::kConflict, "upload '{}' is not complete: {} bytes so far", id,
                  upload.offset);
    }
    given.file = upload.path;
    given.file_name = upload.name;
    return given;
  }
  ASSIGN_OR_RETURN(given.file, GetString(*source, "path"));
  if (!request.from_loopback) {
    return Fail(ErrorCode::kPermissionDenied,
                "a path is read only for a client on the server's own machine");
  }
  if (!fs::path(given.file).is_absolute()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", "path",
                Word{"an absolute path"}, given.file);
  }
  std::error_code error;
  if (!fs::is_regular_file(given.file, error)) {
    return Fail(ErrorCode::kUnprocessable, "there is no file '{}' on the server's machine",
                given.file);
  }
  given.file_name = fs::path(given.file).filename().string();
  return given;
}

/// A place that the job finds after a restart too; the registry's commit removes it.
Result<std::string> KeepFile(const Parts& parts, const Request& request, const std::string& file) {
  const std::string folder =
      parts.data_folder + "/workspaces/" + request.caller.workspace + "/imports";
  RETURN_IF_ERROR(MakeFolder(folder));
  const std::string kept = folder + "/" + NewId();
  if (std::rename(file.c_str(), kept.c_str()) == 0) return kept;
  if (errno != EXDEV) return std::unexpected(SystemError(errno, "move", file));
  std::error_code error;
  fs::copy_file(file, kept, error);
  if (error) return std::unexpected(SystemError(error.value(), "copy", file));
  return kept;
}

// POST /api/v1/models/import
Task<Result<Response>> ImportModel(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(
      const Job job, co_await RunOn(parts.io, [&]() -> Result<Job> {
        ASSIGN_OR_RETURN(Given given, ReadGiven(parts, request));
        RETURN_IF_ERROR(
            RejectUnknown(given.options, {"name", "source", "target", "labels", "file_name"}));
        ModelService::Foreign foreign;
        ASSIGN_OR_RETURN(foreign.name, GetString(given.options, "name"));
        ASSIGN_OR_RETURN(foreign.target, GetString(given.options, "target", ""));
        foreign.file_name = given.file_name;
        const Json labels = given.options.value("labels", Json::array());
        if (!labels.is_array()) {
          return Fail(ErrorCode::kInvalidArgument, "'{}' must be a list of texts, found {}",
                      "labels", labels.dump());
        }
        for (const Json& label : labels) {
          if (!label.is_string()) {
            return Fail(ErrorCode::kInvalidArgument, "'{}' must be a list of texts, found {}",
                        "labels", labels.dump());
          }
          foreign.labels.push_back(label.get<std::string>());
        }
        foreign.file = given.file;
        if (given.ours) {
          ASSIGN_OR_RETURN(foreign.file, KeepFile(parts, request, given.file));
          foreign.delete_file = true;
        }
        auto submitted =
            parts.service.ImportForeign(request.caller, foreign, request.Header("idempotency-key"));
        // Refused, or the repetition of a request whose job has its own copy.
        const bool used = submitted && submitted->parameters.value("file", "") == foreign.file;
        std::error_code error;
        if (!used && foreign.delete_file) fs::remove(foreign.file, error);
        return submitted;
      }));
  co_return JobStarted(job, request.language);
}

// POST /api/v1/models/bundle
Task<Result<Response>> ImportBundle(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(
      const Json added, co_await RunOn(parts.io, [&]() -> Result<Json> {
        ASSIGN_OR_RETURN(const Given given, ReadGiven(parts, request));
        RETURN_IF_ERROR(RejectUnknown(given.options, {"name", "source"}));
        ASSIGN_OR_RETURN(const std::string wanted, GetString(given.options, "name", ""));
        // Not under tmp/: a version whose registration a crash interrupted goes on from its staged
        // folder.
        const std::string folder =
            parts.data_folder + "/workspaces/" + request.caller.workspace + "/imports/" + NewId();
        const auto unpacked = [&]() -> Result<Json> {
          ASSIGN_OR_RETURN(const Unpacked bundle, ReadBundle(given.file, folder));
          // A model that answers its golden rows differently here is refused.
          RuntimeRegistry runtimes("runtime");
          RegisterAllRuntimes(runtimes);
          RETURN_IF_ERROR(LoadedModel::Load(folder, "", runtimes));
          const std::string name = wanted.empty() ? bundle.name : wanted;
          ASSIGN_OR_RETURN(const ModelVersion version,
                           parts.registry.AddVersion(request.caller, name, bundle.task, folder,
                                                     bundle.metrics, bundle.lineage));
          ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
          return FullVersion(model, version);
        }();
        std::error_code error;
        if (!unpacked) fs::remove_all(folder, error);
        return unpacked;
      }));
  co_return Response::Of(added, 201);
}

}  // namespace

void BindModelsApi(ModelRegistry& registry, ModelService& service, const UploadStore& uploads,
                   std::string data_folder, Pool& io, http::Router& router) {
  auto parts =
      std::make_shared<Parts>(Parts{registry, service, uploads, std::move(data_folder), io});
  const auto with =
      [&parts](Task<Result<Response>> (*handler)(Parts&, const Request&)) -> http::Handler {
    return [parts, handler](const Request& request) { return handler(*parts, request); };
  };
  const http::RouteOptions upload{.max_body_bytes = kMaxUploadBytes, .stream_body = true};
  router.Post("/api/v1/models", with(TrainModel));
  router.Get("/api/v1/models", with(ListModels));
  router.Post("/api/v1/models/import", with(ImportModel), upload);
  router.Post("/api/v1/models/bundle", with(ImportBundle), upload);
  router.Get("/api/v1/models/{name}", with(GetModel));
  router.Patch("/api/v1/models/{name}", with(RenameModel));
  router.Delete("/api/v1/models/{name}", with(DeleteModel));
  router.Post("/api/v1/models/{name}/compare", with(CompareVersions));
  router.Get("/api/v1/models/{name}/bundle", with(ExportBundle));
  router.Put("/api/v1/models/{name}/aliases/{alias}", with(SetAlias));
  router.Get("/api/v1/models/{name}/versions/{version}", with(GetVersion));
  router.Delete("/api/v1/models/{name}/versions/{version}", with(DeleteVersion));
  router.Get("/api/v1/models/{name}/versions/{version}/report", with(GetReport));
  router.Get("/api/v1/models/{name}/versions/{version}/report.html", with(GetReportPage));
  router.Post("/api/v1/models/{name}/versions/{version}/reproduce", with(ReproduceVersion));
}

}  // namespace aimass
