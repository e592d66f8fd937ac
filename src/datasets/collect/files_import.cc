#include "datasets/collect/files_import.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/file.h"
#include "datasets/collect/merge.h"
#include "datasets/delta/log.h"
#include "datasets/import/infer.h"
#include "datasets/import/parts.h"
#include "datasets/jobs.h"
#include "native/duckdb/database.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

constexpr int kWords = 16;  // different texts, at most, of a column that says nothing

// The surroundings of one file's import: those of the job, but for its parameters and its place.
class OneFile final : public JobContext {
 public:
  OneFile(JobContext& job, JobSpec spec, const std::function<void(double)>& progress)
      : job_(job), spec_(std::move(spec)), progress_(progress) {}
  [[nodiscard]] const JobSpec& spec() const override { return spec_; }
  void Report(const Progress& progress) override {
    if (progress_) progress_(progress.fraction);
  }
  void Log(const Message& /*line*/) override {}  // a line for each file is the job's to write
  [[nodiscard]] const CancelToken& cancel() const override { return job_.cancel(); }
  // What was not committed is read again from its beginning.
  Status SaveCheckpoint(const Json& /*state*/) override { return {}; }
  [[nodiscard]] std::optional<Json> LoadCheckpoint() const override { return std::nullopt; }

 private:
  JobContext& job_;
  JobSpec spec_;
  const std::function<void(double)>& progress_;
};

class NoRows final : public BatchReader {
 public:
  explicit NoRows(const Schema& schema) : schema_(schema) {}
  [[nodiscard]] const Schema& schema() const override { return schema_; }
  Result<std::optional<Batch>> Next() override { return std::optional<Batch>(); }

 private:
  const Schema& schema_;
};

Result<WrittenFile> WrittenFileOf(const Json& json) {
  WrittenFile file;
  ASSIGN_OR_RETURN(file.path, GetString(json, "path"));
  ASSIGN_OR_RETURN(file.bytes, GetInteger(json, "bytes"));
  ASSIGN_OR_RETURN(file.rows, GetInteger(json, "rows"));
  ASSIGN_OR_RETURN(file.stats, GetString(json, "stats"));
  return file;
}

bool SameColumns(const Schema& a, const Schema& b) {
  if (a.columns.size() != b.columns.size()) return false;
  return std::ranges::all_of(a.columns, [&](const ColumnInfo& column) {
    const auto at = b.Find(column.name);
    return at && b.columns[*at].type == column.type;
  });
}

}  // namespace

Status FileImporter::Import(TakenFile& file, const Schema* wanted,
                            const std::function<void(double)>& progress) {
  const JobSpec& job = context_.spec();
  file.columns = {.file = file.fetched.file.path, .schema = {}, .empty = {}};
  file.parts.clear();
  file.warnings.clear();
  file.rows = file.rejected = 0;
  file.rejects.clear();
  if (file.fetched.file.bytes == 0) return {};  // nothing, not even columns
  JobSpec spec = job;
  spec.kind = "import";
  // The names of its files begin with the job's id: they belong to the job.
  spec.id = fmt::format("{}-{:06}{}", job.id, file.number, wanted == nullptr ? "" : "w");
  spec.work_folder = job.work_folder + "/file";
  Json options = options_.options;
  const std::string encoding = options.value("encoding", "auto");
  options.erase("encoding");
  spec.parameters = {{"folder", folder_},
                     {"mode", wanted == nullptr ? "create" : "append"},
                     {"source", {{"path", file.local}, {"name", file.fetched.file.name}}},
                     {"format", options_.format},
                     {"encoding", encoding},
                     {"options", std::move(options)},
                     {"types", options_.types},
                     {"on_error", options_.on_error},
                     {"one_of_many", true}};
  if (wanted != nullptr) {
    ASSIGN_OR_RETURN(spec.parameters["schema"], delta::SchemaToDelta(*wanted));
  }
  std::error_code ignored;
  fs::remove_all(spec.work_folder, ignored);
  RETURN_IF_ERROR(MakeFolder(spec.work_folder));
  OneFile context(context_, spec, progress);
  auto output = RunImport(context, formats_);
  if (!output) {
    Error error = std::move(output).error();
    const std::string text = Render(error.message, Language::kEnglish);
    if (text.find(file.fetched.file.name) == std::string::npos)
      error.message = Msg("file '{}': {}", file.fetched.file.path, text);
    if (wanted != nullptr && error.hint.format.starts_with("give the file the same columns"))
      error.hint =
          Msg("refresh the dataset with full: everything is read anew, with the new columns");
    return std::unexpected(std::move(error));
  }
  // What was parsed is what was fetched, byte by byte.
  if (output->value("source", Json::object()).value("sha256", "") != file.fetched.sha256) {
    return Fail(ErrorCode::kUnavailable, "file '{}' changed while it was read",
                file.fetched.file.path);
  }
  ASSIGN_OR_RETURN(const FormatType* const format, formats_.Find(output->value("format", "")));
  file.converts = format->converts;
  file.columns.optional = format->name == "json";
  for (const Json& part : output->value("files", Json::array())) {
    ASSIGN_OR_RETURN(WrittenFile written, WrittenFileOf(part));
    file.parts.push_back(std::move(written));
  }
  ASSIGN_OR_RETURN(const std::string schema, GetString(*output, "schema"));
  ASSIGN_OR_RETURN(file.columns.schema, delta::SchemaFromDelta(schema));
  file.rows = output->value("rows", std::int64_t{0});
  file.rejected = output->value("rejected_rows", std::int64_t{0});
  for (const ColumnInfo& column : file.columns.schema.columns) {
    if (file.rows == 0) file.columns.empty.insert(column.name);
  }
  for (const Json& warning : output->value("warnings", Json::array()))
    file.warnings.push_back(MessageFromJson(warning));
  if (file.rejected > 0) {
    fs::remove(folder_ + "/" + output->value("rejected_file", ""), ignored);
    file.rejects = fmt::format("{}/rejects-{:06}.ndjson", job.work_folder, file.number);
    std::error_code error;
    fs::rename(RejectsPath(spec), file.rejects, error);
    if (error) return std::unexpected(SystemError(error.value(), "rename", file.rejects));
  }
  fs::remove_all(spec.work_folder, ignored);
  return {};
}

