// The transaction log of a Delta Lake table:
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md
#include "datasets/delta/log.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "datasets/delta/checkpoint.h"

namespace aimass::delta {
namespace {
namespace fs = std::filesystem;

constexpr std::int64_t kCheckpointEvery = 10;
constexpr std::int64_t kTombstonesMs = std::int64_t{7} * 24 * 3600 * 1000;
constexpr std::string_view kNtz = "timestampNtz";

fs::path LogFolder(const std::string& folder) { return fs::path(folder) / "_delta_log"; }
std::string CommitName(std::int64_t version) { return fmt::format("{:020}.json", version); }

// The version that begins a file name of the log, and what follows it.
std::optional<std::pair<std::int64_t, std::string>> SplitName(const std::string& name) {
  std::int64_t version = 0;
  if (name.size() < 21 || name[20] != '.') return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 20, version);
  if (error != std::errc{} || end != name.data() + 20) return std::nullopt;
  return std::pair{version, name.substr(21)};
}

struct LogFiles {
  std::set<std::int64_t> commits;
  std::map<std::int64_t, std::vector<std::string>> checkpoints;  // version → parts, by name
};

Result<LogFiles> ListLog(const std::string& folder) {
  LogFiles files;
  std::error_code error;
  fs::directory_iterator entry(LogFolder(folder), error);
  if (error == std::errc::no_such_file_or_directory) return files;
  if (error) return std::unexpected(SystemError(error.value(), "list", LogFolder(folder)));
  for (; entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto split = SplitName(name);
    if (!split) continue;
    if (split->second == "json") files.commits.insert(split->first);
    if (split->second.starts_with("checkpoint.") && split->second.ends_with(".parquet")) {
      files.checkpoints[split->first].push_back(name);
    }
  }
  if (error) return std::unexpected(SystemError(error.value(), "list", LogFolder(folder)));
  for (auto at = files.checkpoints.begin(); at != files.checkpoints.end();) {
    auto& parts = at->second;
    std::sort(parts.begin(), parts.end());
    // "N.checkpoint.0000000001.0000000003.parquet": all three must be there, else it is not
    // finished.
    const std::string& first = parts.front();
    const bool single =
        first.size() == std::string_view("00000000000000000000.checkpoint.parquet").size();
    std::size_t expected = 1;
    if (!single && first.size() > 53) {
      std::from_chars(first.data() + 43, first.data() + 53, expected);
    }
    if (single) parts.resize(1);
    at = parts.size() == expected ? std::next(at) : files.checkpoints.erase(at);
  }
  return files;
}

std::string Decode(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    unsigned value = 0;
    if (path[i] == '%' && i + 2 < path.size() &&
        std::from_chars(path.data() + i + 1, path.data() + i + 3, value, 16).ptr ==
            path.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += path[i];
    }
  }
  return out;
}

std::string Encode(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/=").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::vector<std::string> Strings(const Json& json, std::string_view key) {
  std::vector<std::string> out;
  if (json.contains(key) && json[key].is_array()) {
    for (const Json& item : json[key]) out.push_back(item.get<std::string>());
  }
  return out;
}

Status CheckProtocol(const State& state) {
  if (state.min_reader > 3 || state.min_writer > 7) {
    return Fail(ErrorCode::kUnsupported,
                "the Delta table needs protocol ({},{}); this build reads (1,2), and (3,7) with {}",
                state.min_reader, state.min_writer, kNtz);
  }
  if (state.min_reader == 3) {
    for (const std::string& feature : state.reader_features) {
      if (feature == kNtz) continue;
      return Fail(
          ErrorCode::kUnsupported,
          "the Delta table uses the feature '{}', which this build does not read (it reads {})",
          feature, kNtz);
    }
  }
  const auto mapping = state.configuration.find("delta.columnMapping.mode");
  if (mapping != state.configuration.end() && mapping->second != "none") {
    return Fail(
        ErrorCode::kUnsupported,
        "the Delta table uses the feature '{}', which this build does not read (it reads {})",
        "columnMapping", kNtz);
  }
  return {};
}

