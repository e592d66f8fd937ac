#include "datasets/import/query_reader.h"

#include <algorithm>

#include "native/duckdb/database.h"

namespace aimass {
namespace {

// What DuckDB finds wrong with a file is wrong with the file, not with the request.
Error FileError(Error error) {
  if (error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kInternal) {
    error.code = ErrorCode::kUnprocessable;
  }
  return error;
}

class QueryReader final : public FormatReader {
 public:
  QueryReader(duckdb::Connection connection, std::string select, CancelToken cancel,
              std::unique_ptr<BatchReader> rows, std::int64_t total)
      : connection_(std::move(connection)),
        select_(std::move(select)),
        cancel_(std::move(cancel)),
        rows_(std::move(rows)),
        schema_(rows_->schema()),
        total_(total) {}

  const Schema& schema() const override { return schema_; }

  Result<std::optional<Batch>> Next() override {
    auto batch = rows_->Next();
    if (!batch) return std::unexpected(FileError(std::move(batch).error()));
    if (*batch) done_ += static_cast<std::int64_t>((*batch)->num_rows());
    return std::move(*batch);
  }

  Json Checkpoint() const override { return Json{{"rows", done_}}; }

  Status Restore(const Json& checkpoint) override {
    ASSIGN_OR_RETURN(done_, GetInteger(checkpoint, "rows"));
    auto rows = connection_.Query(fmt::format("{} OFFSET {}", select_, done_), {.cancel = cancel_});
    if (!rows) return std::unexpected(FileError(std::move(rows).error()));
    rows_ = std::move(*rows);
    return {};
  }

  double fraction() const override {
    if (total_ <= 0) return done_ > 0 ? 0.5 : 0.0;  // DuckDB does not say how many rows come
    return std::min(static_cast<double>(done_) / static_cast<double>(total_), 1.0);
  }

 private:
  duckdb::Connection connection_;
  std::string select_;
  CancelToken cancel_;
  std::unique_ptr<BatchReader> rows_;
  Schema schema_;
  std::int64_t total_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace

Result<std::unique_ptr<FormatReader>> OpenQuery(const FormatRequest& request,
                                                const std::string& select,
                                                const std::string& count) {
  duckdb::Options options{.threads = request.threads,
                          .memory_bytes = request.memory_bytes,
                          .temp_folder = request.temp_folder};
  for (const FormatFile& file : request.files) options.allowed_paths.push_back(file.path);
  ASSIGN_OR_RETURN(auto database, duckdb::Database::Open(options));
  ASSIGN_OR_RETURN(auto connection, database.Connect());
  std::int64_t total = 0;
  if (!count.empty()) {
    if (auto counted = connection.Query(count, {.cancel = request.cancel})) {
      const auto batch = (*counted)->Next();  // what is damaged is told when the rows are read
      if (batch && *batch) total = static_cast<std::int64_t>((*batch)->column(0).At(0).number);
    }
  }
  auto rows = connection.Query(select, {.cancel = request.cancel});
  if (!rows) return std::unexpected(FileError(std::move(rows).error()));
  return std::make_unique<QueryReader>(std::move(connection), select, request.cancel,
                                       std::move(*rows), total);
}

}  // namespace aimass
