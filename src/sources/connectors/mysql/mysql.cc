// MariaDB and MySQL.
#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "sources/connector.h"
#include "sources/connectors/mysql/catalog.h"
#include "sources/connectors/mysql/changes.h"
#include "sources/connectors/mysql/reader.h"
#include "sources/connectors/mysql/sink.h"

namespace aimass::connectors::mysql {
namespace {

using mariadb::FieldInfo;
using mariadb::FieldType;
using mariadb::QuotedName;

constexpr std::array kFields = {
    Field{.name = "host", .label = {"Host", "主机"}, .required = true},
    Field{.name = "port",
          .label = {"Port", "端口"},
          .kind = FieldKind::kInteger,
          .default_value = "3306",
          .min = 1,
          .max = 65535},
    Field{.name = "user", .label = {"User", "用户"}, .required = true},
    Field{.name = "password", .label = {"Password", "密码"}, .kind = FieldKind::kSecret},
    Field{.name = "database", .label = {"Database", "数据库"}, .required = true},
    Field{.name = "tls",
          .label = {"Encryption", "加密"},
          .kind = FieldKind::kChoice,
          .default_value = "auto",
          .choices = "auto on verify off"},
    Field{.name = "ca_file", .label = {"Certificate authority (file)", "证书颁发机构（文件）"}},
    Field{.name = "timeout_s",
          .label = {"Longest wait for an answer (seconds)", "等待回答的最长时间（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "60",
          .min = 1,
          .max = 3600},
    Field{.name = "writable",
          .label = {"Rows may be sent there", "允许写入"},
          .kind = FieldKind::kBool,
          .default_value = "false"},
};

mariadb::Tls TlsOf(std::string_view name) {
  if (name == "off") return mariadb::Tls::kOff;
  if (name == "on") return mariadb::Tls::kOn;
  return name == "verify" ? mariadb::Tls::kVerify : mariadb::Tls::kAuto;
}

class Database : public SourceConnection {
 public:
  Database(mariadb::Connection connection, mariadb::Options options)
      : connection_(std::move(connection)),
        options_(std::move(options)),
        catalog_(connection_, options_.database) {}

  [[nodiscard]] Result<std::vector<Check>> Test() override {
    std::vector<Check> checks;
    checks.push_back(
        {.ok = true, .message = Msg("connected to {}", connection_.server_version()), .hint = {}});
    checks.push_back({.ok = true,
                      .message = connection_.encrypted() ? Msg("the connection is encrypted")
                                                         : Msg("the connection is not encrypted"),
                      .hint = connection_.encrypted()
                                  ? Message{}
                                  : Msg("in a network that others use, set tls to on or verify")});
    ASSIGN_OR_RETURN(const auto who, connection_.Select("SELECT CURRENT_USER()"));
    const std::string account = who.empty() ? options_.user : TextAt(who.front(), 0);
    checks.push_back({.ok = true, .message = Msg("signed in as {}", account), .hint = {}});
    ASSIGN_OR_RETURN(const auto tables, ListTables());
    if (tables.empty()) {
      checks.push_back(
          {.ok = false,
           .message = Msg("no table of the database '{}' may be read", catalog_.database()),
           .hint = Msg("let an administrator of the database run: {}", Grant(account))});
    } else {
      checks.push_back({.ok = true,
                        .message = Msg("{} tables of the database '{}' may be read", tables.size(),
                                       catalog_.database()),
                        .hint = {}});
    }
    ASSIGN_OR_RETURN(
        const auto engines,
        connection_.Select("SELECT table_name, engine FROM information_schema.tables WHERE "
                           "table_schema = DATABASE() AND table_type = 'BASE TABLE' AND "
                           "engine NOT IN ('InnoDB', 'RocksDB') ORDER BY table_name LIMIT 5"));
    if (!engines.empty()) {
      std::string names;
      for (const auto& row : engines)
        names += (names.empty() ? "" : ", ") + TextAt(row, 0) + " (" + TextAt(row, 1) + ")";
      checks.push_back(
          {.ok = false,
           .message = Msg("these tables have no transactions, so they are not read as they are at "
                          "one moment: {}",
                          names),
           .hint = Msg("ALTER TABLE … ENGINE = InnoDB, or collect them while nobody writes")});
    }
    return checks;
  }

  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override { return catalog_.Tables(); }

  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    return catalog_.Describe(table);
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const std::string sql, SelectOf(request));
    ASSIGN_OR_RETURN(mariadb::Answer answer, connection_.Query(sql));
    return ReaderOf(std::move(answer), request);
  }

  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const std::string rows_sql, SelectOf(request));
    ASSIGN_OR_RETURN(const auto fields,
                     connection_.Fields("SELECT * FROM (" + rows_sql + "\n) AS t LIMIT 0"));
    SourceTotals totals;
    std::string sql = "SELECT COUNT(*)";
    for (const FieldInfo& field : fields) {
      if (field.type != FieldType::kInteger && field.type != FieldType::kDecimal) continue;
      sql += ", SUM(" + QuotedName(field.name) + ")";
      totals.sums.push_back({.column = field.name, .value = {}});
    }
    ASSIGN_OR_RETURN(const auto answer,
                     connection_.Select(sql + " FROM (" + rows_sql + "\n) AS t"));
    if (answer.empty()) return Fail(ErrorCode::kInternal, "the database counted nothing");
    totals.rows = IntegerAt(answer.front(), 0);
    for (std::size_t i = 0; i < totals.sums.size(); ++i)
      totals.sums[i].value = TextAt(answer.front(), i + 1);
    return totals;
  }

  [[nodiscard]] Result<bool> Freeze(const SourceConnection* beside) override {
    RETURN_IF_ERROR(connection_.Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"));
    // MariaDB with a binary log says which moment it is.
    moment_ = {};
    ASSIGN_OR_RETURN(const auto rows,
                     connection_.Select("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'"));
    for (const auto& row : rows) {
      if (TextAt(row, 0) == "Binlog_snapshot_file") moment_.file = TextAt(row, 1);
      if (TextAt(row, 0) == "Binlog_snapshot_position")
        moment_.at = static_cast<std::uint64_t>(IntegerAt(row, 1));
    }
    if (moment_.at == 0) moment_.file.clear();
    const auto* const other = dynamic_cast<const Database*>(beside);
    return other != nullptr && !moment_.file.empty() && moment_.file == other->moment_.file &&
           moment_.at == other->moment_.at;
  }

  [[nodiscard]] Result<ChangePosition> Position() override {
    return PositionOf(connection_, moment_);
  }

  [[nodiscard]] Result<std::unique_ptr<ChangedKeys>> KeysSince(const std::string& table,
                                                               const ChangePosition& from,
                                                               const CancelToken& cancel) override {
    return KeysOfLog(connection_, options_, catalog_, table, from, moment_, cancel);
  }

 private:
  [[nodiscard]] std::string Grant(const std::string& account) const {
    const std::size_t at = account.rfind('@');
    return "GRANT SELECT ON " + QuotedName(catalog_.database()) + ".* TO '" +
           account.substr(0, at) + "'@'" +
           (at == std::string::npos ? "%" : account.substr(at + 1)) + "'";
  }

  Result<std::string> SelectOf(const SourceRead& request) {
    std::string sql;
    if (!request.query.empty()) {
      // In parentheses: whatever is no SELECT (INTO OUTFILE, several statements) is an error.
      sql = "SELECT * FROM (" + request.query + "\n) AS q";
    } else {
      ASSIGN_OR_RETURN(std::vector<FieldInfo> fields, catalog_.Fields(request.table));
      RETURN_IF_ERROR(CheckColumns(request, fields));
      std::erase_if(fields, [&](const FieldInfo& field) {
        return !request.columns.empty() &&
               std::ranges::find(request.columns, field.name) == request.columns.end();
      });
      sql = "SELECT " + ListOf(fields) + " FROM " + QuotedName(request.table);
    }
    if (request.keys) sql += " WHERE " + KeyCondition(connection_, *request.keys);
    if (request.range)
      sql += " WHERE " + RangeCondition(*request.range, QuotedName(request.range->column));
    if (request.limit > 0) sql += fmt::format(" LIMIT {}", request.limit);
    return sql;
  }

  mariadb::Connection connection_;
  mariadb::Options options_;
  Catalog catalog_;
  mariadb::BinlogPlace moment_;  // of the snapshot; no file: the server does not say
};