Status CheckMayWrite(const State& state, const Change& change) {
  static const std::set<std::string, std::less<>> kKnown{std::string(kNtz), "appendOnly",
                                                         "invariants"};
  if (state.min_writer > 2 && state.min_writer < 7) {
    return Fail(ErrorCode::kUnsupported,
                "the Delta table needs writer version {}; this build writes 2, and 7",
                state.min_writer);
  }
  for (const std::string& feature : state.writer_features) {
    if (kKnown.contains(feature)) continue;
    return Fail(ErrorCode::kUnsupported,
                "the Delta table uses the feature '{}', which this build does not write", feature);
  }
  const auto append_only = state.configuration.find("delta.appendOnly");
  const bool removes = (change.replace && !state.files.empty()) || !change.removed.empty();
  if (removes && append_only != state.configuration.end() && append_only->second == "true") {
    return Fail(ErrorCode::kConflict,
                "the Delta table takes appended rows only (delta.appendOnly)");
  }
  return {};
}

// Applies the actions of one commit, or of a checkpoint, to a state.
class Replay {
 public:
  explicit Replay(State state) : state_(std::move(state)) {
    for (std::size_t i = 0; i < state_.files.size(); ++i) place_[state_.files[i].path] = i;
  }

  Status Apply(const Json& action) {
    try {
      if (const auto at = action.find("protocol"); at != action.end() && at->is_object())
        Protocol(*at);
      if (const auto at = action.find("metaData"); at != action.end() && at->is_object()) {
        RETURN_IF_ERROR(Metadata(*at));
      }
      if (const auto at = action.find("txn"); at != action.end() && at->is_object()) {
        state_.txns[at->at("appId").get<std::string>()] = at->at("version").get<std::int64_t>();
      }
      if (const auto at = action.find("remove"); at != action.end() && at->is_object()) Remove(*at);
      if (const auto at = action.find("add"); at != action.end() && at->is_object()) {
        RETURN_IF_ERROR(Add(*at));
      }
    } catch (const Json::exception& error) {
      return Fail(ErrorCode::kUnprocessable, "the log of the Delta table is damaged: {}",
                  error.what());
    }
    return {};
  }

  State Finish() && {
    std::erase_if(state_.files, [](const FileEntry& file) { return file.path.empty(); });
    return std::move(state_);
  }

 private:
  void Protocol(const Json& json) {
    state_.min_reader = json.at("minReaderVersion").get<int>();
    state_.min_writer = json.at("minWriterVersion").get<int>();
    state_.reader_features = Strings(json, "readerFeatures");
    state_.writer_features = Strings(json, "writerFeatures");
  }

  Status Metadata(const Json& json) {
    state_.table_id = json.value("id", "");
    if (json.contains("createdTime") && json["createdTime"].is_number()) {
      state_.created_ms = json["createdTime"].get<std::int64_t>();
    }
    state_.configuration.clear();
    if (json.contains("configuration") && json["configuration"].is_object()) {
      state_.configuration = json["configuration"].get<std::map<std::string, std::string>>();
    }
    if (const auto partitions = Strings(json, "partitionColumns"); !partitions.empty()) {
      return Fail(ErrorCode::kUnsupported,
                  "the Delta table is partitioned by '{}', which this build does not read",
                  partitions.front());
    }
    ASSIGN_OR_RETURN(state_.schema, SchemaFromDelta(json.at("schemaString").get<std::string>()));
    return {};
  }

  void Remove(const Json& json) {
    const std::string path = Decode(json.at("path").get<std::string>());
    if (const auto found = place_.find(path); found != place_.end()) {
      state_.files[found->second].path.clear();
      place_.erase(found);
    }
    std::int64_t when = 0;
    if (json.contains("deletionTimestamp") && json["deletionTimestamp"].is_number()) {
      when = json["deletionTimestamp"].get<std::int64_t>();
    }
    state_.removed[path] = when;
  }

