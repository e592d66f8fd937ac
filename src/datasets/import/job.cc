// The jobs that make dataset versions: "import" from files, "derive" from SQL over datasets.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "datasets/catalog.h"
#include "datasets/delta/log.h"
#include "datasets/format.h"
#include "datasets/import/address.h"
#include "datasets/import/mapped.h"
#include "datasets/import/parts.h"
#include "datasets/import/prepare.h"
#include "datasets/import/rejects.h"
#include "datasets/import/writer.h"
#include "datasets/jobs.h"
#include "datasets/read.h"
#include "native/curl/download.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

constexpr double kFetched = 0.15;
constexpr double kPrepared = 0.3;
constexpr double kLoaded = 0.9;

TableWriter::Options WriterOptions(const JobContext& context, const std::string& folder) {
  const JobSpec& spec = context.spec();
  return {.folder = folder,
          .prefix = PartPrefix(spec.id),
          .threads = ThreadsOf(spec),
          .memory_bytes = MemoryOf(spec),
          .temp_folder = spec.work_folder + "/spill",
          .cancel = context.cancel()};
}

// Whether the same bytes may come when they are asked for again.
bool MayGoOn(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout;
}

// The checksum of a file, made while the file is imported.
class BackgroundSum {
 public:
  explicit BackgroundSum(const std::string& path)
      : thread_([this, path](const std::stop_token& stop) { sum_ = Sum(path, stop); }) {}
  [[nodiscard]] Result<std::string> Wait() {
    if (thread_.joinable()) thread_.join();
    return sum_;
  }

 private:
  // A piece at a time: where the import fails, nobody wants the rest.
  static Result<std::string> Sum(const std::string& path, const std::stop_token& stop) {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    Sha256Sum sum;
    std::string_view left = file.bytes();
    while (!left.empty() && !stop.stop_requested()) {
      sum.Add(left.substr(0, kPiece));
      left.remove_prefix(std::min(kPiece, left.size()));
    }
    return sum.Hex();
  }

  Result<std::string> sum_;
  std::jthread thread_;  // last: it uses the rest
};

// One import, from its parameters to files; every finished file is a point to go on from.
class Import {
 public:
  Import(JobContext& context, const FormatRegistry& formats)
      : context_(context), formats_(formats), parameters_(context.spec().parameters) {}

  Result<Json> Run() {
    sums_ = true;
    if (auto saved = context_.LoadCheckpoint()) state_ = std::move(*saved);
    ASSIGN_OR_RETURN(folder_, GetString(parameters_, "folder"));
    ASSIGN_OR_RETURN(const std::string mode, GetString(parameters_, "mode"));
    if (mode == "append") {
      ASSIGN_OR_RETURN(const std::string text, GetString(parameters_, "schema"));
      ASSIGN_OR_RETURN(wanted_, delta::SchemaFromDelta(text));
    }
    ASSIGN_OR_RETURN(const Prepared prepared, PrepareInput());
    if (OneOfMany()) {
      ASSIGN_OR_RETURN(const FormatType* const format, formats_.Find(prepared.format));
      if (!format->converts) wanted_ = {};
    }
    RETURN_IF_ERROR(OpenRejects());
    ASSIGN_OR_RETURN(std::unique_ptr<FormatReader> reader, OpenReader(prepared));
    RETURN_IF_ERROR(Load(*reader));
    ASSIGN_OR_RETURN(const Schema final_schema, Settle(*reader));
    RETURN_IF_ERROR(rejects_->Flush());
    if (rows_ == 0 && rejects_->count() > 0 && !OneOfMany()) {
      RemoveFiles();
      return FirstReject();
    }
    std::vector<Message> warnings = prepared.warnings;
    for (const Message& warning : reader->warnings()) warnings.push_back(warning);
    for (const Message& warning : warnings) context_.Log(warning);
    ASSIGN_OR_RETURN(std::string schema, delta::SchemaToDelta(final_schema));
    Json output{{"files", state_["files"]},
                {"schema", std::move(schema)},
                {"rows", rows_},
                {"rejected_rows", rejects_->count()},
                {"rejected_file", ""},
                {"format", prepared.format},
                {"source", state_.value("fetched", Json::object())}};
    if (sum_ != nullptr) {
      ASSIGN_OR_RETURN(output["source"]["sha256"], sum_->Wait());
    }
    Json texts = Json::array();
    for (const Message& warning : warnings) texts.push_back(ToJson(warning));
    output["warnings"] = std::move(texts);
    if (rejects_->count() > 0) {
      ASSIGN_OR_RETURN(output["rejected_file"], KeepRejects(context_.spec(), folder_));
    }
    return output;
  }