Status FileImporter::FindEmpty(TakenFile& file) const {
  for (const ColumnInfo& column : file.columns.schema.columns) {
    if (column.type.kind != TypeKind::kText) continue;
    const std::string name = duckdb::QuoteName(column.name);
    ASSIGN_OR_RETURN(const auto rows,
                     Query(file.columns.schema, PartsOf(file),
                           fmt::format("SELECT DISTINCT {} FROM collected WHERE {} IS NOT NULL "
                                       "LIMIT {}",
                                       name, name, kWords)));
    bool empty = true;
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) break;
      for (std::size_t row = 0; row < batch->num_rows(); ++row)
        empty = empty && file.converts && DefaultNull(batch->column(0).Bytes(row));
    }
    if (empty) file.columns.empty.insert(column.name);
  }
  return {};
}

Status FileImporter::Fit(TakenFile& file, const Schema& table) const {
  if (file.rows == 0) {
    RemoveParts(file);
    NoRows none(table);
    return Write(file, "e", table, none);
  }
  if (SameColumns(file.columns.schema, table)) return {};
  std::string select;
  for (const ColumnInfo& column : table.columns) {
    const std::string name = duckdb::QuoteName(column.name);
    const bool there =
        file.columns.schema.Find(column.name) && !file.columns.empty.contains(column.name);
    select += fmt::format("{}CAST({} AS {}) AS {}", select.empty() ? "" : ", ",
                          there ? name : "NULL", duckdb::SqlType(column.type), name);
  }
  TakenFile before = file;
  ASSIGN_OR_RETURN(const auto rows, Query(file.columns.schema, PartsOf(file),
                                          "SELECT " + select + " FROM collected"));
  file.parts.clear();
  RETURN_IF_ERROR(Write(file, "f", table, *rows));
  RemoveParts(before);
  file.columns.schema = table;
  return {};
}

Status FileImporter::Write(TakenFile& file, std::string_view mark, const Schema& table,
                           BatchReader& rows) const {
  const JobSpec& spec = context_.spec();
  ASSIGN_OR_RETURN(TableWriter writer,
                   TableWriter::Open(
                       {.folder = folder_,
                        .prefix = fmt::format("{}-{:06}{}", PartPrefix(spec.id), file.number, mark),
                        .threads = ThreadsOf(spec),
                        .memory_bytes = MemoryOf(spec),
                        .temp_folder = spec.work_folder + "/spill",
                        .cancel = context_.cancel(),
                        .empty_file = true}));
  return writer.Write(
      rows, table,
      {.progress = {}, .mark = {}, .done = [&file](const WrittenFile& part, const Json&) {
         file.parts.push_back(part);
         return Status{};
       }});
}

void FileImporter::RemoveParts(TakenFile& file) const {
  std::error_code ignored;
  for (const WrittenFile& part : file.parts) fs::remove(folder_ + "/" + part.path, ignored);
  file.parts.clear();
}

std::vector<DataFile> FileImporter::PartsOf(const TakenFile& file) const {
  std::vector<DataFile> files;
  for (const WrittenFile& part : file.parts)
    files.push_back({.path = folder_ + "/" + part.path, .rows = part.rows, .bytes = part.bytes});
  return files;
}

Result<std::unique_ptr<BatchReader>> FileImporter::Query(const Schema& schema,
                                                         std::vector<DataFile> files,
                                                         std::string sql) const {
  const JobSpec& spec = context_.spec();
  ReadRequest request{.threads = ThreadsOf(spec),
                      .memory_bytes = MemoryOf(spec),
                      .temp_folder = spec.work_folder + "/spill",
                      .cancel = context_.cancel()};
  request.datasets.push_back(SnapshotOf(spec.caller, "collected", schema, std::move(files)));
  request.sql = std::move(sql);
  return Read(spec.caller.For("collect"), request);
}

}  // namespace aimass
