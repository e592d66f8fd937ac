// PostgreSQL.
#include "native/postgres/postgres.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "sources/connector.h"
#include "sources/connectors/postgres/catalog.h"
#include "sources/connectors/postgres/reader.h"
#include "sources/connectors/postgres/sink.h"

namespace aimass::connectors::postgres {
namespace {

using aimass::postgres::Connection;
using aimass::postgres::CopyStream;
using aimass::postgres::FieldInfo;
using aimass::postgres::QuotedName;
using aimass::postgres::Tls;

constexpr std::array kFields = {
    Field{.name = "host", .label = {"Host", "主机"}, .required = true},
    Field{.name = "port",
          .label = {"Port", "端口"},
          .kind = FieldKind::kInteger,
          .default_value = "5432",
          .min = 1,
          .max = 65535},
    Field{.name = "user", .label = {"User", "用户"}, .required = true},
    Field{.name = "password", .label = {"Password", "密码"}, .kind = FieldKind::kSecret},
    Field{.name = "database", .label = {"Database", "数据库"}, .required = true},
    Field{.name = "schema", .label = {"Schema", "模式"}, .default_value = "public"},
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

Tls TlsOf(std::string_view name) {
  if (name == "off") return Tls::kOff;
  if (name == "on") return Tls::kOn;
  return name == "verify" ? Tls::kVerify : Tls::kAuto;
}

class Database : public SourceConnection {
 public:
  Database(Connection connection, const std::string& database, const std::string& schema)
      : connection_(std::move(connection)), catalog_(connection_, database, schema) {}

  [[nodiscard]] Result<std::vector<Check>> Test() override {
    std::vector<Check> checks;
    checks.push_back(
        {.ok = true,
         .message = Msg("connected to {}", "PostgreSQL " + connection_.server_version()),
         .hint = {}});
    checks.push_back({.ok = true,
                      .message = connection_.encrypted() ? Msg("the connection is encrypted")
                                                         : Msg("the connection is not encrypted"),
                      .hint = connection_.encrypted()
                                  ? Message{}
                                  : Msg("in a network that others use, set tls to on or verify")});
    ASSIGN_OR_RETURN(std::vector<Check> more, catalog_.Privileges());
    std::ranges::move(more, std::back_inserter(checks));
    return checks;
  }

  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override { return catalog_.Tables(); }

  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    return catalog_.Describe(table);
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override {
    RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(Statement statement, StatementOf(request));
    ASSIGN_OR_RETURN(CopyStream stream,
                     connection_.CopyOut("COPY (" + statement.sql + ") TO STDOUT (FORMAT binary)",
                                         request.cancel));
    return ReaderOf(std::move(stream), std::move(statement.fields), request);
  }

  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) override {
    RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(const Statement statement, StatementOf(request));
    SourceTotals totals;
    std::string sql = "SELECT pg_catalog.count(*)";
    for (const ColumnInfo& column : SchemaOf(statement.fields).columns) {
      if (!IsNumeric(column.type) || column.type.kind == TypeKind::kFloat64) continue;
      // An oid has no sum.
      const std::string cast = column.type.kind == TypeKind::kInt64 ? "::bigint" : "";
      sql += ", pg_catalog.sum(" + QuotedName(column.name) + cast + ")";
      totals.sums.push_back({.column = column.name, .value = {}});
    }
    ASSIGN_OR_RETURN(
        const auto answer,
        connection_.Select(sql + " FROM (" + statement.sql + ") AS t", request.cancel));
    if (answer.empty()) return Fail(ErrorCode::kInternal, "the database counted nothing");
    totals.rows = IntegerAt(answer.front(), 0);
    for (std::size_t i = 0; i < totals.sums.size(); ++i)
      totals.sums[i].value = TextAt(answer.front(), i + 1);
    return totals;
  }

  [[nodiscard]] Result<bool> Freeze(const SourceConnection* beside) override {
    RETURN_IF_ERROR(Rollback());
    RETURN_IF_ERROR(Begin());
    const auto* const other = dynamic_cast<const Database*>(beside);
    if (other != nullptr && !other->moment_.empty()) {
      if (connection_.Execute("SET TRANSACTION SNAPSHOT " + connection_.Quoted(other->moment_)))
        return true;
      // Behind a pool of connections it may be another server.
      RETURN_IF_ERROR(Rollback());
      RETURN_IF_ERROR(Begin());
    }
    ASSIGN_OR_RETURN(const auto rows, connection_.Select("SELECT pg_catalog.pg_export_snapshot()"));
    moment_ = rows.empty() ? std::string() : TextAt(rows.front(), 0);
    return false;
  }

 private:
  struct Statement {
    std::string sql;
    std::vector<FieldInfo> fields;
  };

  // Whatever a query calls, the server lets it write nothing.
  Status Begin() {
    if (connection_.transaction() == Connection::Transaction::kOpen) return {};
    if (moment_.empty())
      RETURN_IF_ERROR(Rollback());  // else the moment is lost, and the server says so
    return connection_.Execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }

  Status Rollback() {
    moment_.clear();
    if (connection_.transaction() == Connection::Transaction::kNone) return {};
    return connection_.Execute("ROLLBACK");
  }

  Result<Statement> StatementOf(const SourceRead& request) {
    Statement statement;
    std::string from;
    if (request.query.empty()) {
      ASSIGN_OR_RETURN(const std::string place, catalog_.Find(request.table));
      ASSIGN_OR_RETURN(statement.fields, catalog_.Fields(place));
      RETURN_IF_ERROR(CheckColumns(request, statement.fields));
      std::erase_if(statement.fields, [&](const FieldInfo& field) {
        return !request.columns.empty() &&
               std::ranges::find(request.columns, field.name) == request.columns.end();
      });
      from = place;
    } else {
      // In parentheses: whatever is no SELECT is an error.
      from = "(" + request.query + "\n) AS q";
      ASSIGN_OR_RETURN(statement.fields, connection_.Fields("SELECT * FROM " + from));
    }
    if (statement.fields.empty())
      return Fail(ErrorCode::kUnprocessable, "there is no column to read");
    statement.sql = "SELECT " + ListOf(statement.fields) + " FROM " + from;
    if (request.range) {
      statement.sql +=
          " WHERE " + RangeCondition(*request.range, QuotedName(request.range->column));
    }
    if (request.limit > 0) statement.sql += fmt::format(" LIMIT {}", request.limit);
    return statement;
  }

  Connection connection_;
  Catalog catalog_;
  std::string moment_;  // the name of the snapshot that others can take
};

Result<Connection> Open(const Settings& settings, bool read_only) {
  ASSIGN_OR_RETURN(
      Connection connection,
      Connection::Open({.host = settings.at("host"),
                        .port = static_cast<int>(IntegerOf(settings, "port")),
                        .user = settings.at("user"),
                        .password = settings.at("password"),
                        .database = settings.at("database"),
                        .tls = TlsOf(settings.at("tls")),
                        .ca_file = settings.at("ca_file"),
                        .timeout_s = static_cast<int>(IntegerOf(settings, "timeout_s")),
                        .read_only = read_only}));
  // `public` too: that is where the functions and types of extensions are.
  RETURN_IF_ERROR(
      connection.Execute("SET search_path = " + QuotedName(settings.at("schema")) + ", public"));
  return connection;
}

Result<std::unique_ptr<SourceConnection>> Connect(const Settings& settings) {
  ASSIGN_OR_RETURN(Connection connection, Open(settings, true));
  return std::make_unique<Database>(std::move(connection), settings.at("database"),
                                    settings.at("schema"));
}

Result<std::unique_ptr<SinkConnection>> ConnectSink(const Settings& settings) {
  ASSIGN_OR_RETURN(Connection connection, Open(settings, false));
  return SinkOf(std::move(connection), settings.at("database"), settings.at("schema"));
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add(
      {.name = "postgres",
       .label = {"PostgreSQL", "PostgreSQL"},
       .fields = kFields,
       .can = {.query = true, .incremental = true, .count = true, .sums = true, .write = true},
       .connect = Connect,
       .connect_sink = ConnectSink});
}

}  // namespace aimass::connectors::postgres