  Result<std::unique_ptr<FormatReader>> OpenWithoutImport() {
    if (auto saved = context_.LoadCheckpoint()) state_ = std::move(*saved);
    if (state_.contains("files")) return nullptr;  // an import began
    ASSIGN_OR_RETURN(const Prepared prepared, PrepareInput());
    ASSIGN_OR_RETURN(const FormatType* const format, formats_.Find(prepared.format));
    if (!format->typed) return nullptr;
    ASSIGN_OR_RETURN(FormatRequest request, RequestFor(prepared, *format));
    request.reject = {};  // this object is gone when the rows are read
    ASSIGN_OR_RETURN(auto reader, format->open(request));
    RETURN_IF_ERROR(CheckColumns(reader->schema()));
    if (!(delta::Storable(reader->schema()) == reader->schema())) return nullptr;
    for (const Message& warning : prepared.warnings) context_.Log(warning);
    return reader;
  }

 private:
  // One file of a table of many: that none of its rows can be read is no reason to give up, and
  // values with types of their own keep them, for whoever puts the files together.
  [[nodiscard]] bool OneOfMany() const { return parameters_.value("one_of_many", false); }

  void Report(double fraction, const Message& step) {
    Progress progress{.fraction = fraction, .step = step};
    if (rows_ > 0) progress.rows = rows_;
    context_.Report(progress);
  }

  Status Save() { return context_.SaveCheckpoint(state_); }

  Result<Prepared> PrepareInput() {
    const Json& source = parameters_.at("source");
    if (state_.contains("prepared")) {
      RETURN_IF_ERROR(BeginSum(source));
      return PreparedFromJson(state_["prepared"]);
    }
    PrepareRequest request{.work_folder = context_.spec().work_folder, .cancel = context_.cancel()};
    ASSIGN_OR_RETURN(request.name, GetString(source, "name"));
    ASSIGN_OR_RETURN(request.format, GetString(parameters_, "format", "auto"));
    ASSIGN_OR_RETURN(request.encoding, GetString(parameters_, "encoding", "auto"));
    if (source.contains("url")) RETURN_IF_ERROR(Download(source));
    ASSIGN_OR_RETURN(request.path, InputPath(source));
    RETURN_IF_ERROR(BeginSum(source));
    request.progress = [this](double fraction, const Message& step) {
      Report(kFetched + (kPrepared - kFetched) * fraction, step);
    };
    ASSIGN_OR_RETURN(Prepared prepared, Prepare(formats_, request));
    state_["prepared"] = ToJson(prepared);
    RETURN_IF_ERROR(Save());
    return prepared;
  }

  Result<std::string> InputPath(const Json& source) const {
    if (source.contains("url")) return context_.spec().work_folder + "/download";
    return GetString(source, "path");
  }

  Status BeginSum(const Json& source) {
    ASSIGN_OR_RETURN(const std::string path, InputPath(source));
    std::error_code error;
    if (sums_ && fs::is_regular_file(path, error)) sum_ = std::make_unique<BackgroundSum>(path);
    return {};
  }

