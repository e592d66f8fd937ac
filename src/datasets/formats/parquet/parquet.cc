// Apache Parquet, by DuckDB's reader. Several files are put together by column name.
#include "datasets/format.h"
#include "datasets/import/query_reader.h"
#include "native/duckdb/database.h"

namespace aimass::formats::parquet {
namespace {

Result<std::unique_ptr<FormatReader>> Open(const FormatRequest& request) {
  std::vector<std::string> paths;
  for (const FormatFile& file : request.files) paths.push_back(file.path);
  const std::string list = duckdb::QuoteList(paths);
  return OpenQuery(request,
                   fmt::format("SELECT * FROM read_parquet({}, hive_partitioning = false, "
                               "union_by_name = {})",
                               list, paths.size() > 1),
                   fmt::format("SELECT CAST(sum(num_rows) AS BIGINT) FROM "
                               "parquet_file_metadata({})",
                               list));
}

bool Recognises(std::string_view bytes) { return bytes.starts_with("PAR1"); }

}  // namespace

void Register(FormatRegistry& registry) {
  registry.Add({.name = "parquet",
                .label = {"Parquet", "Parquet"},
                .fields = {},
                .endings = ".parquet .pq",
                .media_type = "application/vnd.apache.parquet",
                .typed = true,
                .text = false,
                .recognises = Recognises,
                .open = Open});
}

}  // namespace aimass::formats::parquet
