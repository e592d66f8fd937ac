// The job "predict" in its own process: read, score piece by piece, hand over.
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "datasets/delta/log.h"
#include "datasets/format.h"
#include "datasets/import/writer.h"
#include "datasets/jobs.h"
#include "datasets/parquet/join.h"
#include "datasets/read.h"
#include "endpoints/batch.h"
#include "endpoints/column_fit.h"
#include "endpoints/scored.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

constexpr double kRead = 0.3;  // of a file's job; a dataset needs no reading in
constexpr double kScored = 0.9;

// The same job, seen by the import of its input: another spec, and its checkpoint inside ours.
class InputContext final : public JobContext {
 public:
  InputContext(JobContext& outer, JobSpec spec, Json& state)
      : outer_(outer), spec_(std::move(spec)), state_(state) {}
  [[nodiscard]] const JobSpec& spec() const override { return spec_; }
  void Report(const Progress& progress) override {
    Progress scaled = progress;
    scaled.fraction *= kRead;
    outer_.Report(scaled);
  }
  void Log(const Message& line) override { outer_.Log(line); }
  [[nodiscard]] const CancelToken& cancel() const override { return outer_.cancel(); }
  [[nodiscard]] Status SaveCheckpoint(const Json& state) override {
    state_["import"] = state;
    return outer_.SaveCheckpoint(state_);
  }
  [[nodiscard]] std::optional<Json> LoadCheckpoint() const override {
    const auto found = state_.find("import");
    return found == state_.end() ? std::nullopt : std::optional<Json>(*found);
  }

 private:
  JobContext& outer_;
  JobSpec spec_;
  Json& state_;
};

class PredictJob {
 public:
  PredictJob(JobContext& context, const FormatRegistry& formats)
      : context_(context), formats_(formats), parameters_(context.spec().parameters) {}

  Result<Json> Run() {
    if (auto saved = context_.LoadCheckpoint()) state_ = std::move(*saved);
    RuntimeRegistry runtimes("runtime");
    RegisterAllRuntimes(runtimes);
    const Json model = parameters_.value("model", Json::object());
    ASSIGN_OR_RETURN(const std::string folder, GetString(model, "folder"));
    ASSIGN_OR_RETURN(const std::string checksum, GetString(model, "checksum"));
    ASSIGN_OR_RETURN(model_, LoadedModel::Load(folder, checksum, runtimes));
    ASSIGN_OR_RETURN(const std::string into, GetString(parameters_, "into", ""));
    if (!state_.contains("files")) state_["files"] = Json::array();
    for (const Json& file : state_["files"]) rows_ += file.value("rows", std::int64_t{0});
    if (rows_ > 0) context_.Log(Msg("going on behind row {}", rows_));
    ASSIGN_OR_RETURN(Input input, OpenInput());
    const std::string pieces = into.empty() ? context_.spec().work_folder + "/pieces" : into;
    RETURN_IF_ERROR(MakeFolder(pieces));
    RETURN_IF_ERROR(Score(std::move(input), pieces));
    Json output{{"rows", rows_},
                {"rejected_rows", state_.value("rejected", std::int64_t{0})},
                {"warnings", std::move(warnings_)}};
    if (!into.empty()) {
      output["files"] = state_["files"];
      ASSIGN_OR_RETURN(output["schema"], delta::SchemaToDelta(target_));
      return output;
    }
    ASSIGN_OR_RETURN(output["file"], WriteAnswer(pieces));
    return output;
  }

 private:
  [[nodiscard]] int Threads() const {
    return std::max(1, context_.spec().limits.threads > 0 ? context_.spec().limits.threads : 2);
  }
  [[nodiscard]] std::int64_t Memory() const {
    const std::int64_t limit = context_.spec().limits.memory_bytes;
    return limit > 0 ? limit / 4 : std::int64_t{512} << 20;
  }

  Status Save() { return context_.SaveCheckpoint(state_); }

  TableWriter::Options WriterOptions(const std::string& folder, const std::string& prefix) const {
    TableWriter::Options options;
    options.folder = folder;
    options.prefix = prefix;
    options.threads = Threads();
    options.memory_bytes = Memory();
    options.temp_folder = context_.spec().work_folder + "/spill";
    options.cancel = context_.cancel();
    return options;
  }

  // The rows behind those that have a prediction, and how far they are when so many were read.
  struct Input {
    std::unique_ptr<BatchReader> rows;
    std::function<double(std::int64_t rows)> fraction;
    std::function<Json()> position;  // of a file that is not imported first: what Restore() takes
  };

