#include "sources/service.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/id.h"
#include "base/words.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

constexpr std::string_view kColumns = "id, name, workspace, kind, settings, created_ms, updated_ms";

Status CheckAdmin(const Caller& caller) {
  if (caller.role == "admin") return {};
  return Fail(ErrorCode::kPermissionDenied,
              "only an administrator may add or change sources: they say which addresses the "
              "server calls");
}

// Wrong settings are the content of a request, not its form.
template <typename T>
Result<T> AsContent(Result<T> result) {
  if (!result && (result.error().code == ErrorCode::kInvalidArgument ||
                  result.error().code == ErrorCode::kNotFound)) {
    result.error().code = ErrorCode::kUnprocessable;
  }
  return result;
}

std::string OwnerOf(const Connector& connector) {
  return fmt::format("connector '{}'", connector.name);
}

bool IsSecret(const Connector& connector, std::string_view name) {
  return std::ranges::any_of(connector.fields, [&](const Field& field) {
    return field.name == name && field.kind == FieldKind::kSecret;
  });
}

}  // namespace

std::vector<Migration> SourceService::Migrations() {
  return {{.module = "sources", .number = 1, .sql = R"sql(
    CREATE TABLE sources (
      id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL,
      name_key TEXT NOT NULL, kind TEXT NOT NULL, settings TEXT NOT NULL,
      created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
      UNIQUE (workspace, name_key))
  )sql"}};
}

SourceService::SourceService(Database& database, const ConnectorRegistry& connectors,
                             std::string data_folder, bool private_addresses)
    : database_(database),
      connectors_(connectors),
      secrets_(data_folder),
      here_{.data_folder = std::move(data_folder), .private_addresses = private_addresses} {}

Result<SourceInfo> SourceService::FromRow(const SqlRow& row) const {
  SourceInfo info{.spec = {.id = row.Text(0),
                           .name = row.Text(1),
                           .workspace = row.Text(2),
                           .kind = row.Text(3),
                           .settings = {}},
                  .created_ms = row.Integer(5),
                  .updated_ms = row.Integer(6)};
  ASSIGN_OR_RETURN(const Json settings, ParseJson(row.Text(4)));
  for (const auto& [name, value] : settings.items()) {
    ASSIGN_OR_RETURN(info.spec.settings[name], GetString(settings, name));
  }
  return info;
}

// `given`, checked, with its secrets sealed for the source.
Result<Settings> SourceService::Sealed(const SourceSpec& spec, const Settings& given) const {
  ASSIGN_OR_RETURN(const Connector* const connector, AsContent(connectors_.Find(spec.kind)));
  ASSIGN_OR_RETURN(Settings settings,
                   AsContent(CheckSettings(OwnerOf(*connector), connector->fields, given)));
  if (connector->connect_files != nullptr) {
    if (auto opened = AsContent(connector->connect_files(settings, here_)); !opened)
      return std::unexpected(std::move(opened).error());
  }
  for (auto& [name, value] : settings) {
    if (!IsSecret(*connector, name) || value.empty()) continue;
    ASSIGN_OR_RETURN(value, secrets_.Seal(value, SecretPlace(spec.id, name)));
  }
  return settings;
}

Result<SourceInfo> SourceService::Create(const Caller& caller, std::string_view name,
                                         std::string_view kind, const Settings& settings) {
  RETURN_IF_ERROR(CheckAdmin(caller));
  SourceInfo info;
  info.spec = {.id = NewId(),
               .name = {},
               .workspace = caller.workspace,
               .kind = std::string(kind),
               .settings = {}};
  ASSIGN_OR_RETURN(info.spec.name, AsContent(CheckName("source", name)));
  ASSIGN_OR_RETURN(info.spec.settings, Sealed(info.spec, settings));
  info.created_ms = info.updated_ms = NowUnixMs();
  const auto added = database_.Execute(
      "INSERT INTO sources (id, workspace, name, name_key, kind, settings, created_ms, updated_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {info.spec.id, caller.workspace, info.spec.name, NameKey(info.spec.name), info.spec.kind,
       ToJson(info.spec)["settings"].dump(), info.created_ms, info.updated_ms});
  if (added) return info;
  if (added.error().code != ErrorCode::kConflict) return std::unexpected(added.error());
  return Fail(ErrorCode::kConflict, "there is a source '{}' already", info.spec.name);
}

