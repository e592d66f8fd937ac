#include "datasets/collect/job.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "base/file.h"
#include "datasets/collect/digest.h"
#include "datasets/delta/log.h"
#include "datasets/import/parts.h"
#include "datasets/import/rejects.h"
#include "datasets/import/writer.h"
#include "datasets/read.h"
#include "sources/source.h"
#include "table/decimal.h"

namespace aimass {
namespace {

constexpr double kCollected = 0.6;
constexpr int kAttempts = 3;        // after a connection that broke
constexpr int kFreezeAttempts = 5;  // until two connections see the same moment
constexpr std::size_t kNamedBuckets = 8;
constexpr std::size_t kNamedRows = 20;

// The sum of a column, as the source should have it.
struct Sum {
  std::string column;
  std::size_t position;
  Int128 total = 0;
  bool any = false;
};

// One collection, from its parameters to files that equal the source.
class Collection {
 public:
  Collection(JobContext& context, const ConnectorRegistry& connectors)
      : context_(context), connectors_(connectors), parameters_(context.spec().parameters) {}

  Result<Json> Run() {
    ASSIGN_OR_RETURN(folder_, GetString(parameters_, "folder"));
    ASSIGN_OR_RETURN(const std::string data_folder, GetString(parameters_, "data_folder"));
    ASSIGN_OR_RETURN(source_, SourceSpecFromJson(parameters_.at("source")));
    ASSIGN_OR_RETURN(request_.table, GetString(parameters_, "table", ""));
    ASSIGN_OR_RETURN(request_.query, GetString(parameters_, "query", ""));
    request_.cancel = context_.cancel();
    secrets_.emplace(data_folder);
    RETURN_IF_ERROR(MakeFolder(folder_));
    for (int attempt = 1;; ++attempt) {
      auto output = Attempt();
      if (output || output.error().code != ErrorCode::kUnavailable || attempt == kAttempts)
        return output;
      context_.Log(Msg("{}; from the beginning, attempt {}",
                       Render(output.error().message, Language::kEnglish), attempt + 1));
      std::this_thread::sleep_for(std::chrono::seconds(attempt));
      RETURN_IF_ERROR(context_.cancel().Check());
    }
  }

 private:
  Result<std::unique_ptr<SourceConnection>> Open() {
    return Connect(context_.spec().caller, source_, connectors_, *secrets_);
  }

