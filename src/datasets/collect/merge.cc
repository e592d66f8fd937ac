#include "datasets/collect/merge.h"

#include <algorithm>
#include <utility>

#include "native/duckdb/database.h"

namespace aimass {
namespace {

using duckdb::QuoteName;

constexpr std::size_t kMaxSmallFiles = 16;
constexpr std::int64_t kSmallRows = 100'000;

class Merging {
 public:
  explicit Merging(const MergeRequest& request) : request_(request) {}

  Result<Merged> Run() {
    ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(request_.writer));
    // With multiplicities, so that a row that came twice is not taken for one.
    RETURN_IF_ERROR(WriteRows(
        writer, {Named("fresh", request_.fresh), Named("stored", request_.stored)},
        "SELECT * FROM fresh EXCEPT ALL SELECT * FROM stored AS s WHERE " + request_.touched,
        &merged_.changed));
    for (const WrittenFile& file : merged_.files) {
      added_.push_back({.path = request_.writer.folder + "/" + file.path,
                        .rows = file.rows,
                        .bytes = file.bytes});
    }
    ASSIGN_OR_RETURN(const std::vector<std::int64_t> drops, DropsOfFiles());
    std::vector<DataFile> rewritten;
    const bool compact = merged_.changed + merged_.dropped > 0 && TooManySmallFiles();
    for (std::size_t i = 0; i < drops.size(); ++i) {
      const DataFile& file = request_.stored[i];
      if (drops[i] == 0 && !(compact && file.rows < kSmallRows)) continue;
      rewritten.push_back(file);
      merged_.replaced.push_back(file.path);
    }
    if (rewritten.empty()) return std::move(merged_);
    std::int64_t kept = 0;
    std::int64_t expected = -merged_.dropped;
    for (const DataFile& file : rewritten) expected += file.rows;
    RETURN_IF_ERROR(WriteRows(
        writer, {Named("old", rewritten), Named("added", added_), Named("fresh", request_.fresh)},
        "SELECT * FROM old AS s WHERE NOT (" + Dropped() + ")", &kept));
    if (kept != expected) {
      return Fail(ErrorCode::kInternal, "{} rows of the dataset were to stay, but {} did", expected,
                  kept);
    }
    return std::move(merged_);
  }

 private:
  [[nodiscard]] DatasetSnapshot Named(std::string name, std::vector<DataFile> files) const {
    return SnapshotOf(request_.caller, std::move(name), request_.schema, std::move(files));
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Query(std::vector<DatasetSnapshot> datasets,
                                                           std::string sql) const {
    ReadRequest read = request_.limits;
    read.datasets = std::move(datasets);
    read.datasets.insert(read.datasets.end(), request_.beside.begin(), request_.beside.end());
    read.sql = std::move(sql);
    return Read(request_.caller, read);
  }

  Status WriteRows(TableWriter& writer, std::vector<DatasetSnapshot> datasets, std::string sql,
                   std::int64_t* rows) {
    ASSIGN_OR_RETURN(const auto reader, Query(std::move(datasets), std::move(sql)));
    return writer.Write(
        *reader, request_.schema,
        {.progress = {}, .mark = {}, .done = [&](const WrittenFile& file, const Json&) -> Status {
           *rows += file.rows;
           merged_.files.push_back(file);
           return {};
         }});
  }

  [[nodiscard]] std::string SameKey(std::string_view other) const {
    std::string condition;
    for (const std::string& column : request_.key) {
      const std::string name = QuoteName(column);
      condition +=
          fmt::format("{}{}.{} = s.{}", condition.empty() ? "" : " AND ", other, name, name);
    }
    return fmt::format("EXISTS (SELECT 1 FROM {} WHERE {})", other, condition);
  }

  // Of a stored row `s`: it has changed, or the source has it no more.
  [[nodiscard]] std::string Dropped() const {
    return fmt::format("{} OR ({} AND NOT {})", SameKey("added"), request_.touched,
                       SameKey("fresh"));
  }

  // How many rows of each stored file give way.
  Result<std::vector<std::int64_t>> DropsOfFiles() {
    std::vector<std::int64_t> drops(request_.stored.size(), 0);
    if (drops.empty()) return drops;
    std::vector<DatasetSnapshot> datasets{Named("added", added_), Named("fresh", request_.fresh)};
    std::string sql;
    for (std::size_t i = 0; i < drops.size(); ++i) {
      const std::string name = fmt::format("file_{}", i);
      sql += fmt::format("{}SELECT {} AS file, count(*) AS n FROM {} AS s WHERE {}",
                         sql.empty() ? "" : " UNION ALL ", i, name, Dropped());
      datasets.push_back(Named(name, {request_.stored[i]}));
    }
    ASSIGN_OR_RETURN(const auto rows, Query(std::move(datasets), std::move(sql)));
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) break;
      for (std::size_t row = 0; row < batch->num_rows(); ++row) {
        const std::int64_t count = batch->column(1).Int64(row);
        drops.at(static_cast<std::size_t>(batch->column(0).Int64(row))) = count;
        merged_.dropped += count;
      }
    }
    return drops;
  }

  [[nodiscard]] bool TooManySmallFiles() const {
    return static_cast<std::size_t>(std::ranges::count_if(
               request_.stored, [](const DataFile& file) { return file.rows < kSmallRows; })) >=
           kMaxSmallFiles;
  }

  const MergeRequest& request_;
  Merged merged_;
  std::vector<DataFile> added_;  // what changed, as files
};

}  // namespace

Result<Merged> Merge(const MergeRequest& request) { return Merging(request).Run(); }

DatasetSnapshot SnapshotOf(const Caller& caller, std::string name, const Schema& schema,
                           std::vector<DataFile> files) {
  DatasetSnapshot snapshot{.id = {},
                           .name = std::move(name),
                           .workspace = caller.workspace,
                           .version = 0,
                           .schema = schema,
                           .files = std::move(files),
                           .rows = 0};
  for (const DataFile& file : snapshot.files) snapshot.rows += file.rows;
  return snapshot;
}

}  // namespace aimass