Result<SourceInfo> SourceService::Change(const Caller& caller, std::string_view name,
                                         const std::optional<std::string>& new_name,
                                         const Settings& settings) {
  RETURN_IF_ERROR(CheckAdmin(caller));
  ASSIGN_OR_RETURN(SourceInfo info, Get(caller, name));
  ASSIGN_OR_RETURN(const Connector* const connector, connectors_.Find(info.spec.kind));
  if (new_name) {
    ASSIGN_OR_RETURN(info.spec.name, AsContent(CheckName("source", *new_name)));
  }
  if (!settings.empty()) {
    Settings merged = settings;
    const bool elsewhere = std::ranges::any_of(settings, [&](const auto& setting) {
      const auto before = info.spec.settings.find(setting.first);
      return !IsSecret(*connector, setting.first) &&
             (before == info.spec.settings.end() || before->second != setting.second);
    });
    for (const auto& [field, value] : info.spec.settings) {
      if (merged.contains(field)) continue;
      if (!IsSecret(*connector, field) || value.empty()) {
        merged[field] = value;
        continue;
      }
      if (elsewhere) {
        return WithHint(
            Fail(ErrorCode::kUnprocessable, "with other settings, '{}' must be given again", field),
            Msg("so that a stored password is never sent to another place"));
      }
      ASSIGN_OR_RETURN(merged[field], secrets_.Open(value, SecretPlace(info.spec.id, field)));
    }
    ASSIGN_OR_RETURN(info.spec.settings, Sealed(info.spec, merged));
  }
  info.updated_ms = NowUnixMs();
  const auto changed = database_.Execute(
      "UPDATE sources SET name = ?, name_key = ?, settings = ?, updated_ms = ? WHERE id = ?",
      {info.spec.name, NameKey(info.spec.name), ToJson(info.spec)["settings"].dump(),
       info.updated_ms, info.spec.id});
  if (changed) return info;
  if (changed.error().code != ErrorCode::kConflict) return std::unexpected(changed.error());
  return Fail(ErrorCode::kConflict, "there is a source '{}' already", info.spec.name);
}

Result<SourceInfo> SourceService::Get(const Caller& caller, std::string_view name) const {
  ASSIGN_OR_RETURN(
      const auto rows,
      database_.Select(
          fmt::format("SELECT {} FROM sources WHERE workspace = ? AND name_key = ?", kColumns),
          {caller.workspace, NameKey(name)}));
  if (!rows.empty()) return FromRow(rows.front());
  ASSIGN_OR_RETURN(
      const auto known,
      database_.Select("SELECT name FROM sources WHERE workspace = ?", {caller.workspace}));
  std::vector<std::string_view> names;
  for (const SqlRow& row : known) names.emplace_back(row.Text(0));
  auto failure = Fail(ErrorCode::kNotFound, "no source '{}'", name);
  if (const std::string nearest = Nearest(name, names); !nearest.empty())
    return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  return failure;
}

Result<std::string> SourceService::NameOf(const Caller& caller, std::string_view id) const {
  ASSIGN_OR_RETURN(const auto rows,
                   database_.Select("SELECT name FROM sources WHERE workspace = ? AND id = ?",
                                    {caller.workspace, std::string(id)}));
  if (!rows.empty()) return rows.front().Text(0);
  return Fail(ErrorCode::kConflict, "the source of the dataset was deleted");
}