  Status Add(const Json& json) {
    if (json.contains("deletionVector") && json["deletionVector"].is_object()) {
      return Fail(
          ErrorCode::kUnsupported,
          "the Delta table uses the feature '{}', which this build does not read (it reads {})",
          "deletionVectors", kNtz);
    }
    FileEntry file{.path = Decode(json.at("path").get<std::string>()),
                   .bytes = json.at("size").get<std::int64_t>(),
                   .rows = -1,
                   .modified_ms = json.value("modificationTime", std::int64_t{0}),
                   .stats = {},
                   .tags = {}};
    if (const auto tags = json.find("tags"); tags != json.end() && tags->is_object()) {
      for (const auto& [name, value] : tags->items()) {
        if (value.is_string()) file.tags[name] = value.get<std::string>();
      }
    }
    if (json.contains("stats") && json["stats"].is_string()) {
      file.stats = json["stats"].get<std::string>();
      const Json stats = Json::parse(file.stats, nullptr, false);
      if (stats.is_object() && stats.contains("numRecords") && stats["numRecords"].is_number()) {
        file.rows = stats["numRecords"].get<std::int64_t>();
      }
    }
    state_.removed.erase(file.path);
    if (const auto found = place_.find(file.path); found != place_.end()) {
      state_.files[found->second] = std::move(file);
    } else {
      place_[file.path] = state_.files.size();
      state_.files.push_back(std::move(file));
    }
    return {};
  }

  State state_;
  std::map<std::string, std::size_t> place_;
};

Result<std::vector<Json>> ReadCommit(const fs::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::vector<Json> actions;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (std::string_view(text).substr(begin, end - begin).find_first_not_of(" \r\t") !=
        std::string::npos) {
      Json action = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      if (!action.is_object()) {
        return Fail(ErrorCode::kUnprocessable, "the log of the Delta table is damaged: {}",
                    path.filename().string());
      }
      actions.push_back(std::move(action));
    }
    begin = end + 1;
  }
  return actions;
}

bool HasNtz(const std::vector<ColumnInfo>& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const ColumnInfo& column) {
    return column.type.kind == TypeKind::kTimestamp || HasNtz(column.type.children);
  });
}

Json ProtocolAction(const State& state) {
  Json protocol{{"minReaderVersion", state.min_reader}, {"minWriterVersion", state.min_writer}};
  if (state.min_reader >= 3) protocol["readerFeatures"] = state.reader_features;
  if (state.min_writer >= 7) protocol["writerFeatures"] = state.writer_features;
  return Json{{"protocol", std::move(protocol)}};
}

Result<Json> MetadataAction(const State& state) {
  ASSIGN_OR_RETURN(std::string schema, SchemaToDelta(state.schema));
  return Json{{"metaData",
               {{"id", state.table_id},
                {"format", {{"provider", "parquet"}, {"options", Json::object()}}},
                {"schemaString", std::move(schema)},
                {"partitionColumns", Json::array()},
                {"configuration", state.configuration},
                {"createdTime", state.created_ms}}}};
}

Json AddAction(const FileEntry& file, bool data_change) {
  Json add{{"path", Encode(file.path)},
           {"partitionValues", Json::object()},
           {"size", file.bytes},
           {"modificationTime", file.modified_ms},
           {"dataChange", data_change}};
  if (!file.stats.empty()) add["stats"] = file.stats;
  if (!file.tags.empty()) add["tags"] = file.tags;
  return Json{{"add", std::move(add)}};
}

Json RemoveAction(std::string_view path, std::int64_t when_ms, bool data_change) {
  return Json{
      {"remove",
       {{"path", Encode(path)}, {"deletionTimestamp", when_ms}, {"dataChange", data_change}}}};
}

}  // namespace