  Result<Input> OpenInput() {
    const Json& input = parameters_.at("input");
    if (const auto dataset = input.find("dataset"); dataset != input.end()) {
      ASSIGN_OR_RETURN(const DatasetSnapshot snapshot, SnapshotFromJson(*dataset));
      return FromSnapshot(snapshot, 0.0);
    }
    if (const auto done = state_.find("input"); done != state_.end()) {
      ASSIGN_OR_RETURN(const DatasetSnapshot snapshot, SnapshotFromJson(*done));
      return FromSnapshot(snapshot, kRead);
    }
    return OpenFile(input);
  }

  Result<Input> FromSnapshot(const DatasetSnapshot& snapshot, double start) {
    ASSIGN_OR_RETURN(auto rows, ReadRows(snapshot, rows_));
    const auto total = static_cast<double>(std::max<std::int64_t>(snapshot.rows, 1));
    return Input{.rows = std::move(rows),
                 .fraction =
                     [=](std::int64_t done) {
                       return start + (kScored - start) * static_cast<double>(done) / total;
                     },
                 .position = [] { return Json(); }};
  }

  // A file by way of the import's own code, so that its cells mean what they meant in training. It
  // is imported first where its types show only when every row was read.
  Result<Input> OpenFile(const Json& input) {
    JobSpec spec = context_.spec();
    const std::string folder = spec.work_folder + "/input";
    RETURN_IF_ERROR(MakeFolder(folder));
    spec.work_folder += "/import";
    RETURN_IF_ERROR(MakeFolder(spec.work_folder));
    spec.kind = "import";
    spec.parameters = {{"folder", folder},
                       {"mode", "create"},
                       {"source", {{"path", input.at("path")}, {"name", input.at("name")}}},
                       {"format", input.value("format", "auto")},
                       {"options", input.value("options", Json::object())}};
    InputContext inner(context_, spec, state_);
    ASSIGN_OR_RETURN(auto typed, OpenWithoutImport(inner, formats_));
    if (typed != nullptr) {
      if (rows_ > 0) RETURN_IF_ERROR(typed->Restore(state_.value("reader", Json())));
      const FormatReader& reader = *typed;  // lives as long as `rows`
      return Input{.rows = std::move(typed),
                   .fraction = [&reader](std::int64_t) { return kScored * reader.fraction(); },
                   .position = [&reader] { return reader.Checkpoint(); }};
    }
    ASSIGN_OR_RETURN(const Json read, RunImport(inner, formats_));
    DatasetSnapshot snapshot;
    snapshot.id = spec.id;
    snapshot.name = "input";
    snapshot.workspace = spec.caller.workspace;
    ASSIGN_OR_RETURN(const std::string schema, GetString(read, "schema"));
    ASSIGN_OR_RETURN(snapshot.schema, delta::SchemaFromDelta(schema));
    for (const Json& file : read.at("files")) {
      ASSIGN_OR_RETURN(const std::string path, GetString(file, "path"));
      ASSIGN_OR_RETURN(const std::int64_t rows, GetInteger(file, "rows"));
      ASSIGN_OR_RETURN(const std::int64_t bytes, GetInteger(file, "bytes"));
      snapshot.files.push_back({.path = folder + "/" + path, .rows = rows, .bytes = bytes});
      snapshot.rows += rows;
    }
    ASSIGN_OR_RETURN(const std::int64_t rejected, GetInteger(read, "rejected_rows", 0));
    if (rejected > 0)
      context_.Log(Msg("{} rows could not be read: no prediction for them", rejected));
    state_["rejected"] = rejected;
    state_["input"] = ToJson(snapshot);
    state_.erase("import");
    RETURN_IF_ERROR(Save());
    return FromSnapshot(snapshot, kRead);
  }

  Result<std::unique_ptr<BatchReader>> ReadRows(const DatasetSnapshot& snapshot,
                                                std::int64_t offset) {
    ReadRequest request{.datasets = {snapshot},
                        .sql = {},
                        .columns = {},
                        .offset = offset,
                        .threads = Threads(),
                        .memory_bytes = Memory(),
                        .temp_folder = context_.spec().work_folder + "/spill",
                        .cancel = context_.cancel()};
    return Read(context_.spec().caller.For("predict"), request);
  }