Result<SourcePage> SourceService::List(const Caller& caller, int limit,
                                       std::string_view cursor) const {
  std::string sql = fmt::format("SELECT {} FROM sources WHERE workspace = ?", kColumns);
  SqlParams params{caller.workspace};
  if (!cursor.empty()) {
    if (!IsId(cursor))
      return Fail(ErrorCode::kInvalidArgument, "'{}' is not a cursor that a list gave", cursor);
    sql += " AND id < ?";
    params.emplace_back(std::string(cursor));
  }
  params.emplace_back(std::int64_t{limit} + 1);
  ASSIGN_OR_RETURN(const auto rows, database_.Select(sql + " ORDER BY id DESC LIMIT ?", params));
  SourcePage page;
  for (const SqlRow& row : rows) {
    if (page.items.size() == static_cast<std::size_t>(limit)) {
      page.next_cursor = page.items.back().spec.id;
      break;
    }
    ASSIGN_OR_RETURN(SourceInfo info, FromRow(row));
    page.items.push_back(std::move(info));
  }
  return page;
}

Status SourceService::Delete(const Caller& caller, std::string_view name) {
  RETURN_IF_ERROR(CheckAdmin(caller));
  ASSIGN_OR_RETURN(const SourceInfo info, Get(caller, name));
  for (const UseCheck& check : use_checks_) {
    ASSIGN_OR_RETURN(const std::vector<std::string> users, check(caller, info.spec.id));
    if (users.empty()) continue;
    return WithHint(
        Fail(ErrorCode::kConflict, "source '{}' is in use: {}", info.spec.name, Listing(users)),
        Msg("delete these first"));
  }
  RETURN_IF_ERROR(database_.Execute("DELETE FROM sources WHERE id = ?", {info.spec.id}));
  return {};
}

Result<std::unique_ptr<SourceConnection>> SourceService::Open(const Caller& caller,
                                                              std::string_view name) const {
  ASSIGN_OR_RETURN(const SourceInfo info, Get(caller, name));
  return Connect(caller, info.spec, connectors_, secrets_, here_);
}

Result<std::vector<Check>> SourceService::Test(const Caller& caller, std::string_view name) const {
  ASSIGN_OR_RETURN(const SourceInfo info, Get(caller, name));
  auto connection = Connect(caller, info.spec, connectors_, secrets_, here_);
  if (connection) return (*connection)->Test();
  // What keeps it from connecting is what the test found.
  const Error& error = connection.error();
  return std::vector<Check>{{.ok = false, .message = error.message, .hint = error.hint}};
}

Result<std::vector<SourceTable>> SourceService::Tables(const Caller& caller,
                                                       std::string_view name) const {
  ASSIGN_OR_RETURN(const auto connection, Open(caller, name));
  return connection->ListTables();
}

Result<TablePreview> SourceService::Preview(const Caller& caller, std::string_view name,
                                            const std::string& table, std::int64_t rows) const {
  ASSIGN_OR_RETURN(const SourceInfo info, Get(caller, name));
  if (const auto connector = connectors_.Find(info.spec.kind);
      connector && (*connector)->can.files) {
    ASSIGN_OR_RETURN(const auto files,
                     ConnectFiles(caller, info.spec, connectors_, secrets_, here_));
    return file_preview_(*files, table, rows);
  }
  ASSIGN_OR_RETURN(const auto connection, Open(caller, name));
  TablePreview preview;
  ASSIGN_OR_RETURN(preview.description, connection->Describe(table));
  if (rows == 0) return preview;
  SourceRead request{.table = table, .limit = rows};
  request.reject = [](const BadRow&) { return Status{}; };  // a collection names them
  ASSIGN_OR_RETURN(const auto reader, connection->Read(request));
  std::string text = "[";
  for (;;) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (!batch) break;
    if (text.size() > 1) text += ',';
    AppendJsonRows(text, *batch, 0, batch->num_rows());
  }
  ASSIGN_OR_RETURN(preview.rows, ParseJson(text + "]"));
  return preview;
}

}  // namespace aimass