  Status Download(const Json& source) {
    ASSIGN_OR_RETURN(const std::string path, InputPath(source));
    if (state_.contains("fetched")) return {};
    ASSIGN_OR_RETURN(const std::string data_folder, GetString(parameters_, "data_folder", ""));
    ASSIGN_OR_RETURN(const std::string url, WholeAddress(SecretBox(data_folder), source));
    curl::DownloadOptions options;
    options.public_only = !parameters_.value("private_addresses", false);
    options.on_start = [this](const std::string& validator) {
      state_["fetching"] = validator;
      static_cast<void>(Save());  // if it cannot be kept, a later attempt begins again
    };
    ASSIGN_OR_RETURN(options.max_bytes, GetInteger(parameters_, "max_bytes", options.max_bytes));
    const auto fetch = [&] {
      return curl::Fetch(
          url, path, state_.value("fetching", ""), options, context_.cancel(),
          [this](std::int64_t at, std::int64_t of) {
            Report(of > 0 ? kFetched * static_cast<double>(at) / static_cast<double>(of) : 0.0,
                   Msg("fetching: {} bytes", at));
          });
    };
    auto arrived = fetch();
    // As long as each attempt brings more, a connection that breaks is no reason to give up.
    for (std::uintmax_t had = 0; !arrived && MayGoOn(arrived.error());) {
      std::error_code error;
      const std::uintmax_t have = fs::file_size(path, error);
      if (error || have <= had || state_.value("fetching", "").empty()) break;
      had = have;
      context_.Log(Msg("'{}' broke off behind {} bytes; going on from there",
                       curl::WithoutSecrets(url), have));
      arrived = fetch();
    }
    if (!arrived) return std::unexpected(std::move(arrived).error());
    const curl::Download& done = *arrived;
    state_["fetched"] = {{"etag", done.etag},
                         {"last_modified", done.last_modified},
                         {"content_type", done.content_type},
                         {"bytes", done.bytes}};
    return Save();
  }

  Status OpenRejects() {
    ASSIGN_OR_RETURN(auto log, RejectLog::Open(RejectsPath(context_.spec()),
                                               state_.value("rejected_bytes", std::int64_t{0}),
                                               state_.value("rejected", std::int64_t{0})));
    rejects_ = std::make_unique<RejectLog>(std::move(log));
    return {};
  }

  Result<FormatRequest> RequestFor(const Prepared& prepared, const FormatType& format) {
    Settings given;
    const Json options = parameters_.value("options", Json::object());
    for (const auto& [name, value] : options.items()) {
      given[name] = value.get<std::string>();
    }
    ASSIGN_OR_RETURN(const auto types, TypesFromJson(parameters_.value("types", Json())));
    ASSIGN_OR_RETURN(const std::string on_error, GetString(parameters_, "on_error", "widen"));
    ASSIGN_OR_RETURN(const OnMisfit on_misfit, OnMisfitFromName(on_error));
    if (!format.converts && (!types.empty() || on_misfit != OnMisfit::kWiden)) {
      return WithHint(Fail(ErrorCode::kUnprocessable,
                           "values of format '{}' have types of their own; types and on_error are "
                           "for CSV and Excel",
                           format.name),
                      Msg("import it as it is, and convert by SQL: CAST(… AS …)"));
    }
    FormatRequest request{
        .files = prepared.files,
        .wanted = wanted_,
        .types = types,
        .on_misfit = on_misfit,
        .formats = &formats_,
        .reject =
            [this](const Reject& reject) { return muted_ ? Status{} : rejects_->Add(reject); },
        .temp_folder = context_.spec().work_folder + "/format",
        .threads = ThreadsOf(context_.spec()),
        .memory_bytes = MemoryOf(context_.spec()),
        .cancel = context_.cancel()};
    ASSIGN_OR_RETURN(request.settings, CheckFormatSettings(format, given));
    RETURN_IF_ERROR(MakeFolder(request.temp_folder));
    return request;
  }

  Result<std::unique_ptr<FormatReader>> OpenReader(const Prepared& prepared) {
    ASSIGN_OR_RETURN(const FormatType* const format, formats_.Find(prepared.format));
    ASSIGN_OR_RETURN(FormatRequest request, RequestFor(prepared, *format));
    Report(kPrepared, Msg("finding the columns"));
    muted_ = !state_.value("files", Json::array())
                  .empty();  // what is rejected while it opens was noted before
    ASSIGN_OR_RETURN(auto reader, format->open(request));
    if (!reader->schema().columns.empty() || rejects_->count() == 0)
      RETURN_IF_ERROR(CheckColumns(reader->schema()));
    return reader;
  }

  // The schema of what is written while the proposal stands.
  Result<Schema> Target(const Schema& found) const {
    if (wanted_.columns.empty()) return delta::Storable(found);
    RETURN_IF_ERROR(CheckAppend(wanted_, delta::Storable(found)));
    return wanted_;
  }