  Status Score(Input input, const std::string& pieces) {
    const std::int64_t before = rows_;
    const Scorer scorer(model_, input.rows->schema());
    target_ = delta::Storable(scorer.schema());
    ASSIGN_OR_RETURN(ColumnFit fit, ColumnFit::Make(*model_, input.rows->schema()));
    fit.Remember(state_.value("misfits", Json::object()));
    TableWriter::Options options = WriterOptions(pieces, "part-" + context_.spec().id);
    options.next_index = static_cast<int>(state_["files"].size());
    // All pieces that a crash can lose are one batch together.
    const std::int64_t batch =
        std::max<std::int64_t>(parameters_.value("batch_rows", std::int64_t{200'000}), 1);
    options.max_rows = std::max<std::int64_t>(batch / TableWriter::FilesAtOnce(Threads()), 1);
    ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(std::move(options)));
    const auto report = [&](std::int64_t rows) {
      context_.Report({.fraction = input.fraction(before + rows),
                       .step = Msg("predicting"),
                       .rows = before + rows,
                       .eta_ms = {}});
    };
    RETURN_IF_ERROR(
        writer.Write(*input.rows, target_,
                     {.progress = report,
                      .mark = [&input] { return Result<Json>(input.position()); },
                      .change = [&](auto rows) { return scorer.Reader(std::move(rows), &fit); },
                      .done = [&](const WrittenFile& file, Json position) -> Status {
                        const bool whole = rows_ / batch != (rows_ + file.rows) / batch;
                        rows_ += file.rows;
                        state_["files"].push_back(ToJson(file));
                        state_["reader"] = std::move(position);
                        state_["misfits"] = fit.Misfits();
                        RETURN_IF_ERROR(Save());
                        if (whole) context_.Log(Msg("{} rows have a prediction", rows_));
                        return {};
                      }}));
    warnings_ = fit.Warnings();
    return {};
  }

  // All pieces in one file, in order.
  Result<std::string> WriteAnswer(const std::string& pieces) {
    ASSIGN_OR_RETURN(const std::string folder, GetString(parameters_, "result"));
    ASSIGN_OR_RETURN(const std::string format, GetString(parameters_, "format"));
    context_.Report(
        {.fraction = kScored, .step = Msg("writing the answer"), .rows = rows_, .eta_ms = {}});
    RETURN_IF_ERROR(MakeFolder(folder));
    const std::string name = "predictions." + format;
    if (format == "parquet") {
      std::vector<std::string> paths;
      for (const Json& file : state_["files"])
        paths.push_back(pieces + "/" + file.value("path", ""));
      if (paths.empty()) return Fail(ErrorCode::kUnprocessable, "the input has no rows");
      ASSIGN_OR_RETURN(const std::int64_t joined,
                       JoinParquet(paths, folder + "/" + name, context_.cancel()));
      if (joined != rows_) {
        return Fail(ErrorCode::kInternal, "the answer got {} rows instead of {}", joined, rows_);
      }
      return name;
    }
    DatasetSnapshot scored{.id = context_.spec().id,
                           .name = "scored",
                           .workspace = context_.spec().caller.workspace,
                           .version = 0,
                           .schema = target_,
                           .files = {},
                           .rows = rows_};
    for (const Json& file : state_["files"]) {
      scored.files.push_back({.path = pieces + "/" + file.value("path", ""),
                              .rows = file.value("rows", std::int64_t{0}),
                              .bytes = file.value("bytes", std::int64_t{0})});
    }
    ASSIGN_OR_RETURN(auto rows, ReadRows(scored, 0));
    ASSIGN_OR_RETURN(const FormatType* type, formats_.Find(format));
    if (type->encoder == nullptr) {
      return Fail(ErrorCode::kUnsupported, "this build does not write '{}' files", format);
    }
    const auto encoder = type->encoder();
    const std::string temporary = folder + "/" + name + ".part";
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    ASSIGN_OR_RETURN(const std::string head, encoder->Begin(rows->schema()));
    out << head;
    for (;;) {
      ASSIGN_OR_RETURN(const auto batch, rows->Next());
      if (!batch) break;
      RETURN_IF_ERROR(context_.cancel().Check());
      ASSIGN_OR_RETURN(const std::string piece, encoder->Encode(*batch));
      out << piece;
      if (!out) break;
    }
    out.close();
    if (!out) return std::unexpected(SystemError(errno, "write", temporary));
    RETURN_IF_ERROR(SyncPath(temporary));
    std::error_code error;
    fs::rename(temporary, folder + "/" + name, error);
    if (error) return std::unexpected(SystemError(error.value(), "rename", folder + "/" + name));
    RETURN_IF_ERROR(SyncPath(folder));
    return name;
  }

  JobContext& context_;
  const FormatRegistry& formats_;
  const Json& parameters_;
  Json state_ = Json::object();
  std::shared_ptr<const LoadedModel> model_;
  Schema target_;
  Json warnings_ = Json::array();  // for people, of the columns
  std::int64_t rows_ = 0;
};

}  // namespace

void RegisterPredictJob(JobKindRegistry& kinds, const FormatRegistry& formats) {
  kinds.Add(
      {.name = "predict", .label = {"Predict", "预测"}, .run = [&formats](JobContext& context) {
         return PredictJob(context, formats).Run();
       }});
}

}  // namespace aimass
