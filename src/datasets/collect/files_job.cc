#include "datasets/collect/files_job.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/file.h"
#include "datasets/collect/attempts.h"
#include "datasets/collect/files_import.h"
#include "datasets/delta/log.h"
#include "datasets/import/parts.h"
#include "sources/source.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

constexpr double kCollected = 0.7;
constexpr double kFitted = 0.85;
constexpr std::size_t kNamed = 20;

// The tags of a part: docs/formats/dataset.md
constexpr const char* kPath = "aimass.file";
constexpr const char* kBytes = "aimass.file.bytes";
constexpr const char* kState = "aimass.file.state";
constexpr const char* kSum = "aimass.file.sha256";

// A file that the dataset holds.
struct Known {
  std::string bytes;
  std::string state;
  std::string sha256;
  std::vector<std::string> parts;
};

class FilesCollection {
 public:
  FilesCollection(JobContext& context, const ConnectorRegistry& connectors,
                  const FormatRegistry& formats)
      : context_(context),
        connectors_(connectors),
        formats_(formats),
        parameters_(context.spec().parameters) {}

  Result<Json> Run() {
    ASSIGN_OR_RETURN(folder_, GetString(parameters_, "folder"));
    ASSIGN_OR_RETURN(here_.data_folder, GetString(parameters_, "data_folder"));
    here_.private_addresses = parameters_.value("private_addresses", false);
    ASSIGN_OR_RETURN(source_, SourceSpecFromJson(parameters_.at("source")));
    ASSIGN_OR_RETURN(table_, GetString(parameters_, "table"));
    options_ = FileOptionsFromJson(parameters_.at("files"));
    incremental_ = parameters_.value("incremental", false);
    secrets_.emplace(here_.data_folder);
    importer_.emplace(context_, formats_, options_, folder_);
    RETURN_IF_ERROR(MakeFolder(folder_));
    return WithAttempts(context_, [this](bool last) { return Attempt(last); });
  }

 private:
  Result<std::unique_ptr<FileConnection>> Open() {
    return ConnectFiles(context_.spec().caller, source_, connectors_, *secrets_, here_);
  }

