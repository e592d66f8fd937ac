#include "sources/connectors/mysql/sink.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sources/connectors/mysql/catalog.h"
#include "sources/connectors/mysql/literal.h"
#include "sources/connectors/mysql/reader.h"

namespace aimass::connectors::mysql {
namespace {

using mariadb::FieldInfo;
using mariadb::FieldType;
using mariadb::QuotedName;

constexpr std::size_t kStatementBytes = std::size_t{512} << 10;  // of rows; servers take 1 MiB
constexpr std::string_view kStage = "`aimass_sent`";
constexpr std::string_view kDeliveries = "`aimass_deliveries`";
constexpr std::string_view kMakeDeliveries =
    "CREATE TABLE `aimass_deliveries` (id VARCHAR(64) PRIMARY KEY, delivered_at DATETIME NOT NULL) "
    "ENGINE = InnoDB";
constexpr int kMaxScale = 30;

std::string NamesOf(const Schema& schema, std::string_view prefix = {}) {
  std::string list;
  for (const ColumnInfo& column : schema.columns)
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", prefix, QuotedName(column.name));
  return list;
}

std::string NamesOf(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + QuotedName(name);
  return list;
}

// `format` of the quoted name of each column, of the key or of the rest.
std::string EachOf(const SinkRequest& request, bool of_key, std::string_view between,
                   fmt::format_string<std::string&> format) {
  std::string list;
  for (const ColumnInfo& column : request.schema.columns) {
    const bool is_key = std::ranges::find(request.key, column.name) != request.key.end();
    if (is_key != of_key) continue;
    std::string name = QuotedName(column.name);
    list += (list.empty() ? std::string() : std::string(between)) + fmt::format(format, name);
  }
  return list;
}

// The type of a new column. Nothing: no column can hold that.
std::string NativeType(const Type& type, bool of_key) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "BOOLEAN";
    case TypeKind::kInt8:
      return "TINYINT";
    case TypeKind::kInt16:
      return "SMALLINT";
    case TypeKind::kInt32:
      return "INT";
    case TypeKind::kInt64:
      return "BIGINT";
    case TypeKind::kUInt8:
      return "TINYINT UNSIGNED";
    case TypeKind::kUInt16:
      return "SMALLINT UNSIGNED";
    case TypeKind::kUInt32:
      return "INT UNSIGNED";
    case TypeKind::kUInt64:
      return "BIGINT UNSIGNED";
    case TypeKind::kFloat32:
      return "FLOAT";
    case TypeKind::kFloat64:
      return "DOUBLE";
    case TypeKind::kDecimal:
      return type.scale > kMaxScale ? ""
                                    : fmt::format("DECIMAL({},{})", type.precision, type.scale);
    case TypeKind::kNull:
    case TypeKind::kText:
      return of_key ? "VARCHAR(255)" : "LONGTEXT";
    case TypeKind::kBinary:
      return of_key ? "VARBINARY(255)" : "LONGBLOB";
    case TypeKind::kDate:
      return "DATE";
    case TypeKind::kTime:
      return "TIME(6)";
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:  // a TIMESTAMP ends in 2038
      return "DATETIME(6)";
    case TypeKind::kList:
    case TypeKind::kStruct:
    case TypeKind::kMap:
      return "";
  }
  return "";
}

// Texts as they were sent: CHAR loses spaces at its end, JSON and others are laid out anew.
bool IsVerbatim(const FieldInfo& field, std::string_view native_type) {
  if (field.type != FieldType::kText) return field.type != FieldType::kTime;
  return native_type.starts_with("varchar") || native_type.find("text") != std::string_view::npos;
}

