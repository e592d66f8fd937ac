#include "api/predictions.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "api/jobs.h"
#include "api/local_file.h"
#include "base/words.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
using http::Request;
using http::Response;

struct Parts {
  BatchService& batches;
  const UploadStore& uploads;
  std::string data_folder;
  Pool& io;
  Pool& infer;
};

// The file that the body names: an upload that is complete, or a path of this machine.
Status FindFile(const Parts& parts, const Request& request, const Json& body, BatchRequest& batch) {
  ASSIGN_OR_RETURN(const std::string id, GetString(body, "upload", ""));
  ASSIGN_OR_RETURN(const std::string path, GetString(body, "path", ""));
  if (!id.empty() && !path.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "name exactly one input: a dataset, an upload or a path");
  }
  if (!id.empty()) {
    ASSIGN_OR_RETURN(const Upload upload, parts.uploads.Get(request.caller, id));
    if (!upload.complete()) {
      return Fail(ErrorCode::kConflict, "upload '{}' is not complete: {} bytes so far", id,
                  upload.offset);
    }
    batch.file = upload.path;
    batch.file_name = upload.name.empty() ? std::string("upload.csv") : upload.name;
  } else if (!path.empty()) {
    ASSIGN_OR_RETURN(batch.file, LocalFile(request, path, parts.data_folder));
    batch.file_name = fs::path(path).filename().string();
  }
  return {};
}

Result<BatchRequest> RequestOf(const Json& body) {
  if (!body.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object, found {}",
                KindOf(body));
  }
  RETURN_IF_ERROR(
      RejectUnknown(body, {"model", "version", "endpoint", "dataset", "dataset_version", "upload",
                           "path", "input_format", "options", "format", "out", "batch_rows"}));
  BatchRequest batch;
  ASSIGN_OR_RETURN(batch.model, GetString(body, "model", ""));
  ASSIGN_OR_RETURN(batch.endpoint, GetString(body, "endpoint", ""));
  ASSIGN_OR_RETURN(batch.version, GetString(body, "version", ""));
  ASSIGN_OR_RETURN(batch.dataset, GetString(body, "dataset", ""));
  if (body.contains("dataset_version") && !body["dataset_version"].is_null()) {
    ASSIGN_OR_RETURN(batch.dataset_version, GetInteger(body, "dataset_version"));
  }
  ASSIGN_OR_RETURN(batch.input_format, GetString(body, "input_format", "auto"));
  ASSIGN_OR_RETURN(batch.format, GetString(body, "format", ""));
  ASSIGN_OR_RETURN(batch.out, GetString(body, "out", ""));
  ASSIGN_OR_RETURN(batch.batch_rows, GetInteger(body, "batch_rows", batch.batch_rows));
  if (const auto options = body.find("options"); options != body.end() && !options->is_null()) {
    bool texts = options->is_object();
    for (const auto& [name, value] : options->items()) texts = texts && value.is_string();
    if (!texts) {
      return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", "options",
                  Word{"an object of texts"}, KindOf(*options));
    }
    batch.options = *options;
  }
  return batch;
}

// POST /api/v1/predictions
Task<Result<Response>> StartPredictions(Parts& parts, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  CO_ASSIGN_OR_RETURN(BatchRequest batch, RequestOf(body));
  batch.language = request.language;
  CO_RETURN_IF_ERROR(
      co_await RunOn(parts.io, [&] { return FindFile(parts, request, body, batch); }));
  CO_ASSIGN_OR_RETURN(const Job job, co_await RunOn(parts.infer, [&] {
                        return parts.batches.Start(request.caller, batch,
                                                   request.Header("idempotency-key"));
                      }));
  co_return JobStarted(job, request.language);
}

// GET /api/v1/predictions/{job}/file
Task<Result<Response>> GetPredictions(Parts& parts, const Request& request) {
  const std::string& id = request.params.at("job");
  CO_ASSIGN_OR_RETURN(const PredictionFile file, co_await RunOn(parts.io, [&] {
                        return parts.batches.File(request.caller, id);
                      }));
  Response response;
  response.file = file.path;
  response.content_type = file.media_type;
  response.headers.emplace_back("Content-Disposition",
                                fmt::format("attachment; filename=\"{}\"", file.name));
  co_return response;
}

}  // namespace

void BindPredictionsApi(BatchService& batches, const UploadStore& uploads, std::string data_folder,
                        Pool& io, Pool& infer, http::Router& router) {
  auto parts = std::make_shared<Parts>(Parts{batches, uploads, std::move(data_folder), io, infer});
  const auto with =
      [&parts](Task<Result<Response>> (*handler)(Parts&, const Request&)) -> http::Handler {
    return [parts, handler](const Request& request) { return handler(*parts, request); };
  };
  router.Post("/api/v1/predictions", with(StartPredictions));
  router.Get("/api/v1/predictions/{job}/file", with(GetPredictions));
}

}  // namespace aimass