Result<std::int64_t> Log::Latest() const {
  ASSIGN_OR_RETURN(const LogFiles files, ListLog(folder_));
  std::int64_t latest = files.commits.empty() ? -1 : *files.commits.rbegin();
  if (!files.checkpoints.empty()) latest = std::max(latest, files.checkpoints.rbegin()->first);
  return latest;
}

Result<State> Log::Read(std::optional<std::int64_t> version) const {
  ASSIGN_OR_RETURN(const LogFiles files, ListLog(folder_));
  if (files.commits.empty() && files.checkpoints.empty()) {
    return Fail(ErrorCode::kNotFound, "there is no Delta table in '{}'", folder_);
  }
  std::int64_t latest = files.commits.empty() ? -1 : *files.commits.rbegin();
  if (!files.checkpoints.empty()) latest = std::max(latest, files.checkpoints.rbegin()->first);
  const std::int64_t wanted = version.value_or(latest);
  auto checkpoint = files.checkpoints.upper_bound(wanted);
  std::int64_t next = 0;
  State start;
  std::vector<Json> actions;
  if (checkpoint != files.checkpoints.begin()) {
    --checkpoint;
    for (const std::string& part : checkpoint->second) {
      ASSIGN_OR_RETURN(std::vector<Json> rows,
                       ReadCheckpoint((LogFolder(folder_) / part).string()));
      std::move(rows.begin(), rows.end(), std::back_inserter(actions));
    }
    next = checkpoint->first + 1;
  }
  const std::int64_t oldest =
      files.checkpoints.empty()
          ? *files.commits.begin()
          : std::min(files.commits.contains(0) ? 0 : files.checkpoints.begin()->first,
                     files.checkpoints.begin()->first);
  if (wanted < 0 || wanted > latest || wanted < oldest) {
    return Fail(ErrorCode::kNotFound, "there is no version {}; there are {} to {}", wanted, oldest,
                latest);
  }
  Replay replay{State{}};
  for (const Json& action : actions) RETURN_IF_ERROR(replay.Apply(action));
  for (; next <= wanted; ++next) {
    if (!files.commits.contains(next)) {
      return Fail(ErrorCode::kUnprocessable, "the log of the Delta table is damaged: {}",
                  CommitName(next));
    }
    ASSIGN_OR_RETURN(const auto commit, ReadCommit(LogFolder(folder_) / CommitName(next)));
    for (const Json& action : commit) RETURN_IF_ERROR(replay.Apply(action));
  }
  State state = std::move(replay).Finish();
  state.version = wanted;
  RETURN_IF_ERROR(CheckProtocol(state));
  return state;
}

