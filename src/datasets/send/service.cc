#include "datasets/send/service.h"

namespace aimass {

Result<Job> SendService::Send(const Caller& caller, const SendRequest& request) {
  if (request.table.empty())
    return Fail(ErrorCode::kUnprocessable, "rows are sent into a table: name it");
  if (!request.key.empty() && request.mode != SendMode::kUpsert)
    return Fail(ErrorCode::kUnprocessable, "a key goes with mode upsert, not with {}",
                SendModeName(request.mode));
  ASSIGN_OR_RETURN(const SourceInfo source, sources_.Get(caller, request.source));
  ASSIGN_OR_RETURN(const Connector* const connector, sources_.connectors().Find(source.spec.kind));
  RETURN_IF_ERROR(CheckWritable(source.spec, *connector));
  ASSIGN_OR_RETURN(const DatasetSnapshot dataset,
                   catalog_.Snapshot(caller.For("send"), request.dataset, request.version));
  return queue_.Submit(caller.For("send"), "send",
                       {{"dataset", ToJson(dataset)},
                        {"source", ToJson(source.spec)},
                        {"data_folder", data_folder_},
                        {"table", request.table},
                        {"mode", SendModeName(request.mode)},
                        {"key", request.key}},
                       {.idempotency_key = request.idempotency_key,
                        .group = fmt::format("send:{}:{}", source.spec.id, request.table)});
}

}  // namespace aimass