  Status Load(FormatReader& reader) {
    if (!state_.contains("files")) state_["files"] = Json::array();
    for (const Json& file : state_["files"]) rows_ += file.value("rows", std::int64_t{0});
    if (state_.value("loaded", false)) return Restore(reader);
    if (!state_["files"].empty()) RETURN_IF_ERROR(Restore(reader));
    // An append whose proposal cannot fit still reads everything: the whole file decides, and the
    // error then names the value and its line.
    const Schema target = wanted_.columns.empty() || !Target(reader.schema())
                              ? delta::Storable(reader.schema())
                              : wanted_;
    TableWriter::Options options = WriterOptions(context_, folder_);
    options.next_index = static_cast<int>(state_["files"].size());
    // All files that are written at once are one batch: what a crash can lose.
    const int at_once = TableWriter::FilesAtOnce(options.threads);
    options.max_rows /= at_once;
    options.max_bytes /= at_once;
    const std::int64_t limit = parameters_.value("rows_per_file", std::int64_t{0});
    if (limit > 0) options.max_rows = limit;
    ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(std::move(options)));
    const std::int64_t before = rows_;
    std::int64_t written = rows_;
    RETURN_IF_ERROR(writer.Write(
        reader, target,
        {.progress =
             [&](std::int64_t rows) {
               rows_ = before + rows;
               Report(kPrepared + (kLoaded - kPrepared) * reader.fraction(), Msg("reading rows"));
             },
         .mark = [&] { return Position(reader); },
         .done = [&](const WrittenFile& file, Json position) -> Status {
           written += file.rows;
           state_["files"].push_back(ToJson(file));
           state_.update(position);
           // A format that cannot go on within a file begins again.
           if (!state_["reader"].is_null()) RETURN_IF_ERROR(Save());
           context_.Log(Msg("{} rows are written", written));
           return {};
         }}));
    ASSIGN_OR_RETURN(const Json position, Position(reader));
    state_.update(position);
    state_["loaded"] = true;
    return Save();
  }

  // Where the reader stands, and the log of rejects with it.
  Result<Json> Position(const FormatReader& reader) {
    RETURN_IF_ERROR(rejects_->Flush());
    return Json{{"reader", reader.Checkpoint()},
                {"rejected", rejects_->count()},
                {"rejected_bytes", rejects_->bytes()}};
  }

  Status Restore(FormatReader& reader) {
    context_.Log(Msg("going on behind row {}", rows_));
    RETURN_IF_ERROR(reader.Restore(state_.value("reader", Json())));
    muted_ = false;
    return {};
  }

  // What the columns really are; those that were proposed wrongly are read again and put in place.
  Result<Schema> Settle(FormatReader& reader) {
    Report(kLoaded, Msg("checking the types of the columns"));
    const Schema loaded = reader.schema();
    ASSIGN_OR_RETURN(const Schema verified, reader.Verify());
    ASSIGN_OR_RETURN(const Schema target, TargetOrReason(reader, verified));
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i < verified.columns.size(); ++i) {
      if (verified.columns[i].type != loaded.columns[i].type) changed.push_back(i);
    }
    if (changed.empty() || rows_ == 0) return target;
    context_.Log(Msg("{} columns are read again", changed.size()));
    ASSIGN_OR_RETURN(auto columns, reader.ReadColumns(changed, verified));
    TableWriter::Options options = WriterOptions(context_, folder_);
    options.prefix += "-b";
    const std::int64_t rows = rows_;
    ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(std::move(options)));
    std::vector<std::string> paths;
    for (const Json& file : state_["files"])
      paths.push_back(folder_ + "/" + file["path"].get<std::string>());
    ASSIGN_OR_RETURN(auto merged, writer.Replace(paths, std::move(columns), target));
    Json files = Json::array();
    std::int64_t merged_rows = 0;
    RETURN_IF_ERROR(writer.Write(*merged, target,
                                 {.progress =
                                      [&](std::int64_t done) {
                                        Report(kLoaded + (1.0 - kLoaded) *
                                                             static_cast<double>(done) /
                                                             static_cast<double>(rows),
                                               Msg("reading some columns again"));
                                      },
                                  .mark = {},
                                  .done = [&](const WrittenFile& file, const Json&) -> Status {
                                    merged_rows += file.rows;
                                    files.push_back(ToJson(file));
                                    return {};
                                  }}));
    if (merged_rows != rows) {
      return Fail(ErrorCode::kInternal, "a column was read again with {} rows instead of {}",
                  merged_rows, rows);
    }
    RemoveFiles();
    state_["files"] = std::move(files);
    return target;
  }

  // An append that does not fit says which value, in which line, where the format knows it.
  Result<Schema> TargetOrReason(FormatReader& reader, const Schema& verified) {
    auto target = Target(verified);
    if (target) return target;
    RemoveFiles();
    Error error = std::move(target).error();
    const auto warnings = reader.warnings();
    if (!warnings.empty()) error.hint = warnings.back();
    return std::unexpected(std::move(error));
  }

  void RemoveFiles() {
    std::error_code ignored;
    for (const Json& file : state_["files"])
      fs::remove(folder_ + "/" + file["path"].get<std::string>(), ignored);
  }

  // Nothing but rejects is no success.
  std::unexpected<Error> FirstReject() const {
    const auto first = ReadRejects(RejectsPath(context_.spec()), 0, 1);
    const Json entry = first && !first->empty() ? first->front() : Json::object();
    auto failure =
        Fail(ErrorCode::kUnprocessable, "none of the {} rows could be read", rejects_->count());
    if (!entry.contains("reason")) return failure;
    const Message reason = MessageFromJson(entry["reason"]);
    return WithHint(std::move(failure),
                    Msg("the first is line {}: {}", entry.value("line", std::int64_t{0}),
                        Render(reason, Language::kEnglish)));
  }

  JobContext& context_;
  const FormatRegistry& formats_;
  const Json& parameters_;
  Json state_ = Json::object();
  std::string folder_;
  Schema wanted_;
  std::unique_ptr<RejectLog> rejects_;
  std::int64_t rows_ = 0;
  bool muted_ = false;
  bool sums_ = false;  // whether the input's checksum is wanted
  std::unique_ptr<BackgroundSum> sum_;
};