Result<State> Log::Commit(const State& base, const Change& change) const {
  RETURN_IF_ERROR(CheckMayWrite(base, change));
  const std::int64_t now = NowUnixMs();
  State next = base;
  next.version = base.version + 1;
  if (next.version == 0) {
    next.table_id = NewId();
    next.created_ms = now;
  }
  std::vector<Json> actions;
  Json info{
      {"timestamp", now},
      {"operation", change.operation},
      {"operationParameters", change.parameters.is_object() ? change.parameters : Json::object()},
      {"engineInfo", "aimass"},
      {"isBlindAppend", !change.replace && change.removed.empty()},
      {"txnId", NewId()}};
  if (base.version >= 0) info["readVersion"] = base.version;
  actions.push_back(Json{{"commitInfo", std::move(info)}});

  bool protocol_changes = next.version == 0;
  if (change.schema) {
    next.schema = *change.schema;
    if (HasNtz(next.schema.columns) &&
        std::find(next.reader_features.begin(), next.reader_features.end(), kNtz) ==
            next.reader_features.end()) {
      next.min_reader = 3;
      next.min_writer = 7;
      next.reader_features.emplace_back(kNtz);
      next.writer_features.emplace_back(kNtz);
      protocol_changes = true;
    }
  }
  if (protocol_changes) actions.push_back(ProtocolAction(next));
  if (change.schema || next.version == 0) {
    ASSIGN_OR_RETURN(Json metadata, MetadataAction(next));
    actions.push_back(std::move(metadata));
  }
  auto txns = change.positions;
  if (!change.app_id.empty()) txns[change.app_id] = change.app_version;
  for (const auto& [app, version] : txns) {
    actions.push_back(Json{{"txn", {{"appId", app}, {"version", version}, {"lastUpdated", now}}}});
    next.txns[app] = version;
  }
  if (change.replace) {
    for (const FileEntry& file : base.files) {
      actions.push_back(RemoveAction(file.path, now, true));
      next.removed[file.path] = now;
    }
    next.files.clear();
  }
  for (const std::string& path : change.removed) {
    actions.push_back(RemoveAction(path, now, true));
    next.removed[path] = now;
    std::erase_if(next.files, [&](const FileEntry& file) { return file.path == path; });
  }
  for (FileEntry file : change.files) {
    if (file.modified_ms == 0) file.modified_ms = now;
    actions.push_back(AddAction(file, true));
    next.files.push_back(std::move(file));
  }

  std::string text;
  for (const Json& action : actions) text += action.dump() + "\n";
  RETURN_IF_ERROR(MakeFolder(LogFolder(folder_)));
  if (const Status created = CreateFileAtomic(LogFolder(folder_) / CommitName(next.version), text);
      !created) {
    if (created.error().code != ErrorCode::kConflict) return std::unexpected(created.error());
    return Fail(ErrorCode::kConflict, "another writer was first with version {} of the Delta table",
                next.version);
  }
  // A checkpoint only spares readers work: the commit stands without it.
  if (next.version % kCheckpointEvery == 0 && next.version > 0) {
    if (const Status written = WriteCheckpoint(next); !written) {
      aimass::Log(
          LogLevel::kWarning, "delta checkpoint failed",
          {{"folder", folder_}, {"version", next.version}, {"error", written.error().ToString()}});
    }
  }
  return next;
}

Status Log::WriteCheckpoint(const State& state) const {
  const std::int64_t keep_after = NowUnixMs() - kTombstonesMs;
  std::vector<Json> actions{ProtocolAction(state)};
  ASSIGN_OR_RETURN(Json metadata, MetadataAction(state));
  actions.push_back(std::move(metadata));
  for (const auto& [app, version] : state.txns) {
    actions.push_back(Json{{"txn", {{"appId", app}, {"version", version}}}});
  }
  for (const auto& [path, when] : state.removed) {
    if (when > keep_after) actions.push_back(RemoveAction(path, when, false));
  }
  for (const FileEntry& file : state.files) actions.push_back(AddAction(file, false));
  const std::string path =
      (LogFolder(folder_) / fmt::format("{:020}.checkpoint.parquet", state.version)).string();
  RETURN_IF_ERROR(WriteCheckpointFile(path, actions));
  const Json last{{"version", state.version}, {"size", actions.size()}};
  return WriteFileAtomic(LogFolder(folder_) / "_last_checkpoint", last.dump());
}

Result<std::vector<CommitInfo>> Log::History() const {
  ASSIGN_OR_RETURN(const LogFiles files, ListLog(folder_));
  std::vector<CommitInfo> history;
  for (const std::int64_t version : files.commits) {
    ASSIGN_OR_RETURN(const auto actions, ReadCommit(LogFolder(folder_) / CommitName(version)));
    CommitInfo info{.version = version};
    for (const Json& action : actions) {
      const auto at = action.find("commitInfo");
      if (at == action.end() || !at->is_object()) continue;
      info.timestamp_ms = at->value("timestamp", std::int64_t{0});
      info.operation = at->value("operation", "");
      info.parameters = at->value("operationParameters", Json::object());
    }
    history.push_back(std::move(info));
  }
  return history;
}

}  // namespace aimass::delta