class Writer final : public SinkWriter {
 public:
  Writer(mariadb::Connection& connection, SinkRequest request)
      : connection_(connection),
        request_(std::move(request)),
        columns_(NamesOf(request_.schema)),
        head_(fmt::format("INSERT INTO {} ({}) VALUES ", kStage, columns_)) {}
  ~Writer() override {
    static_cast<void>(
        connection_.Execute(fmt::format("DROP TEMPORARY TABLE IF EXISTS {}", kStage)));
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Status Begin() {
    auto made =
        connection_.Execute(fmt::format("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} LIMIT 0",
                                        kStage, columns_, QuotedName(request_.table)));
    if (!made && made.error().code == ErrorCode::kPermissionDenied)
      made.error().hint = Msg("rows are sent by a temporary table: GRANT CREATE TEMPORARY TABLES");
    return made;
  }

  Status Add(const Batch& batch) override {
    for (std::size_t row = 0; row < batch.num_rows(); ++row) {
      if (row % 256 == 0) RETURN_IF_ERROR(request_.cancel.Check());
      statement_ += statement_.empty() ? head_ : ",";
      AppendRow(batch, row);
      if (statement_.size() >= kStatementBytes) RETURN_IF_ERROR(Flush());
    }
    return {};
  }

  Result<std::unique_ptr<BatchReader>> Added() override {
    RETURN_IF_ERROR(Flush());
    ASSIGN_OR_RETURN(const auto fields,
                     connection_.Fields(fmt::format("SELECT * FROM {} LIMIT 0", kStage)));
    ASSIGN_OR_RETURN(mariadb::Answer answer,
                     connection_.Query(fmt::format("SELECT {} FROM {}", ListOf(fields), kStage)));
    SourceRead read;
    read.cancel = request_.cancel;
    return ReaderOf(std::move(answer), std::move(read));
  }

  Status Commit() override {
    RETURN_IF_ERROR(Flush());
    if (request_.mode == SendMode::kUpsert) {
      // As the database compares: 'A' may be 'a'. And a join without it would take for ever.
      RETURN_IF_ERROR(connection_.Execute(
          fmt::format("ALTER TABLE {} ADD UNIQUE ({})", kStage, NamesOf(request_.key))));
    }
    RETURN_IF_ERROR(connection_.Execute("START TRANSACTION"));
    for (const std::string& sql : Statements()) {
      RETURN_IF_ERROR(request_.cancel.Check());
      if (auto done = connection_.Execute(sql); !done) {
        static_cast<void>(connection_.Execute("ROLLBACK"));
        return done;
      }
    }
    return connection_.Execute("COMMIT");
  }

 private:
  [[nodiscard]] std::vector<std::string> Statements() const {
    const std::string table = QuotedName(request_.table);
    const std::string insert =
        fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", table, columns_,
                    NamesOf(request_.schema, "s."), fmt::format("{} AS s", kStage));
    switch (request_.mode) {
      case SendMode::kAppend:
        return {fmt::format("DELETE FROM {} WHERE delivered_at < UTC_TIMESTAMP() - INTERVAL 31 DAY",
                            kDeliveries),
                fmt::format("INSERT INTO {} VALUES ({}, UTC_TIMESTAMP())", kDeliveries,
                            connection_.Quoted(request_.id)),
                insert};
      case SendMode::kReplace:
        return {"DELETE FROM " + table, insert};
      case SendMode::kUpsert:
        break;
    }
    // Not ON DUPLICATE KEY UPDATE, which takes a row for the same by any other unique index, too.
    const std::string same = EachOf(request_, true, " AND ", "t.{0} = s.{0}");
    const std::string values = EachOf(request_, false, ", ", "t.{0} = s.{0}");
    std::vector<std::string> statements;
    if (!values.empty()) {
      statements.push_back(
          fmt::format("UPDATE {} AS t JOIN {} AS s ON {} SET {}", table, kStage, same, values));
    }
    statements.push_back(fmt::format("{} LEFT JOIN {} AS t ON {} WHERE t.{} IS NULL", insert, table,
                                     same, QuotedName(request_.key.front())));
    return statements;
  }

  Status Flush() {
    if (statement_.empty()) return {};
    auto done = connection_.Execute(statement_);
    statement_.clear();
    return done;
  }

  void AppendRow(const Batch& batch, std::size_t row) {
    for (std::size_t i = 0; i < request_.schema.columns.size(); ++i) {
      statement_ += i == 0 ? "(" : ",";
      AppendLiteral(statement_, connection_, batch.column(i), row);
    }
    statement_ += ')';
  }

  mariadb::Connection& connection_;
  SinkRequest request_;
  std::string columns_;
  std::string head_;
  std::string statement_;
};

class Sink final : public SinkConnection {
 public:
  Sink(mariadb::Connection connection, std::string database)
      : connection_(std::move(connection)), catalog_(connection_, std::move(database)) {}