Result<Json> RunDerive(JobContext& context) {
  const JobSpec& spec = context.spec();
  const Json& parameters = spec.parameters;
  ASSIGN_OR_RETURN(const std::string folder, GetString(parameters, "folder"));
  ReadRequest request{.threads = ThreadsOf(spec),
                      .memory_bytes = MemoryOf(spec),
                      .temp_folder = spec.work_folder + "/spill",
                      .cancel = context.cancel()};
  ASSIGN_OR_RETURN(request.sql, GetString(parameters, "sql"));
  std::int64_t input_rows = 0;
  for (const Json& item : parameters.value("datasets", Json::array())) {
    ASSIGN_OR_RETURN(auto snapshot, SnapshotFromJson(item));
    input_rows += snapshot.rows;
    request.datasets.push_back(std::move(snapshot));
  }
  context.Report({.fraction = 0.05, .step = Msg("running the query over {} rows", input_rows)});
  ASSIGN_OR_RETURN(auto rows, Read(spec.caller.For("derive"), request));
  RETURN_IF_ERROR(CheckColumns(rows->schema()));
  const Schema target = delta::Storable(rows->schema());
  TableWriter::Options options = WriterOptions(context, folder);
  ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(std::move(options)));
  Json files = Json::array();
  std::int64_t written = 0;
  RETURN_IF_ERROR(writer.Write(
      *rows, target,
      {.progress =
           [&](std::int64_t done) {
             context.Report({.fraction = 0.5, .step = Msg("writing rows"), .rows = done});
           },
       .mark = {},
       .done = [&](const WrittenFile& file, const Json&) -> Status {
         written += file.rows;
         files.push_back(ToJson(file));
         return {};
       }}));
  ASSIGN_OR_RETURN(std::string schema, delta::SchemaToDelta(target));
  return Json{{"files", std::move(files)}, {"schema", std::move(schema)},
              {"rows", written},           {"rejected_rows", 0},
              {"rejected_file", ""},       {"warnings", Json::array()}};
}

}  // namespace

Result<Json> RunImport(JobContext& context, const FormatRegistry& formats) {
  return Import(context, formats).Run();
}

Result<std::unique_ptr<FormatReader>> OpenWithoutImport(JobContext& context,
                                                        const FormatRegistry& formats) {
  return Import(context, formats).OpenWithoutImport();
}

void RegisterDatasetJobs(JobKindRegistry& kinds, const FormatRegistry& formats) {
  kinds.Add({.name = "import", .label = {"Import", "导入"}, .run = [&formats](JobContext& context) {
               return RunImport(context, formats);
             }});
  kinds.Add({.name = "derive", .label = {"Derive by SQL", "SQL 派生"}, .run = RunDerive});
}

}  // namespace aimass