mariadb::Options OptionsOf(const Settings& settings, bool read_only) {
  return {.host = settings.at("host"),
          .port = static_cast<int>(IntegerOf(settings, "port")),
          .user = settings.at("user"),
          .password = settings.at("password"),
          .database = settings.at("database"),
          .tls = TlsOf(settings.at("tls")),
          .ca_file = settings.at("ca_file"),
          .read_timeout_s = static_cast<int>(IntegerOf(settings, "timeout_s")),
          .read_only = read_only};
}

Result<std::unique_ptr<SourceConnection>> Connect(const Settings& settings) {
  mariadb::Options options = OptionsOf(settings, true);
  ASSIGN_OR_RETURN(mariadb::Connection connection, mariadb::Connection::Open(options));
  return std::make_unique<Database>(std::move(connection), std::move(options));
}

Result<std::unique_ptr<SinkConnection>> ConnectSink(const Settings& settings) {
  const mariadb::Options options = OptionsOf(settings, false);
  ASSIGN_OR_RETURN(mariadb::Connection connection, mariadb::Connection::Open(options));
  return SinkOf(std::move(connection), options.database);
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add({.name = "mysql",
                .label = {"MySQL and MariaDB", "MySQL 与 MariaDB"},
                .fields = kFields,
                .can = {.query = true,
                        .incremental = true,
                        .count = true,
                        .sums = true,
                        .write = true,
                        .changes = true},
                .connect = Connect,
                .connect_sink = ConnectSink});
}

}  // namespace aimass::connectors::mysql