  Result<std::optional<SinkTable>> Describe(const std::string& table) override {
    auto found = catalog_.Describe(table);
    if (!found && found.error().code == ErrorCode::kNotFound) return std::optional<SinkTable>();
    if (!found) return std::unexpected(std::move(found).error());
    ASSIGN_OR_RETURN(const auto fields, catalog_.Fields(table));
    SinkTable described{.columns = {}, .key = std::move(found->key)};
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const SourceColumn& column = found->columns[i];
      SinkColumn taken{.column = column.column,
                       .verbatim = IsVerbatim(fields[i], column.native_type)};
      if (fields[i].type == FieldType::kFloat) taken.column.type = {.kind = TypeKind::kFloat32};
      described.columns.push_back(std::move(taken));
    }
    return std::optional(std::move(described));
  }

  Status Create(const std::string& table, const Schema& schema,
                const std::vector<std::string>& key) override {
    std::string columns;
    for (const ColumnInfo& column : schema.columns) {
      const bool of_key = std::ranges::find(key, column.name) != key.end();
      const std::string type = NativeType(column.type, of_key);
      if (type.empty()) return NoTypeFor(column);
      columns += fmt::format("{}{} {}{}", columns.empty() ? "" : ", ", QuotedName(column.name),
                             type, of_key ? " NOT NULL" : "");
    }
    if (!key.empty()) columns += fmt::format(", PRIMARY KEY ({})", NamesOf(key));
    return connection_.Execute(
        fmt::format("CREATE TABLE {} ({}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4",
                    QuotedName(table), columns));
  }

  Result<bool> Delivered(const std::string& id) override {
    ASSIGN_OR_RETURN(const bool there, HasDeliveries());
    if (!there) return false;
    ASSIGN_OR_RETURN(const auto rows,
                     connection_.Select(fmt::format("SELECT 1 FROM {} WHERE id = {}", kDeliveries,
                                                    connection_.Quoted(id))));
    return !rows.empty();
  }

  Result<std::unique_ptr<SinkWriter>> Write(const SinkRequest& request) override {
    RETURN_IF_ERROR(CheckTransactions(request.table));
    if (request.mode == SendMode::kUpsert) RETURN_IF_ERROR(CheckUnique(request));
    if (request.mode == SendMode::kAppend) RETURN_IF_ERROR(MakeDeliveries());
    auto writer = std::make_unique<Writer>(connection_, request);
    RETURN_IF_ERROR(writer->Begin());
    return writer;
  }

 private:
  Result<bool> HasDeliveries() {
    ASSIGN_OR_RETURN(
        const auto rows,
        connection_.Select("SELECT 1 FROM information_schema.tables WHERE table_schema "
                           "= DATABASE() AND table_name = 'aimass_deliveries'"));
    return !rows.empty();
  }

  Status MakeDeliveries() {
    ASSIGN_OR_RETURN(const bool there, HasDeliveries());
    if (there) return {};
    return DeliveriesMade(connection_.Execute(kMakeDeliveries), std::string(kMakeDeliveries));
  }

  Status CheckTransactions(const std::string& table) {
    ASSIGN_OR_RETURN(
        const auto rows,
        connection_.Select("SELECT t.table_type, t.engine, e.transactions FROM "
                           "information_schema.tables t LEFT JOIN information_schema.engines e ON "
                           "e.engine = t.engine WHERE t.table_schema = DATABASE() AND "
                           "t.table_name = " +
                           connection_.Quoted(table)));
    if (rows.empty())
      return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", table);
    if (TextAt(rows.front(), 0) != "BASE TABLE")
      return Fail(ErrorCode::kUnprocessable, "'{}' is a view: rows go into tables", table);
    if (TextAt(rows.front(), 2) == "YES") return {};
    return WithHint(Fail(ErrorCode::kUnprocessable,
                         "table '{}' has no transactions ({}), so that rows cannot go there all "
                         "at once",
                         table, TextAt(rows.front(), 1)),
                    Msg("ALTER TABLE {} ENGINE = InnoDB", QuotedName(table)));
  }

  Status CheckUnique(const SinkRequest& request) {
    ASSIGN_OR_RETURN(const auto rows,
                     connection_.Select("SELECT index_name, column_name, sub_part FROM "
                                        "information_schema.statistics WHERE table_schema = "
                                        "DATABASE() AND non_unique = 0 AND table_name = " +
                                        connection_.Quoted(request.table)));
    std::map<std::string, std::vector<std::string>> indexes;
    for (const auto& row : rows) indexes[TextAt(row, 0)].push_back(TextAt(row, 1));
    for (const auto& row : rows) {
      if (row[2]) indexes.erase(TextAt(row, 0));  // of the beginnings of values
    }
    return CheckUniqueKey(request, indexes,
                          fmt::format("ALTER TABLE {} ADD UNIQUE ({})", QuotedName(request.table),
                                      NamesOf(request.key)));
  }

  mariadb::Connection connection_;
  Catalog catalog_;
};

}  // namespace

std::unique_ptr<SinkConnection> SinkOf(mariadb::Connection connection, std::string database) {
  return std::make_unique<Sink>(std::move(connection), std::move(database));
}

}  // namespace aimass::connectors::mysql
