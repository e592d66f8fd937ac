#include "datasets/send/job.h"

#include <algorithm>
#include <functional>

#include "datasets/collect/attempts.h"
#include "datasets/collect/digest.h"
#include "datasets/import/parts.h"
#include "datasets/read.h"
#include "datasets/send/fit.h"
#include "datasets/send/mode.h"
#include "sources/source.h"

namespace aimass {
namespace {

constexpr double kSent = 0.7;
constexpr double kCompared = 0.9;
constexpr std::size_t kNamedBuckets = 20;
constexpr std::size_t kNamedRows = 3;
constexpr std::string_view kDataset = "sent";  // what our SQL calls it

class Sending {
 public:
  Sending(JobContext& context, const ConnectorRegistry& connectors)
      : context_(context), connectors_(connectors), parameters_(context.spec().parameters) {}

  Result<Json> Run() {
    ASSIGN_OR_RETURN(dataset_, SnapshotFromJson(parameters_.at("dataset")));
    dataset_.name = kDataset;
    ASSIGN_OR_RETURN(source_, SourceSpecFromJson(parameters_.at("source")));
    ASSIGN_OR_RETURN(const std::string data_folder, GetString(parameters_, "data_folder"));
    ASSIGN_OR_RETURN(table_, GetString(parameters_, "table"));
    ASSIGN_OR_RETURN(const std::string mode, GetString(parameters_, "mode"));
    ASSIGN_OR_RETURN(mode_, SendModeFromName(mode));
    const SecretBox secrets(data_folder);
    return WithAttempts(context_, [&](bool) { return Attempt(secrets); });
  }

 private:
  Result<Json> Attempt(const SecretBox& secrets) {
    context_.Report({.fraction = 0.0, .step = Msg("connecting to the source"), .rows = {}});
    ASSIGN_OR_RETURN(const auto sink,
                     ConnectSink(context_.spec().caller, source_, connectors_, secrets));
    if (mode_ == SendMode::kAppend) {
      // A process may have died behind its commit.
      ASSIGN_OR_RETURN(const bool delivered, sink->Delivered(context_.spec().id));
      if (delivered) return Output();
    }
    ASSIGN_OR_RETURN(const SinkTable table, TableOf(*sink));
    ASSIGN_OR_RETURN(const Fit fit, FitInto(dataset_.schema, table_, table));
    const SqlQuery query = [this](std::string sql) { return Query(std::move(sql)); };
    RETURN_IF_ERROR(CheckValues(query, kDataset, dataset_.schema, fit));
    if (mode_ == SendMode::kUpsert) RETURN_IF_ERROR(CheckKey(query, kDataset, key_));
    ASSIGN_OR_RETURN(const auto writer, sink->Write({.table = table_,
                                                     .schema = fit.schema,
                                                     .mode = mode_,
                                                     .key = key_,
                                                     .id = context_.spec().id,
                                                     .cancel = context_.cancel()}));
    TableDigest sent(fit.schema, key_, fit.ignored);
    RETURN_IF_ERROR(EachBatch(fit, [&](const Batch& batch) -> Status {
      sent.Add(batch);
      RETURN_IF_ERROR(writer->Add(batch));
      Report(kSent, Msg("sending rows"), sent.rows());
      return {};
    }));
    RETURN_IF_ERROR(Compare(fit, sent, *writer));
    context_.Report({.fraction = kCompared, .step = Msg("putting the rows into the table")});
    RETURN_IF_ERROR(writer->Commit());
    return Output();
  }

  // The table, made where there is none.
  Result<SinkTable> TableOf(SinkConnection& sink) {
    ASSIGN_OR_RETURN(auto table, sink.Describe(table_));
    key_ = parameters_.value("key", std::vector<std::string>());
    if (!table) {
      if (mode_ == SendMode::kUpsert && key_.empty()) return NoKey();
      RETURN_IF_ERROR(CheckHas(key_));
      RETURN_IF_ERROR(sink.Create(table_, dataset_.schema, key_));
      created_ = true;
      context_.Log(Msg("table '{}' was made", table_));
      ASSIGN_OR_RETURN(table, sink.Describe(table_));
      if (!table) return Fail(ErrorCode::kUnavailable, "table '{}' is gone", table_);
    }
    if (mode_ != SendMode::kUpsert) {
      key_.clear();
    } else if (key_.empty()) {
      key_ = table->key;
      if (key_.empty()) return NoKey();
    }
    RETURN_IF_ERROR(CheckHas(key_));
    return std::move(*table);
  }