  Result<Json> Attempt() {
    RemoveFiles();
    context_.Report({.fraction = 0.0, .step = Msg("connecting to the source")});
    ASSIGN_OR_RETURN(const auto reading, Open());
    ASSIGN_OR_RETURN(auto checking, Open());
    ASSIGN_OR_RETURN(const bool beside, FreezeBoth(*reading, *checking));
    // Where the source does not say that both see the same moment, the first one looks again.
    SourceConnection& checker = beside ? *checking : *reading;
    if (!beside) checking.reset();
    RETURN_IF_ERROR(FindKey(*reading));
    RETURN_IF_ERROR(Write(*reading));
    if (written_ == 0 && rejects_->count() == 0 && !parameters_.value("allow_empty", false)) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "the source gave no rows"),
                      Msg("if that may be, set allow_empty"));
    }
    ASSIGN_OR_RETURN(Json checked, Reconcile(checker));
    checked["own_connection"] = beside;
    ASSIGN_OR_RETURN(std::string schema, delta::SchemaToDelta(schema_));
    Json output{{"files", files_},
                {"schema", std::move(schema)},
                {"rows", written_},
                {"rows_read", written_ + rejects_->count()},
                {"bytes", bytes_},
                {"rejected_rows", rejects_->count()},
                {"rejected_file", ""},
                {"warnings", Json::array()},
                {"check", std::move(checked)}};
    if (rejects_->count() > 0) {
      ASSIGN_OR_RETURN(output["rejected_file"], KeepRejects(context_.spec(), folder_));
    }
    return output;
  }

  Result<bool> FreezeBoth(SourceConnection& reading, SourceConnection& checking) {
    for (int attempt = 0; attempt < kFreezeAttempts; ++attempt) {
      RETURN_IF_ERROR(reading.Freeze(nullptr));
      ASSIGN_OR_RETURN(const bool same, checking.Freeze(&reading));
      if (same) return true;
    }
    return false;
  }

  Status FindKey(SourceConnection& reading) {
    key_.clear();
    expected_rows_ = 0;
    if (request_.table.empty()) return {};
    ASSIGN_OR_RETURN(const TableDescription description, reading.Describe(request_.table));
    key_ = description.key;
    expected_rows_ = description.rows.value_or(0);
    return {};
  }

  Status Write(SourceConnection& reading) {
    const JobSpec& spec = context_.spec();
    ASSIGN_OR_RETURN(auto log, RejectLog::Open(RejectsPath(spec), 0, 0));
    rejects_ = std::make_unique<RejectLog>(std::move(log));
    SourceRead request = request_;
    const std::string from = request_.table.empty() ? "query" : request_.table;
    request.reject = [this, from](const BadRow& row) {
      return rejects_->Add(
          {.file = from, .line = row.number, .reason = row.reason, .raw = row.raw});
    };
    ASSIGN_OR_RETURN(const auto rows, reading.Read(request));
    RETURN_IF_ERROR(CheckColumns(rows->schema()));
    schema_ = delta::Storable(rows->schema());
    TableWriter::Options options{.folder = folder_,
                                 .prefix = PartPrefix(spec.id),
                                 .threads = ThreadsOf(spec),
                                 .memory_bytes = MemoryOf(spec),
                                 .temp_folder = spec.work_folder + "/spill",
                                 .cancel = context_.cancel()};
    ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(std::move(options)));
    RETURN_IF_ERROR(writer.Write(
        *rows, schema_,
        {.progress = [this, before = written_](std::int64_t read) { ReportRows(before + read); },
         .mark = {},
         .done = [this](const WrittenFile& file, const Json&) -> Status {
           written_ += file.rows;
           bytes_ += file.bytes;
           files_.push_back(ToJson(file));
           context_.Log(Msg("{} rows are written", written_));
           return {};
         }}));
    return rejects_->Flush();
  }

  void ReportRows(std::int64_t rows) {
    const double part =
        expected_rows_ > 0
            ? std::min(1.0, static_cast<double>(rows) / static_cast<double>(expected_rows_))
            : 0.5;
    context_.Report(
        {.fraction = kCollected * part, .step = Msg("reading the source"), .rows = rows});
  }

  // Hands every batch of the source, read anew, to `use`.
  template <typename Use>
  Status EachOfSource(SourceConnection& checker, Use use) {
    SourceRead request = request_;
    std::int64_t rejected = 0;
    request.reject = [&rejected](const BadRow&) {
      ++rejected;
      return Status{};
    };
    ASSIGN_OR_RETURN(const auto rows, checker.Read(request));
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) break;
      use(*batch);
    }
    rejected_again_ = rejected;
    return {};
  }

  // Hands every batch of the files to `use`, as the dataset's readers will get it.
  template <typename Use>
  Status EachOfFiles(Use use) {
    DatasetSnapshot snapshot{.id = parameters_.value("dataset", ""),
                             .name = "collected",
                             .workspace = context_.spec().caller.workspace,
                             .version = 0,
                             .schema = schema_,
                             .files = {},
                             .rows = written_};
    for (const Json& file : files_) {
      snapshot.files.push_back({.path = folder_ + "/" + file["path"].get<std::string>(),
                                .rows = file["rows"].get<std::int64_t>(),
                                .bytes = file["bytes"].get<std::int64_t>()});
    }
    if (snapshot.files.empty()) return {};
    ReadRequest request{.threads = ThreadsOf(context_.spec()),
                        .memory_bytes = MemoryOf(context_.spec()),
                        .cancel = context_.cancel()};
    request.datasets.push_back(std::move(snapshot));
    ASSIGN_OR_RETURN(const auto rows, Read(context_.spec().caller.For("collect"), request));
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) return {};
      use(*batch);
    }
  }

  Result<Json> Reconcile(SourceConnection& checker) {
    context_.Report({.fraction = kCollected, .step = Msg("comparing with the source"), .rows = {}});
    TableDigest at_source(schema_, key_);
    TableDigest stored(schema_, key_);
    RETURN_IF_ERROR(EachOfSource(checker, [&](const Batch& batch) { at_source.Add(batch); }));
    const std::int64_t rejected_again = rejected_again_;
    ASSIGN_OR_RETURN(const SourceTotals totals, checker.Totals(request_));
    std::vector<Sum> sums = SumsOf(totals);
    RETURN_IF_ERROR(EachOfFiles([&](const Batch& batch) {
      stored.Add(batch);
      AddUp(batch, sums);
    }));
    std::vector<std::size_t> buckets = at_source.Differing(stored);
    Json result{{"rows_in_source", totals.rows}, {"rows_compared", at_source.rows()}};
    Json differences = Json::array();
    if (!buckets.empty()) {
      if (buckets.size() > kNamedBuckets) buckets.resize(kNamedBuckets);
      RowsOfBuckets source_rows(schema_, key_, buckets);
      RowsOfBuckets stored_rows(schema_, key_, buckets);
      RETURN_IF_ERROR(EachOfSource(checker, [&](const Batch& batch) { source_rows.Add(batch); }));
      RETURN_IF_ERROR(EachOfFiles([&](const Batch& batch) { stored_rows.Add(batch); }));
      for (const RowDifference& one : RowsOfBuckets::Compare(source_rows, stored_rows, kNamedRows))
        differences.push_back(ToJson(one));
    }
    const std::int64_t rejected = rejects_->count();
    if (totals.rows != written_ + rejected || rejected_again != rejected) {
      differences.push_back({{"key", "COUNT(*)"},
                             {"what", fmt::format("{} / {}", written_ + rejected, totals.rows)}});
    }
    if (rejected == 0) CompareSums(totals, sums, differences);
    result["equal"] = buckets.empty() && differences.empty();
    result["difference"] = std::move(differences);
    return result;
  }

  [[nodiscard]] std::vector<Sum> SumsOf(const SourceTotals& totals) const {
    std::vector<Sum> sums;
    for (const SourceTotals::Sum& sum : totals.sums) {
      const auto position = schema_.Find(sum.column);
      if (position) sums.push_back({.column = sum.column, .position = *position});
    }
    return sums;
  }

  static void AddUp(const Batch& batch, std::vector<Sum>& sums) {
    for (Sum& sum : sums) {
      const ColumnView column = batch.column(sum.position);
      for (std::size_t row = 0; row < batch.num_rows(); ++row) {
        if (column.IsNull(row)) continue;
        sum.any = true;
        if (column.type().kind == TypeKind::kDecimal) {
          sum.total += column.Decimal(row);
        } else if (IsNumeric(column.type())) {
          sum.total += column.Int64(row);
        }
      }
    }
  }

  void CompareSums(const SourceTotals& totals, const std::vector<Sum>& sums,
                   Json& differences) const {
    for (const Sum& sum : sums) {
      const Type& type = schema_.columns[sum.position].type;
      if (!IsNumeric(type)) continue;  // a decimal of more than 38 digits is a text
      const std::string mine =
          sum.any ? DecimalText(sum.total, type.kind == TypeKind::kDecimal ? type.scale : 0) : "";
      for (const SourceTotals::Sum& theirs : totals.sums) {
        if (theirs.column != sum.column || theirs.value == mine) continue;
        differences.push_back({{"key", fmt::format("SUM({})", sum.column)},
                               {"what", fmt::format("{} / {}", mine, theirs.value)}});
      }
    }
  }

  // Of an earlier attempt, here or in a process that died.
  void RemoveFiles() {
    RemoveParts(folder_, context_.spec().id);
    files_ = Json::array();
    written_ = 0;
    bytes_ = 0;
  }

  JobContext& context_;
  const ConnectorRegistry& connectors_;
  const Json& parameters_;
  std::string folder_;
  SourceSpec source_;
  SourceRead request_;
  std::optional<SecretBox> secrets_;
  std::vector<std::string> key_;
  std::int64_t expected_rows_ = 0;
  Schema schema_;
  std::unique_ptr<RejectLog> rejects_;
  std::int64_t rejected_again_ = 0;
  Json files_ = Json::array();
  std::int64_t written_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace

void RegisterCollectJob(JobKindRegistry& kinds, const ConnectorRegistry& connectors) {
  kinds.Add({.name = "collect",
             .label = {"Collect from a source", "从数据源采集"},
             .run = [&connectors](JobContext& context) {
               return Collection(context, connectors).Run();
             }});
}

}  // namespace aimass
