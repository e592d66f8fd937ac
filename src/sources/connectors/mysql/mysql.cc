// MariaDB and MySQL.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "base/words.h"
#include "sources/connector.h"
#include "sources/connectors/mysql/decode.h"
#include "table/json_rows.h"

namespace aimass::connectors::mysql {
namespace {

using mariadb::FieldInfo;
using mariadb::FieldType;
using mariadb::QuotedName;

constexpr std::size_t kMaxBatchBytes = std::size_t{64} << 20;

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
};

mariadb::Tls TlsOf(std::string_view name) {
  if (name == "off") return mariadb::Tls::kOff;
  if (name == "on") return mariadb::Tls::kOn;
  return name == "verify" ? mariadb::Tls::kVerify : mariadb::Tls::kAuto;
}

const std::string& TextAt(const mariadb::Connection::Row& row, std::size_t column) {
  static const std::string kEmpty;
  return column < row.size() && row[column] ? *row[column] : kEmpty;
}

std::int64_t IntegerAt(const mariadb::Connection::Row& row, std::size_t column) {
  const std::string& text = TextAt(row, column);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Schema SchemaOf(const std::vector<FieldInfo>& fields) {
  Schema schema;
  for (const FieldInfo& field : fields)
    schema.columns.push_back({field.name, TypeOf(field), field.nullable});
  return schema;
}

// A row as JSON, of what the server sent.
std::string RawRow(const mariadb::Answer& answer) {
  std::string out = "{";
  for (std::size_t i = 0; i < answer.fields().size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonText(out, answer.fields()[i].name);
    out += ':';
    const std::string_view value = answer.Value(i);
    if (value.data() == nullptr) {
      out += "null";
    } else {
      AppendJsonText(out, value);
    }
  }
  return out + "}";
}

class Reader : public BatchReader {
 public:
  Reader(mariadb::Answer answer, SourceRead request)
      : answer_(std::move(answer)),
        request_(std::move(request)),
        schema_(std::make_shared<const Schema>(SchemaOf(answer_.fields()))),
        values_(answer_.fields().size()) {}

  [[nodiscard]] const Schema& schema() const override { return *schema_; }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    BatchBuilder builder(schema_);
    std::size_t rows = 0;
    std::size_t bytes = 0;
    while (rows < request_.batch_rows && bytes < kMaxBatchBytes) {
      if (rows % 256 == 0) RETURN_IF_ERROR(request_.cancel.Check());
      ASSIGN_OR_RETURN(const bool found, answer_.Next());
      if (!found) break;
      ++number_;
      ASSIGN_OR_RETURN(const bool good, DecodeRow(&bytes));
      if (!good) continue;
      for (std::size_t i = 0; i < values_.size(); ++i) Append(builder, i, values_[i]);
      ++rows;
    }
    if (rows == 0) return std::optional<Batch>();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  // False where the row was rejected.
  Result<bool> DecodeRow(std::size_t* bytes) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::string_view text = answer_.Value(i);
      *bytes += text.size();
      const auto value = Decode(answer_.fields()[i], schema_->columns[i].type, text);
      if (value) {
        values_[i] = *value;
        continue;
      }
      Message reason = Msg("column '{}': '{}' is no {}", answer_.fields()[i].name,
                           std::string(text.substr(0, 100)), TypeName(schema_->columns[i].type));
      if (!request_.reject) {
        return std::unexpected(
            Error{.code = ErrorCode::kUnprocessable, .message = std::move(reason), .hint = {}});
      }
      RETURN_IF_ERROR(request_.reject(
          {.number = number_, .reason = std::move(reason), .raw = RawRow(answer_)}));
      return false;
    }
    return true;
  }

  mariadb::Answer answer_;
  SourceRead request_;
  std::shared_ptr<const Schema> schema_;
  std::vector<Value> values_;
  std::int64_t number_ = 0;
};

