#include "api/model_files.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "api/jobs.h"
#include "api/local_file.h"
#include "base/file.h"
#include "base/id.h"
#include "base/words.h"
#include "models/bundle.h"
#include "models/describe.h"
#include "models/loaded_model.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
using http::Request;
using http::Response;

constexpr std::size_t kMaxUploadBytes = std::size_t{1} << 30;

// GET /api/v1/models/{name}/bundle
Task<Result<Response>> ExportBundle(ModelParts& parts, const Request& request) {
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

/// `known` are the fields that the options may have.
Result<Given> ReadGiven(const ModelParts& parts, const Request& request,
                        std::initializer_list<std::string_view> known) {
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
    RETURN_IF_ERROR(RejectUnknown(given.options, known));
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
  RETURN_IF_ERROR(RejectUnknown(given.options, known));
  const auto source = given.options.find("source");
  if (source == given.options.end()) {
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
  ASSIGN_OR_RETURN(given.file, LocalFile(request, given.file, parts.data_folder));
  given.file_name = fs::path(given.file).filename().string();
  return given;
}

/// A place that the job finds after a restart too; the registry's commit removes it.
Result<std::string> KeepFile(const ModelParts& parts, const Request& request,
                             const std::string& file) {
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
Task<Result<Response>> ImportModel(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(
      const Job job, co_await RunOn(parts.io, [&]() -> Result<Job> {
        ASSIGN_OR_RETURN(
            Given given,
            ReadGiven(parts, request, {"name", "source", "target", "labels", "file_name"}));
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

/// A folder that the registry moves away, or that goes when the import ends, however it ends.
class Staged {
 public:
  explicit Staged(std::string folder) : folder_(std::move(folder)) {}
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  ~Staged() {
    std::error_code error;
    fs::remove_all(folder_, error);
  }

 private:
  std::string folder_;
};

// POST /api/v1/models/bundle
Task<Result<Response>> ImportBundle(ModelParts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(
      const Json added, co_await RunOn(parts.io, [&]() -> Result<Json> {
        ASSIGN_OR_RETURN(const Given given, ReadGiven(parts, request, {"name", "source"}));
        ASSIGN_OR_RETURN(const std::string wanted, GetString(given.options, "name", ""));
        // Not under tmp/: a version whose registration a crash interrupted goes on from its staged
        // folder.
        const std::string folder =
            parts.data_folder + "/workspaces/" + request.caller.workspace + "/imports/" + NewId();
        const Staged staged(folder);
        ASSIGN_OR_RETURN(const Unpacked bundle, ReadBundle(given.file, folder));
        // A model that answers its golden rows differently here is refused, and one whose pages
        // cannot be shown: once it is registered, it stays.
        RuntimeRegistry runtimes("runtime");
        RegisterAllRuntimes(runtimes);
        RETURN_IF_ERROR(LoadedModel::Load(folder, "", runtimes));
        RETURN_IF_ERROR(DescribeFolder(folder));
        const std::string name = wanted.empty() ? bundle.name : wanted;
        ASSIGN_OR_RETURN(const ModelVersion version,
                         parts.registry.AddVersion(request.caller, name, bundle.task, folder,
                                                   bundle.metrics, bundle.lineage));
        ASSIGN_OR_RETURN(const ModelInfo model, parts.registry.Get(request.caller, name));
        return VersionPage(model, version);
      }));
  co_return Response::Of(added, 201);
}

}  // namespace

void BindModelFilesApi(const std::shared_ptr<ModelParts>& parts, http::Router& router) {
  const http::RouteOptions upload{.max_body_bytes = kMaxUploadBytes, .stream_body = true};
  router.Post("/api/v1/models/import", Bind(parts, ImportModel), upload);
  router.Post("/api/v1/models/bundle", Bind(parts, ImportBundle), upload);
  router.Get("/api/v1/models/{name}/bundle", Bind(parts, ExportBundle));
}

}  // namespace aimass