  [[nodiscard]] std::unexpected<Error> NoKey() const {
    return WithHint(Fail(ErrorCode::kUnprocessable,
                         "mode upsert needs a key, and table '{}' has no primary key", table_),
                    Msg("name the columns that tell its rows apart: key"));
  }

  [[nodiscard]] Status CheckHas(const std::vector<std::string>& columns) const {
    for (const std::string& column : columns) {
      if (dataset_.schema.Find(column)) continue;
      return Fail(ErrorCode::kUnprocessable, "the dataset has no column '{}', which is of the key",
                  column);
    }
    return {};
  }

  Result<std::unique_ptr<BatchReader>> Query(std::string sql) const {
    const JobSpec& spec = context_.spec();
    return Read(spec.caller.For("send"), {.datasets = {dataset_},
                                          .sql = std::move(sql),
                                          .threads = ThreadsOf(spec),
                                          .memory_bytes = MemoryOf(spec),
                                          .temp_folder = spec.work_folder + "/spill",
                                          .cancel = context_.cancel()});
  }

  Status EachBatch(const Fit& fit, const std::function<Status(const Batch&)>& use) const {
    std::string list;
    for (const std::string& column : fit.selected) list += (list.empty() ? "" : ", ") + column;
    ASSIGN_OR_RETURN(const auto rows, Query(fmt::format("SELECT {} FROM {}", list, kDataset)));
    return EachOf(*rows, use);
  }

  static Status EachOf(BatchReader& rows, const std::function<Status(const Batch&)>& use) {
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows.Next());
      if (!batch) return {};
      RETURN_IF_ERROR(use(*batch));
    }
  }

  Status EachAdded(SinkWriter& writer, const std::function<void(const Batch&)>& use) const {
    ASSIGN_OR_RETURN(const auto rows, writer.Added());
    return EachOf(*rows, [&](const Batch& batch) -> Status {
      use(batch);
      return {};
    });
  }

  // What the database keeps is what was sent.
  Status Compare(const Fit& fit, const TableDigest& sent, SinkWriter& writer) {
    TableDigest kept(fit.schema, key_, fit.ignored);
    RETURN_IF_ERROR(EachAdded(writer, [&](const Batch& batch) {
      kept.Add(batch);
      Report(kCompared, Msg("comparing with what was sent"), kept.rows());
    }));
    std::vector<std::size_t> buckets = sent.Differing(kept);
    if (buckets.empty()) return {};
    buckets.resize(std::min(buckets.size(), kNamedBuckets));
    RowsOfBuckets sent_rows(fit.schema, key_, buckets, fit.ignored);
    RowsOfBuckets kept_rows(fit.schema, key_, buckets, fit.ignored);
    RETURN_IF_ERROR(EachBatch(fit, [&](const Batch& batch) -> Status {
      sent_rows.Add(batch);
      return {};
    }));
    RETURN_IF_ERROR(EachAdded(writer, [&](const Batch& batch) { kept_rows.Add(batch); }));
    std::string named;
    for (const RowDifference& one : RowsOfBuckets::Compare(sent_rows, kept_rows, kNamedRows))
      named += fmt::format("{}{} {}", named.empty() ? "" : "; ", one.key, one.what);
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "the database keeps other values than were sent: {}",
             named),
        Msg("nothing was changed there; its columns may hold less, such as no parts of a second: "
            "change the values in SQL first"));
  }

  void Report(double until, Message step, std::int64_t rows) {
    const double part =
        dataset_.rows > 0
            ? std::min(1.0, static_cast<double>(rows) / static_cast<double>(dataset_.rows))
            : 1.0;
    const double from = until == kSent ? 0.0 : kSent;
    context_.Report(
        {.fraction = from + (until - from) * part, .step = std::move(step), .rows = rows});
  }

  [[nodiscard]] Json Output() const {
    return {{"rows", dataset_.rows}, {"table", table_}, {"created", created_}};
  }

  JobContext& context_;
  const ConnectorRegistry& connectors_;
  const Json& parameters_;
  DatasetSnapshot dataset_;
  SourceSpec source_;
  std::string table_;
  SendMode mode_ = SendMode::kAppend;
  std::vector<std::string> key_;
  bool created_ = false;
};

}  // namespace

void RegisterSendJob(JobKindRegistry& kinds, const ConnectorRegistry& connectors) {
  kinds.Add(
      {.name = "send",
       .label = {"Send to a source", "写回数据源"},
       .run = [&connectors](JobContext& context) { return Sending(context, connectors).Run(); }});
}

}  // namespace aimass