  Result<Json> Attempt(bool last) {
    Clear();
    context_.Report({.fraction = 0.0, .step = Msg("connecting to the source"), .rows = {}});
    ASSIGN_OR_RETURN(const auto connection, Open());
    ASSIGN_OR_RETURN(const std::vector<SourceFile> listed,
                     connection->ListFiles(table_, context_.cancel()));
    RETURN_IF_ERROR(FindBase());
    if (listed.empty() && !parameters_.value("allow_empty", false)) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "no file of the source matches '{}'", table_),
                      Msg("if that may be, set allow_empty"));
    }
    RETURN_IF_ERROR(TakeAll(*connection, listed));
    ASSIGN_OR_RETURN(const Schema schema, FitAll(*connection));
    ASSIGN_OR_RETURN(const auto checker, Open());
    ASSIGN_OR_RETURN(Json checked, Compare(*checker, schema));
    if (!checked["equal"].get<bool>() && !last) {
      return Fail(ErrorCode::kUnavailable, "files changed while they were read: {}",
                  checked["difference"][0].value("key", ""));
    }
    return Output(listed, schema, std::move(checked));
  }

  // What the dataset holds, where this run goes on from it.
  Status FindBase() {
    const delta::Log log(folder_);
    ASSIGN_OR_RETURN(const std::int64_t latest, log.Latest());
    if (latest < 0) return {};
    ASSIGN_OR_RETURN(base_, log.Read());
    if (!incremental_ || parameters_.value("anew", false)) return {};
    const auto position = base_->txns.find(Name());
    if (position == base_->txns.end() || position->second == delta::kNoPosition) return {};
    going_on_ = true;
    for (const delta::FileEntry& part : base_->files) {
      const auto path = part.tags.find(kPath);
      if (path == part.tags.end()) continue;  // rows that somebody appended
      const auto tag = [&part](const char* name) {
        const auto found = part.tags.find(name);
        return found == part.tags.end() ? std::string() : found->second;
      };
      Known& known = known_[path->second];
      known.bytes = tag(kBytes);
      known.state = tag(kState);
      known.sha256 = tag(kSum);
      known.parts.push_back(part.path);
    }
    return {};
  }

  [[nodiscard]] std::string Name() const { return FilesPositionName(source_.id, table_, options_); }

  // Unchanged by what the source says without being read.
  [[nodiscard]] bool LooksUnchanged(const SourceFile& file) const {
    const auto known = known_.find(file.path);
    return known != known_.end() && !file.state.empty() && file.state == known->second.state &&
           (file.bytes < 0 || std::to_string(file.bytes) == known->second.bytes);
  }

  Status TakeAll(FileConnection& connection, const std::vector<SourceFile>& listed) {
    std::vector<const SourceFile*> wanted;
    std::int64_t total = 0;
    for (const SourceFile& file : listed) {
      if (LooksUnchanged(file)) continue;
      wanted.push_back(&file);
      total += std::max<std::int64_t>(1, file.bytes);
    }
    if (going_on_)
      context_.Log(Msg("{} of {} files are new or changed", wanted.size(), listed.size()));
    std::int64_t done = 0;
    for (const SourceFile* const file : wanted) {
      const std::int64_t bytes = std::max<std::int64_t>(1, file->bytes);
      const auto progress = [&](double part) {
        const double fraction = (static_cast<double>(done) + part * static_cast<double>(bytes)) /
                                static_cast<double>(total);
        context_.Report({.fraction = kCollected * std::min(1.0, fraction),
                         .step = Msg("reading {}", file->path),
                         .rows = rows_});
      };
      RETURN_IF_ERROR(Take(connection, *file, listed, progress));
      done += bytes;
    }
    return {};
  }

  Status Fetch(FileConnection& connection, const SourceFile& file, TakenFile& taken) {
    taken.local = context_.spec().work_folder + "/fetched";
    auto fetched =
        connection.Fetch(file, {.to = taken.local, .cancel = context_.cancel(), .progress = {}});
    if (!fetched && fetched.error().code == ErrorCode::kNotFound)
      return Fail(ErrorCode::kUnavailable, "file '{}' changed while it was read", file.path);
    if (!fetched) return std::unexpected(std::move(fetched).error());
    taken.fetched = std::move(*fetched);
    return {};
  }

  Status Take(FileConnection& connection, const SourceFile& file,
              const std::vector<SourceFile>& listed, const std::function<void(double)>& progress) {
    progress(0.0);
    TakenFile taken{.number = static_cast<int>(taken_.size())};
    RETURN_IF_ERROR(Fetch(connection, file, taken));
    const auto known = known_.find(file.path);
    // Written again with the bytes that it had: no row is new.
    if (known != known_.end() && known->second.sha256 == taken.fetched.sha256) {
      RemoveCopy(taken);
      return {};
    }
    const Schema* const columns = going_on_ ? &base_->schema : nullptr;
    const Status imported = importer_->Import(taken, columns, progress);
    RemoveCopy(taken);
    RETURN_IF_ERROR(imported);
    if (known == known_.end()) WarnWhereRenamed(taken, listed);
    rows_ += taken.rows;
    context_.Log(Msg("{}: {} rows, {} rejected", file.path, taken.rows, taken.rejected));
    taken_.push_back(std::move(taken));
    return {};
  }

  static void RemoveCopy(TakenFile& taken) {
    std::error_code ignored;
    fs::remove(taken.local, ignored);
  }

  void WarnWhereRenamed(TakenFile& taken, const std::vector<SourceFile>& listed) const {
    if (taken.rows == 0) return;
    for (const auto& [path, known] : known_) {
      if (known.sha256 != taken.fetched.sha256) continue;
      if (std::ranges::binary_search(listed, path, {}, &SourceFile::path)) continue;
      taken.warnings.push_back(
          Msg("'{}' holds what '{}' held, which is gone: a renamed file is a new one, and its rows "
              "are there twice until the dataset is refreshed with full",
              taken.fetched.file.path, path));
      return;
    }
  }

  // Gives all parts the columns of the table; these.
  Result<Schema> FitAll(FileConnection& connection) {
    context_.Report(
        {.fraction = kCollected, .step = Msg("checking the types of the columns"), .rows = rows_});
    Schema table;
    if (going_on_ || (taken_.empty() && base_)) {
      table = base_->schema;
    } else {
      ASSIGN_OR_RETURN(table, ColumnsOfAll());
    }
    for (TakenFile& file : taken_) {
      if (Status fits = CheckFileColumns(table, file.columns); !fits) {
        RETURN_IF_ERROR(importer_->FindEmpty(file));
        RETURN_IF_ERROR(CheckFileColumns(table, file.columns));
      }
      if (file.converts && file.rows > 0 && !SameTypes(file.columns.schema, table))
        RETURN_IF_ERROR(TakeAgain(connection, file, table));
      RETURN_IF_ERROR(importer_->Fit(file, table));
    }
    return table;
  }

  Result<Schema> ColumnsOfAll() {
    bool differ = false;
    for (const TakenFile& file : taken_)
      differ = differ || !SameTypes(file.columns.schema, taken_.front().columns.schema);
    std::vector<FileColumns> columns;
    for (TakenFile& file : taken_) {
      if (differ && file.rows > 0) RETURN_IF_ERROR(importer_->FindEmpty(file));
      columns.push_back(file.columns);
    }
    return CommonColumns(columns);
  }

  static bool SameTypes(const Schema& a, const Schema& b) {
    return std::ranges::all_of(a.columns, [&](const ColumnInfo& column) {
      const auto at = b.Find(column.name);
      return at && b.columns[*at].type == column.type;
    });
  }

  // Values are converted from their texts, never from what another type made of them: 007 is no 7.
  Status TakeAgain(FileConnection& connection, TakenFile& file, const Schema& table) {
    TakenFile again{.number = file.number};
    RETURN_IF_ERROR(Fetch(connection, file.fetched.file, again));
    if (again.fetched.sha256 != file.fetched.sha256)
      return Fail(ErrorCode::kUnavailable, "file '{}' changed while it was read",
                  file.fetched.file.path);
    importer_->RemoveParts(file);
    const Status imported = importer_->Import(again, &table, {});
    RemoveCopy(again);
    RETURN_IF_ERROR(imported);
    again.columns.schema = table;
    file = std::move(again);
    return {};
  }

  // The source, listed and hashed anew on a connection of its own, and the rows as readers of the
  // dataset will get them.
  Result<Json> Compare(FileConnection& checker, const Schema& schema) {
    context_.Report({.fraction = kFitted, .step = Msg("comparing with the source"), .rows = rows_});
    ASSIGN_OR_RETURN(const std::vector<SourceFile> listed,
                     checker.ListFiles(table_, context_.cancel()));
    Json differences = Json::array();
    const auto differs = [&](const std::string& path, const char* what) {
      if (differences.size() < kNamed) differences.push_back({{"key", path}, {"what", what}});
    };
    std::vector<DataFile> parts;
    std::int64_t rows_in_source = 0;
    std::int64_t rejected = 0;
    for (const TakenFile& taken : taken_) {
      const SourceFile& file = taken.fetched.file;
      const auto now = std::ranges::lower_bound(listed, file.path, {}, &SourceFile::path);
      if (now == listed.end() || now->path != file.path) {
        differs(file.path, "missing");
      } else if (now->state != file.state || (now->bytes >= 0 && now->bytes != file.bytes)) {
        differs(file.path, "changed");
      } else {
        ASSIGN_OR_RETURN(const bool same, SameBytes(checker, taken));
        if (!same) differs(file.path, "changed");
      }
      for (DataFile& part : importer_->PartsOf(taken)) parts.push_back(std::move(part));
      rows_in_source += taken.rows + taken.rejected;
      rejected += taken.rejected;
    }
    ASSIGN_OR_RETURN(const std::int64_t stored, CountOf(schema, std::move(parts)));
    if (stored + rejected != rows_in_source) {
      differences.push_back({{"key", "COUNT(*)"},
                             {"what", fmt::format("{} / {}", stored + rejected, rows_in_source)}});
    }
    return Json{{"rows_in_source", rows_in_source}, {"rows_compared", stored + rejected},
                {"files_compared", taken_.size()},  {"own_connection", true},
                {"equal", differences.empty()},     {"difference", std::move(differences)}};
  }

  Result<bool> SameBytes(FileConnection& checker, const TakenFile& taken) {
    TakenFile again{.local = context_.spec().work_folder + "/fetched"};
    auto fetched = checker.Fetch(
        taken.fetched.file,
        {.to = again.local, .only_hash = true, .cancel = context_.cancel(), .progress = {}});
    RemoveCopy(again);
    if (!fetched && (fetched.error().code == ErrorCode::kUnavailable ||
                     fetched.error().code == ErrorCode::kNotFound)) {
      return false;
    }
    if (!fetched) return std::unexpected(std::move(fetched).error());
    return fetched->sha256 == taken.fetched.sha256;
  }

  Result<std::int64_t> CountOf(const Schema& schema, std::vector<DataFile> parts) {
    if (parts.empty()) return 0;
    ASSIGN_OR_RETURN(const auto rows,
                     importer_->Query(schema, std::move(parts), "SELECT count(*) FROM collected"));
    ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (!batch) return 0;
    return batch->column(0).Int64(0);
  }

  Result<Json> Output(const std::vector<SourceFile>& listed, const Schema& schema, Json checked) {
    Json files = Json::array();
    Json removed = Json::array();
    Json warnings = Json::array();
    std::int64_t bytes = 0;
    std::int64_t rejected = 0;
    for (const TakenFile& taken : taken_) {
      const SourceFile& file = taken.fetched.file;
      for (const WrittenFile& part : taken.parts) {
        files.push_back(ToJson(part));
        files.back()["tags"] = {{kPath, file.path},
                                {kBytes, std::to_string(file.bytes)},
                                {kState, file.state},
                                {kSum, taken.fetched.sha256}};
        bytes += part.bytes;
      }
      if (const auto known = known_.find(file.path); known != known_.end()) {
        for (const std::string& part : known->second.parts) removed.push_back(part);
      }
      rejected += taken.rejected;
      for (const Message& warning : taken.warnings) {
        if (warnings.size() < kNamed) warnings.push_back(ToJson(warning));
      }
    }
    ASSIGN_OR_RETURN(std::string text, delta::SchemaToDelta(schema));
    Json output{{"files", std::move(files)},
                {"schema", std::move(text)},
                {"rows", rows_},
                {"rows_read", rows_ + rejected},
                {"bytes", bytes},
                {"rejected_rows", rejected},
                {"rejected_file", ""},
                {"warnings", std::move(warnings)},
                {"check", std::move(checked)}};
    if (incremental_) output["positions"] = {{Name(), listed.size()}};
    if (going_on_)
      output["merge"] = {{"base_version", base_->version}, {"removed", std::move(removed)}};
    if (rejected > 0) {
      RETURN_IF_ERROR(GatherRejects());
      ASSIGN_OR_RETURN(output["rejected_file"], KeepRejects(context_.spec(), folder_));
    }
    return output;
  }

  Status GatherRejects() {
    std::string all;
    for (const TakenFile& taken : taken_) {
      if (taken.rejects.empty()) continue;
      ASSIGN_OR_RETURN(const std::string text, ReadFile(taken.rejects, std::size_t{16} << 30));
      all += text;
    }
    return WriteFileAtomic(RejectsPath(context_.spec()), all);
  }

  // What an earlier attempt left, here or in a process that died.
  void Clear() {
    RemoveParts(folder_, context_.spec().id);
    std::error_code ignored;
    std::vector<fs::path> left;
    for (const auto& entry : fs::directory_iterator(folder_ + "/_rejected", ignored)) {
      if (entry.path().filename().string().starts_with(context_.spec().id + "-"))
        left.push_back(entry.path());
    }
    for (const fs::path& path : left) fs::remove(path, ignored);
    base_.reset();
    known_.clear();
    taken_.clear();
    going_on_ = false;
    rows_ = 0;
  }

  JobContext& context_;
  const ConnectorRegistry& connectors_;
  const FormatRegistry& formats_;
  const Json& parameters_;
  std::string folder_;
  SourceSpec source_;
  Surroundings here_;
  std::string table_;
  FileOptions options_;
  bool incremental_ = false;
  std::optional<SecretBox> secrets_;
  std::optional<FileImporter> importer_;
  std::optional<delta::State> base_;  // the dataset as it is
  bool going_on_ = false;             // its files stay, but for those that changed
  std::map<std::string, Known> known_;
  std::vector<TakenFile> taken_;  // what this run reads
  std::int64_t rows_ = 0;
};

}  // namespace

Result<Json> CollectFiles(JobContext& context, const ConnectorRegistry& connectors,
                          const FormatRegistry& formats) {
  return FilesCollection(context, connectors, formats).Run();
}

std::string FilesPositionName(const std::string& source_id, const std::string& table,
                              const FileOptions& options) {
  const Json what{source_id, table, "files", ToJson(options)};
  return fmt::format("{}{}", delta::kPositionPrefix, Sha256(what.dump()).substr(0, 32));
}

}  // namespace aimass