class Database : public SourceConnection {
 public:
  Database(mariadb::Connection connection, std::string user, std::string database)
      : connection_(std::move(connection)),
        user_(std::move(user)),
        database_(std::move(database)) {}

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
    const std::string account = who.empty() ? user_ : TextAt(who.front(), 0);
    checks.push_back({.ok = true, .message = Msg("signed in as {}", account), .hint = {}});
    ASSIGN_OR_RETURN(const auto tables, ListTables());
    if (tables.empty()) {
      checks.push_back(
          {.ok = false,
           .message = Msg("no table of the database '{}' may be read", database_),
           .hint = Msg("let an administrator of the database run: {}", Grant(account))});
    } else {
      checks.push_back(
          {.ok = true,
           .message = Msg("{} tables of the database '{}' may be read", tables.size(), database_),
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

  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override {
    ASSIGN_OR_RETURN(
        const auto rows,
        connection_.Select("SELECT table_name, table_type, table_comment, table_rows FROM "
                           "information_schema.tables WHERE table_schema = DATABASE() AND "
                           "table_type IN ('BASE TABLE', 'VIEW') ORDER BY table_name"));
    std::vector<SourceTable> tables;
    for (const auto& row : rows) {
      const bool view = TextAt(row, 1) == "VIEW";
      SourceTable table{.name = TextAt(row, 0),
                        .view = view,
                        .comment = view ? std::string() : TextAt(row, 2),  // "VIEW" otherwise
                        .rows = std::nullopt};
      if (row[3]) table.rows = IntegerAt(row, 3);
      tables.push_back(std::move(table));
    }
    return tables;
  }

  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::vector<FieldInfo> fields, FieldsOf(table));
    ASSIGN_OR_RETURN(
        const auto rows,
        connection_.Select("SELECT column_name, column_type, column_comment, is_nullable FROM "
                           "information_schema.columns WHERE table_schema = DATABASE() AND "
                           "table_name = " +
                           connection_.Quoted(table) + " ORDER BY ordinal_position"));
    TableDescription description{.name = table, .columns = {}, .key = {}, .rows = std::nullopt};
    const Schema schema = SchemaOf(fields);
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
      SourceColumn column{.column = schema.columns[i], .native_type = {}, .comment = {}};
      for (const auto& row : rows) {
        if (TextAt(row, 0) != column.column.name) continue;
        column.native_type = TextAt(row, 1);
        column.comment = TextAt(row, 2);
        column.column.nullable = TextAt(row, 3) != "NO";
      }
      description.columns.push_back(std::move(column));
    }
    ASSIGN_OR_RETURN(const auto keys,
                     connection_.Select(
                         "SELECT column_name FROM information_schema.statistics WHERE "
                         "table_schema = DATABASE() AND index_name = 'PRIMARY' AND table_name = " +
                         connection_.Quoted(table) + " ORDER BY seq_in_index"));
    for (const auto& row : keys) description.key.push_back(TextAt(row, 0));
    ASSIGN_OR_RETURN(
        const auto counted,
        connection_.Select("SELECT table_rows FROM information_schema.tables WHERE table_schema = "
                           "DATABASE() AND table_name = " +
                           connection_.Quoted(table)));
    if (!counted.empty() && counted.front()[0]) description.rows = IntegerAt(counted.front(), 0);
    return description;
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const std::string sql, SelectOf(request));
    ASSIGN_OR_RETURN(mariadb::Answer answer, connection_.Query(sql));
    return std::make_unique<Reader>(std::move(answer), request);
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
    moment_.clear();
    ASSIGN_OR_RETURN(const auto rows,
                     connection_.Select("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'"));
    for (const auto& row : rows) {
      const std::string& name = TextAt(row, 0);
      if (name == "Binlog_snapshot_file" || name == "Binlog_snapshot_position")
        moment_ += TextAt(row, 1) + " ";
    }
    if (moment_ == "none 0 " || moment_ == " 0 ") moment_.clear();
    const auto* const other = dynamic_cast<const Database*>(beside);
    return other != nullptr && !moment_.empty() && moment_ == other->moment_;
  }

 private:
  [[nodiscard]] std::string Grant(const std::string& account) const {
    const std::size_t at = account.rfind('@');
    return "GRANT SELECT ON " + QuotedName(database_) + ".* TO '" + account.substr(0, at) + "'@'" +
           (at == std::string::npos ? "%" : account.substr(at + 1)) + "'";
  }

  Result<std::vector<FieldInfo>> FieldsOf(const std::string& table) {
    auto fields = connection_.Fields("SELECT * FROM " + QuotedName(table) + " LIMIT 0");
    if (fields || fields.error().code != ErrorCode::kNotFound) return fields;
    ASSIGN_OR_RETURN(const auto tables, ListTables());
    std::vector<std::string_view> names;
    for (const SourceTable& known : tables) names.push_back(known.name);
    auto failure =
        Fail(ErrorCode::kNotFound, "the database '{}' has no table '{}'", database_, table);
    if (const std::string nearest = Nearest(table, names); !nearest.empty())
      return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
    return failure;
  }

  Result<std::string> SelectOf(const SourceRead& request) {
    std::string sql;
    if (!request.query.empty()) {
      // In parentheses: whatever is no SELECT (INTO OUTFILE, several statements) is an error.
      sql = "SELECT * FROM (" + request.query + "\n) AS q";
    } else {
      ASSIGN_OR_RETURN(const std::vector<FieldInfo> fields, FieldsOf(request.table));
      std::string list;
      for (const FieldInfo& field : fields) {
        const bool wanted = request.columns.empty() ||
                            std::ranges::find(request.columns, field.name) != request.columns.end();
        if (!wanted) continue;
        const std::string name = QuotedName(field.name);
        list += list.empty() ? "" : ", ";
        // The server prints a FLOAT with six digits only.
        list += field.type == FieldType::kFloat ? name + " + 0e0 AS " + name : name;
      }
      for (const std::string& column : request.columns) {
        const bool known = std::ranges::any_of(
            fields, [&](const FieldInfo& field) { return field.name == column; });
        if (!known) {
          return Fail(ErrorCode::kNotFound, "table '{}' has no column '{}'", request.table, column);
        }
      }
      sql = "SELECT " + list + " FROM " + QuotedName(request.table);
    }
    if (request.range)
      sql += " WHERE " + RangeCondition(*request.range, QuotedName(request.range->column));
    if (request.limit > 0) sql += fmt::format(" LIMIT {}", request.limit);
    return sql;
  }

  mariadb::Connection connection_;
  std::string user_;
  std::string database_;
  std::string moment_;  // of the snapshot; empty: the server does not say
};

Result<std::unique_ptr<SourceConnection>> Connect(const Settings& settings) {
  mariadb::Options options{.host = settings.at("host"),
                           .port = static_cast<int>(IntegerOf(settings, "port")),
                           .user = settings.at("user"),
                           .password = settings.at("password"),
                           .database = settings.at("database"),
                           .tls = TlsOf(settings.at("tls")),
                           .ca_file = settings.at("ca_file")};
  options.read_timeout_s = static_cast<int>(IntegerOf(settings, "timeout_s"));
  ASSIGN_OR_RETURN(mariadb::Connection connection, mariadb::Connection::Open(options));
  return std::make_unique<Database>(std::move(connection), options.user, options.database);
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add({.name = "mysql",
                .label = {"MySQL and MariaDB", "MySQL 与 MariaDB"},
                .fields = kFields,
                .can = {.query = true, .incremental = true, .count = true, .sums = true},
                .connect = Connect});
}

}  // namespace aimass::connectors::mysql
