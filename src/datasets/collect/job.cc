#include "datasets/collect/job.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>

#include "base/clock.h"
#include "base/file.h"
#include "datasets/collect/attempts.h"
#include "datasets/collect/cursor.h"
#include "datasets/collect/files_job.h"
#include "datasets/collect/keyed.h"
#include "datasets/collect/keys.h"
#include "datasets/collect/merge.h"
#include "datasets/collect/reconcile.h"
#include "datasets/collect/touched.h"
#include "datasets/delta/log.h"
#include "datasets/import/parts.h"
#include "datasets/import/rejects.h"
#include "datasets/import/writer.h"
#include "datasets/read.h"
#include "native/duckdb/database.h"
#include "sources/source.h"
#include "table/decimal.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

constexpr double kCollected = 0.8;
constexpr int kFreezeAttempts = 5;  // until two connections see the same moment

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
    if (parameters_.contains("cursor")) {
      ASSIGN_OR_RETURN(cursor_, CursorFromJson(parameters_));
    }
    changes_ = parameters_.value("changes", false);
    secrets_.emplace(data_folder);
    RETURN_IF_ERROR(MakeFolder(folder_));
    return WithAttempts(context_, [this](bool) { return Attempt(); });
  }

 private:
  Result<std::unique_ptr<SourceConnection>> Open() {
    return Connect(context_.spec().caller, source_, connectors_, *secrets_);
  }

  Result<Json> Attempt() {
    RemoveFiles();
    context_.Report({.fraction = 0.0, .step = Msg("connecting to the source")});
    ASSIGN_OR_RETURN(const auto reading, Open());
    ASSIGN_OR_RETURN(const Connector* const connector, connectors_.Find(source_.kind));
    moment_ = connector->can.moment;
    std::unique_ptr<SourceConnection> checking;
    if (moment_) {
      ASSIGN_OR_RETURN(checking, Open());
    }
    ASSIGN_OR_RETURN(const bool same_moment,
                     moment_ ? FreezeBoth(*reading, *checking) : reading->Freeze(nullptr));
    RETURN_IF_ERROR(FindKey(*reading));
    if (cursor_) RETURN_IF_ERROR(FindStart(*reading));
    if (changes_) RETURN_IF_ERROR(FindChanges(*reading));
    // Rows by their keys are read twice on one connection rather than at two moments.
    if (touched_ && !same_moment) checking.reset();
    const auto touched = OnlyTouched(reading.get());
    const auto touched_beside = OnlyTouched(checking.get());
    SourceConnection* const from = touched ? touched.get() : reading.get();
    SourceConnection* const beside = touched_beside ? touched_beside.get() : checking.get();
    const std::string fresh = Later() ? FreshFolder() : folder_;
    ASSIGN_OR_RETURN(auto rows, OpenRows(*from));
    Reconciliation comparison(schema_, key_, beside != nullptr ? *beside : *from, request_,
                              moment_);
    if (beside != nullptr && !same_moment) comparison.DecideBy(*from);
    if (beside != nullptr) comparison.Begin();
    RETURN_IF_ERROR(Write(std::move(rows), fresh));
    if (cursor_) RETURN_IF_ERROR(SetAsideWithoutCursor(*reading));
    RETURN_IF_ERROR(rejects_->Flush());
    if (!Later() && written_ == 0 && rejects_->count() == 0 &&
        !parameters_.value("allow_empty", false)) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "the source gave no rows"),
                      Msg("if that may be, set allow_empty"));
    }
    if (cursor_) RETURN_IF_ERROR(CheckKeys(fresh));
    Json output = Json::object();
    if (Later()) {
      ASSIGN_OR_RETURN(output["merge"], MergeFresh(fresh));
    } else {
      files_ = written_files_;
      for (const WrittenFile& file : files_) after_.push_back(InFolder(folder_, file));
    }
    context_.Report({.fraction = kCollected, .step = Msg("comparing with the source"), .rows = {}});
    ASSIGN_OR_RETURN(Json checked,
                     comparison.Compare([this](const auto& use) { return EachOfFiles(use); },
                                        rejects_->count() - without_cursor_));
    checked["own_connection"] = comparison.source() != from;
    if (cursor_) {
      ASSIGN_OR_RETURN(output["positions"], Positions(*reading, fresh));
    }
    if (changes_ && checked["equal"].get<bool>()) {
      ASSIGN_OR_RETURN(output["positions"], PositionsInLog(*reading));
      output["advance"] = Advances();
    }
    ASSIGN_OR_RETURN(std::string schema, delta::SchemaToDelta(schema_));
    Json files = Json::array();
    std::int64_t bytes = 0;
    for (const WrittenFile& file : files_) {
      files.push_back(ToJson(file));
      bytes += file.bytes;
    }
    output.update({{"files", std::move(files)},
                   {"schema", std::move(schema)},
                   {"rows", changed_},
                   {"rows_read", changed_ + rejects_->count()},
                   {"bytes", bytes},
                   {"rejected_rows", rejects_->count()},
                   {"rejected_file", ""},
                   {"warnings", Json::array()},
                   {"check", std::move(checked)}});
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
    unique_ = false;
    if (request_.table.empty()) {
      if (cursor_) key_ = cursor_->key;
      return {};
    }
    ASSIGN_OR_RETURN(TableDescription description, reading.Describe(request_.table));
    key_ = description.key;
    unique_ = !key_.empty();
    candidates_ = CursorCandidates(description);
    expected_rows_ = description.rows.value_or(0);
    if (cursor_ && !cursor_->key.empty()) {
      auto given = cursor_->key;
      std::ranges::sort(given);
      std::ranges::sort(description.key);
      unique_ = unique_ && given == description.key;
      key_ = cursor_->key;
    }
    return {};
  }

  // Which rows come: all that have a cursor, or those from where the last run ended.
  Status FindStart(SourceConnection& reading) {
    if (key_.empty()) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable,
               "'{}' has no primary key, so that rows that changed cannot be told from new ones",
               From()),
          Msg("name the columns that tell its rows apart: key"));
    }
    start_.reset();
    request_.range.reset();
    request_.columns.clear();
    request_.as.reset();
    ASSIGN_OR_RETURN(const std::optional<std::int64_t> position, LastPosition());
    if (position) request_.as = base_.schema;
    ASSIGN_OR_RETURN(Schema columns, ColumnsOf(reading));
    for (const std::string& column : key_) {
      if (!columns.Find(column)) return NoColumn(column);
    }
    const auto place = columns.Find(cursor_->column);
    if (!place) return NoColumn(cursor_->column);
    const Type type = columns.columns[*place].type;
    if (!MayBeCursor(type)) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable, "'{}' cannot be a cursor: it is {}", cursor_->column,
               TypeName(type)),
          Msg("a cursor is a whole number, a date or a timestamp that grows with every change"));
    }
    request_.range = SourceRange{.column = cursor_->column, .type = type, .from = {}};
    if (!position) return {};
    const bool grows = reading.OnlyGrows(request_);
    start_ = grows ? *position + 1
                   : StartOf(type, *position, cursor_->overlap.value_or(DefaultOverlap(type)));
    request_.range->from = start_;
    if (grows) {
      // What its rows hold may differ from one to the next; the dataset's columns stay.
      for (const ColumnInfo& column : base_.schema.columns) request_.columns.push_back(column.name);
      ASSIGN_OR_RETURN(columns, ColumnsOf(reading));
    }
    RETURN_IF_ERROR(CheckSameColumns(delta::Storable(columns)));
    context_.Log(Msg("reading from {} on: {}", cursor_->column, CursorLiteral(type, *start_)));
    return {};
  }

  // Which rows come: all, or those that the source's log says have changed since the last run.
  Status FindChanges(SourceConnection& reading) {
    touched_.reset();
    request_.columns.clear();
    if (key_.empty()) {
      return WithHint(Fail(ErrorCode::kUnprocessable,
                           "'{}' has no primary key, by which changes are told", From()),
                      Msg("collect the table with mode full"));
    }
    ASSIGN_OR_RETURN(position_, reading.Position());
    ASSIGN_OR_RETURN(const std::optional<std::int64_t> last, LastPosition());
    if (!last) {  // what would keep the next run from going on is said now
      ASSIGN_OR_RETURN(const auto none,
                       reading.KeysSince(request_.table, position_, context_.cancel()));
      return {};
    }
    last_ = {.at = *last, .mark = Txn(MarkName(Name())).value_or(0)};
    ASSIGN_OR_RETURN(columns_, ColumnsOf(reading));
    if (const Status same = CheckSameColumns(delta::Storable(columns_)); !same) {
      context_.Log(same.error().message);
      return {};
    }
    ASSIGN_OR_RETURN(const auto keys, reading.KeysSince(request_.table, *last_, context_.cancel()));
    context_.Report({.fraction = 0.0, .step = Msg("reading the source's log of changes")});
    ASSIGN_OR_RETURN(TouchedKeys touched, TouchedKeys::Write(*keys, WriterOptions(KeysFolder())));
    if (keys->everything()) {
      context_.Log(
          Msg("everything is read anew: {}", Render(*keys->everything(), Language::kEnglish)));
      return {};
    }
    touched_ = std::move(touched);
    return {};
  }

  // Of a connection just the rows that changed; nothing where all are wanted.
  std::unique_ptr<SourceConnection> OnlyTouched(SourceConnection* connection) {
    if (!touched_ || connection == nullptr) return nullptr;
    return std::make_unique<KeyedConnection>(
        *connection,
        [this] { return touched_->Read(context_.spec().caller.For("collect"), Limits()); },
        columns_);
  }

  // Whether it changes a dataset, rather than to make it.
  [[nodiscard]] bool Later() const { return start_ || touched_; }

  // Where the last run ended, of the dataset that this one changes; none: everything is read.
  Result<std::optional<std::int64_t>> LastPosition() {
    const delta::Log log(folder_);
    ASSIGN_OR_RETURN(const std::int64_t latest, log.Latest());
    if (latest < 0 || parameters_.value("anew", false)) return std::optional<std::int64_t>();
    ASSIGN_OR_RETURN(base_, log.Read());
    return Txn(Name());
  }

  // What the dataset's log has by this name.
  [[nodiscard]] std::optional<std::int64_t> Txn(const std::string& name) const {
    const auto found = base_.txns.find(name);
    if (found == base_.txns.end() || found->second == delta::kNoPosition) return std::nullopt;
    return found->second;
  }

  [[nodiscard]] std::string Name() const {
    if (changes_) return ChangesName(source_.id, request_.table);
    return PositionName(source_.id, request_.table, request_.query, *cursor_);
  }
  [[nodiscard]] std::string From() const {
    return request_.table.empty() ? "query" : request_.table;
  }
  [[nodiscard]] std::string FreshFolder() const { return context_.spec().work_folder + "/fresh"; }
  [[nodiscard]] std::string KeysFolder() const { return context_.spec().work_folder + "/keys"; }

  [[nodiscard]] Status NoColumn(const std::string& column) const {
    auto failure =
        Fail(ErrorCode::kUnprocessable,
             "'{}' has no column '{}', by which the dataset is collected", From(), column);
    if (candidates_.empty()) return failure;
    return WithHint(std::move(failure), Msg("these may serve as a cursor: {}", candidates_));
  }

  // What the source has by now goes into the dataset's columns only where they are the same.
  [[nodiscard]] Status CheckSameColumns(const Schema& now) const {
    std::string changes;
    const auto note = [&](const std::string& change) {
      changes += (changes.empty() ? "" : "; ") + change;
    };
    for (const ColumnInfo& column : base_.schema.columns) {
      const auto at = now.Find(column.name);
      if (!at) {
        note(fmt::format("'{}' -", column.name));
      } else if (now.columns[*at].type != column.type) {
        note(fmt::format("'{}': {} → {}", column.name, TypeName(column.type),
                         TypeName(now.columns[*at].type)));
      }
    }
    for (const ColumnInfo& column : now.columns) {
      if (!base_.schema.Find(column.name)) note(fmt::format("'{}' +", column.name));
    }
    if (changes.empty()) return {};
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "the columns of the source changed: {}", changes),
        Msg("refresh the dataset with full: everything is read anew, with the new columns"));
  }

  Result<Schema> ColumnsOf(SourceConnection& reading) {
    SourceRead request = request_;
    request.limit = 1;
    request.reject = [](const BadRow&) { return Status{}; };
    ASSIGN_OR_RETURN(const auto rows, reading.Read(request));
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) return rows->schema();
    }
  }

  // A row without a cursor would never be seen again: it is named, whenever it is there.
  Status SetAsideWithoutCursor(SourceConnection& reading) {
    SourceRead request = request_;
    request.range->from.reset();
    request.range->nulls = true;
    std::int64_t number = 0;
    const auto set_aside = [&](std::string raw) {
      ++number;
      return rejects_->Add(
          {.file = From(),
           .line = number,
           .reason = Msg("column '{}' is empty: a row without a cursor cannot be collected by it",
                         cursor_->column),
           .raw = std::move(raw)});
    };
    request.reject = [&](const BadRow& row) { return set_aside(row.raw); };
    ASSIGN_OR_RETURN(const auto rows, reading.Read(request));
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) break;
      for (std::size_t row = 0; row < batch->num_rows(); ++row) {
        std::string raw = "{";
        for (std::size_t i = 0; i < batch->schema().columns.size(); ++i) {
          if (i > 0) raw += ',';
          AppendJsonText(raw, batch->schema().columns[i].name);
          raw += ':';
          AppendJsonValue(raw, batch->column(i), row);
        }
        RETURN_IF_ERROR(set_aside(raw + "}"));
      }
    }
    without_cursor_ = number;
    return {};
  }

  // Rows of these files by SQL over "collected".
  Result<std::unique_ptr<BatchReader>> Query(const std::vector<DataFile>& files,
                                             std::string sql) const {
    ReadRequest request = Limits();
    request.datasets.push_back(SnapshotOf(context_.spec().caller, "collected", schema_, files));
    if (touched_) request.datasets.push_back(touched_->Snapshot(context_.spec().caller));
    request.sql = std::move(sql);
    return Read(context_.spec().caller.For("collect"), request);
  }

  [[nodiscard]] ReadRequest Limits() const {
    return {.threads = ThreadsOf(context_.spec()),
            .memory_bytes = MemoryOf(context_.spec()),
            .temp_folder = context_.spec().work_folder + "/spill",
            .cancel = context_.cancel()};
  }

  static DataFile InFolder(const std::string& folder, const WrittenFile& file) {
    return {.path = folder + "/" + file.path, .rows = file.rows, .bytes = file.bytes};
  }
  [[nodiscard]] std::vector<DataFile> FreshFiles(const std::string& folder) const {
    std::vector<DataFile> files;
    for (const WrittenFile& file : written_files_) files.push_back(InFolder(folder, file));
    return files;
  }

  // Of a key that the source does not hold to be one.
  Status CheckKeys(const std::string& folder) {
    if (unique_ || written_ == 0) return {};
    return CheckKey([this, files = FreshFiles(folder)](
                        std::string sql) { return Query(files, std::move(sql)); },
                    "collected", key_);
  }

  // Puts what was read into the dataset; what the commit needs to know of it.
  Result<Json> MergeFresh(const std::string& fresh) {
    const JobSpec& spec = context_.spec();
    MergeRequest request{.caller = spec.caller.For("collect"),
                         .limits = Limits(),
                         .writer = WriterOptions(folder_),
                         .schema = base_.schema,
                         .key = key_,
                         .touched = Touched(),
                         .beside = {},
                         .stored = {},
                         .fresh = FreshFiles(fresh)};
    if (touched_) request.beside.push_back(touched_->Snapshot(spec.caller));
    for (const delta::FileEntry& file : base_.files) {
      request.stored.push_back(
          {.path = folder_ + "/" + file.path, .rows = file.rows, .bytes = file.bytes});
    }
    context_.Report({.fraction = kCollected, .step = Msg("merging into the dataset"), .rows = {}});
    ASSIGN_OR_RETURN(Merged merged, Merge(request));
    files_ = std::move(merged.files);
    changed_ = merged.changed;
    Json removed = Json::array();
    for (const DataFile& file : request.stored) {
      if (std::ranges::find(merged.replaced, file.path) == merged.replaced.end()) {
        after_.push_back(file);
      } else {
        removed.push_back(file.path.substr(folder_.size() + 1));
      }
    }
    for (const WrittenFile& file : files_) after_.push_back(InFolder(folder_, file));
    return Json{{"base_version", base_.version},
                {"removed", std::move(removed)},
                {"dropped_rows", merged.dropped}};
  }

  // The condition of SQL over the dataset, as "s", that the rows of this run fulfil.
  [[nodiscard]] std::string Touched() const {
    if (touched_) return touched_->Condition();
    return fmt::format("s.{} >= {}", duckdb::QuoteName(cursor_->column), Literal(*start_));
  }

  // Where in the source's log it is read to now, and by how many rows the source has more.
  Result<Json> PositionsInLog(SourceConnection& reading) {
    SourceRead all = request_;
    all.columns = {key_.front()};
    ASSIGN_OR_RETURN(const SourceTotals totals, reading.Totals(all));
    std::int64_t surplus = totals.rows;
    for (const DataFile& file : after_) surplus -= file.rows;
    const std::string name = SurplusName(Name());
    const bool compared = Later() && Txn(name) == 0 && rejects_->count() == 0;
    if (compared && surplus != 0) {
      return WithHint(Fail(ErrorCode::kUnprocessable,
                           "the source has {} rows, and the dataset {}: its log does not say of "
                           "every change",
                           totals.rows, totals.rows - surplus),
                      Msg("refresh the dataset with full"));
    }
    return Json{{Name(), position_.at}, {MarkName(Name()), position_.mark}, {name, surplus}};
  }

  // Whether the position is kept although no row changed: else the log would be read anew from
  // there each time, and end by reaching back no further than the server keeps it.
  [[nodiscard]] bool Advances() const {
    constexpr std::int64_t kReadAnew = std::int64_t{64} << 20;
    return !last_ || position_.at - last_->at > kReadAnew;
  }

  // The greatest cursor of these rows that is not of the future; nothing where there is none.
  Result<std::optional<std::int64_t>> PositionIn(const std::vector<DataFile>& files) {
    if (files.empty()) return std::optional<std::int64_t>();
    const std::string column = duckdb::QuoteName(cursor_->column);
    std::string sql = "SELECT max(" + column + ") FROM collected";
    if (const auto greatest = GreatestAt(request_.range->type, started_ms_))
      sql += fmt::format(" WHERE {} <= {}", column, Literal(*greatest));
    ASSIGN_OR_RETURN(const auto rows, Query(files, sql));
    ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (!batch || batch->column(0).IsNull(0)) return std::optional<std::int64_t>();
    const ColumnView value = batch->column(0);
    const bool decimal = value.type().kind == TypeKind::kDecimal;
    const Int128 found = decimal ? value.Decimal(0) : Int128{value.Int64(0)};
    if (found > std::numeric_limits<std::int64_t>::max() ||
        found <= std::numeric_limits<std::int64_t>::min()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' cannot be a cursor: it is {}", cursor_->column,
                  DecimalText(found, 0));
    }
    return std::optional<std::int64_t>(static_cast<std::int64_t>(found));
  }

  // A value of the cursor in the dataset's SQL.
  [[nodiscard]] std::string Literal(std::int64_t value) const {
    const std::size_t position = schema_.Find(cursor_->column).value_or(0);
    return fmt::format("CAST({} AS {})", CursorLiteral(request_.range->type, value),
                       duckdb::SqlType(schema_.columns[position].type));
  }

  // How far the source is read now; and whether it has more rows than ever came by.
  Result<Json> Positions(SourceConnection& reading, const std::string& fresh) {
    Json positions = Json::object();
    ASSIGN_OR_RETURN(const auto position, PositionIn(FreshFiles(fresh)));
    if (position) positions[Name()] = *position;
    SourceRead all = request_;
    all.range->from.reset();
    if (!all.table.empty()) all.columns = {cursor_->column};
    ASSIGN_OR_RETURN(const SourceTotals totals, reading.Totals(all));
    const std::string name = SurplusName(Name());
    const auto before = base_.txns.find(name);
    const bool compared = start_ && before != base_.txns.end();
    const std::int64_t known =
        (compared ? before->second : 0) + rejects_->count() - without_cursor_;
    std::int64_t surplus = totals.rows;
    for (const DataFile& file : after_) surplus -= file.rows;
    if (!moment_ && surplus > known) {
      // Rows that came since they were read count, and are none of a later run's surplus.
      ASSIGN_OR_RETURN(const SourceChanges changes, reading.Changes());
      if (changes.any) surplus = known;
    }
    positions[name] = surplus;
    if (totals.ever) positions[EverName(Name())] = *totals.ever;
    if (!start_) return positions;
    RETURN_IF_ERROR(CheckAllCame(totals));
    const std::int64_t late = surplus - known;
    if (!compared || late <= 0) return positions;
    return WithHint(
        Fail(ErrorCode::kUnprocessable,
             "{} rows came into the source behind the cursor: their '{}' is less than {}", late,
             cursor_->column, CursorLiteral(request_.range->type, *start_)),
        Msg("refresh the dataset with full, and set a greater overlap if that happens again"));
  }

  // Of a table that only grows: whether what it got since the last run is what came.
  [[nodiscard]] Status CheckAllCame(const SourceTotals& totals) const {
    const auto before = base_.txns.find(EverName(Name()));
    if (!totals.ever || before == base_.txns.end()) return {};
    const std::int64_t lost = *totals.ever - before->second - changed_ - rejects_->count();
    if (lost == 0) return {};
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "{} rows were removed from '{}' before they were collected",
             lost, From()),
        Msg("refresh the dataset with full, which takes what is there now; then collect more "
            "often, or keep more in the source"));
  }

  [[nodiscard]] TableWriter::Options WriterOptions(const std::string& folder) const {
    const JobSpec& spec = context_.spec();
    return {.folder = folder,
            .prefix = PartPrefix(spec.id),
            .threads = ThreadsOf(spec),
            .memory_bytes = MemoryOf(spec),
            .temp_folder = spec.work_folder + "/spill",
            .cancel = context_.cancel()};
  }

  // The rows to collect; the connection is theirs until they are destroyed.
  Result<std::unique_ptr<BatchReader>> OpenRows(SourceConnection& reading) {
    ASSIGN_OR_RETURN(auto log, RejectLog::Open(RejectsPath(context_.spec()), 0, 0));
    rejects_ = std::make_unique<RejectLog>(std::move(log));
    SourceRead request = request_;
    request.reject = [this, from = From()](const BadRow& row) {
      return rejects_->Add(
          {.file = from, .line = row.number, .reason = row.reason, .raw = row.raw});
    };
    ASSIGN_OR_RETURN(auto rows, reading.Read(request));
    RETURN_IF_ERROR(CheckColumns(rows->schema()));
    schema_ = delta::Storable(rows->schema());
    return rows;
  }

  Status Write(std::unique_ptr<BatchReader> rows, const std::string& folder) {
    ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(WriterOptions(folder)));
    RETURN_IF_ERROR(writer.Write(
        *rows, schema_,
        {.progress = [this, before = written_](std::int64_t read) { ReportRows(before + read); },
         .mark = {},
         .done = [this](const WrittenFile& file, const Json&) -> Status {
           written_ += file.rows;
           written_files_.push_back(file);
           context_.Log(Msg("{} rows are written", written_));
           return {};
         }}));
    changed_ = written_;
    return {};
  }

  void ReportRows(std::int64_t rows) {
    const double part =
        expected_rows_ > 0
            ? std::min(1.0, static_cast<double>(rows) / static_cast<double>(expected_rows_))
            : 0.5;
    context_.Report(
        {.fraction = kCollected * part, .step = Msg("reading the source"), .rows = rows});
  }

  // Hands every batch of the dataset's rows that this run touched to `use`, as its readers will
  // get them.
  Status EachOfFiles(const std::function<void(const Batch&)>& use) {
    if (after_.empty()) return {};
    ASSIGN_OR_RETURN(
        const auto rows,
        Query(after_, Later() ? "SELECT * FROM collected AS s WHERE " + Touched() : ""));
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) return {};
      use(*batch);
    }
  }

  // Of an earlier attempt, here or in a process that died.
  void RemoveFiles() {
    RemoveParts(folder_, context_.spec().id);
    std::error_code ignored;
    std::filesystem::remove_all(FreshFolder(), ignored);
    std::filesystem::remove_all(KeysFolder(), ignored);
    written_files_.clear();
    files_.clear();
    after_.clear();
    written_ = changed_ = without_cursor_ = 0;
    started_ms_ = NowUnixMs();
  }

  JobContext& context_;
  const ConnectorRegistry& connectors_;
  const Json& parameters_;
  std::string folder_;
  SourceSpec source_;
  SourceRead request_;
  std::optional<SecretBox> secrets_;
  std::optional<Cursor> cursor_;       // of an incremental collection
  std::optional<std::int64_t> start_;  // where its second and later runs begin
  bool changes_ = false;               // a collection by the source's log
  ChangePosition position_;            // in it, of this run
  std::optional<ChangePosition> last_;
  std::optional<TouchedKeys> touched_;  // what changed since the last run
  Schema columns_;                      // of the table
  delta::State base_;                   // the dataset that these change
  std::vector<std::string> key_;
  std::string candidates_;  // for a cursor
  bool unique_ = false;     // the source sees to it that the key is one
  bool moment_ = true;      // the source shows its rows as they are at one
  std::int64_t expected_rows_ = 0;
  Schema schema_;
  std::unique_ptr<RejectLog> rejects_;
  std::int64_t without_cursor_ = 0;         // of the rejects
  std::vector<WrittenFile> written_files_;  // what was read
  std::vector<WrittenFile> files_;          // what is new in the dataset
  std::vector<DataFile> after_;             // all that it holds then
  std::int64_t written_ = 0;
  std::int64_t changed_ = 0;  // of these: new to the dataset, or not as they were
  std::int64_t started_ms_ = 0;
};

}  // namespace

void RegisterCollectJob(JobKindRegistry& kinds, const ConnectorRegistry& connectors,
                        const FormatRegistry& formats) {
  kinds.Add({.name = "collect",
             .label = {"Collect from a source", "从数据源采集"},
             .run = [&connectors, &formats](JobContext& context) {
               if (context.spec().parameters.contains("files"))
                 return CollectFiles(context, connectors, formats);
               return Collection(context, connectors).Run();
             }});
}

}  // namespace aimass
