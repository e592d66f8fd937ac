#include "sources/connectors/postgres/sink.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "sources/connectors/postgres/catalog.h"
#include "sources/connectors/postgres/decode.h"
#include "sources/connectors/postgres/reader.h"

namespace aimass::connectors::postgres {
namespace {

using aimass::postgres::Connection;
using aimass::postgres::CopyInput;
using aimass::postgres::QuotedName;

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
constexpr std::string_view kStage = "pg_temp.aimass_sent";
constexpr std::string_view kDeliveries = "aimass_deliveries";

std::string NamesOf(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + QuotedName(name);
  return list;
}

std::string NamesOf(const Schema& schema) {
  std::vector<std::string> names;
  for (const ColumnInfo& column : schema.columns) names.push_back(column.name);
  return NamesOf(names);
}

// The type of a new column. Nothing: no column can hold that.
std::string NativeType(const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "boolean";
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kUInt8:
      return "smallint";
    case TypeKind::kInt32:
    case TypeKind::kUInt16:
      return "integer";
    case TypeKind::kInt64:
    case TypeKind::kUInt32:
      return "bigint";
    case TypeKind::kUInt64:
      return "numeric(20,0)";
    case TypeKind::kFloat32:
      return "real";
    case TypeKind::kFloat64:
      return "double precision";
    case TypeKind::kDecimal:
      return fmt::format("numeric({},{})", type.precision, type.scale);
    case TypeKind::kNull:
    case TypeKind::kText:
      return "text";
    case TypeKind::kBinary:
      return "bytea";
    case TypeKind::kDate:
      return "date";
    case TypeKind::kTime:
      return "time";
    case TypeKind::kTimestamp:
      return "timestamp";
    case TypeKind::kTimestampTz:
      return "timestamptz";
    case TypeKind::kList:
    case TypeKind::kStruct:
    case TypeKind::kMap:
      return "";
  }
  return "";
}

// Texts as they were sent: what is printed for us (jsonb, uuid, numeric without digits) and CHAR
// may come back in another form.
bool IsVerbatim(const Type& type, std::string_view native_type) {
  return type.kind != TypeKind::kText || native_type == "text" ||
         native_type.starts_with("character varying");
}

class Writer final : public SinkWriter {
 public:
  Writer(Connection& connection, SinkRequest request, std::string place)
      : connection_(connection),
        request_(std::move(request)),
        place_(std::move(place)),
        columns_(NamesOf(request_.schema)) {}
  ~Writer() override {
    input_.reset();
    if (connection_.alive() && connection_.transaction() != Connection::Transaction::kNone)
      static_cast<void>(connection_.Execute("ROLLBACK"));
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Status Begin() {
    RETURN_IF_ERROR(connection_.Execute("BEGIN"));
    auto made = connection_.Execute(
        fmt::format("CREATE TEMPORARY TABLE aimass_sent ON COMMIT DROP AS SELECT {} FROM {} WITH "
                    "NO DATA",
                    columns_, place_));
    if (!made && made.error().code == ErrorCode::kPermissionDenied)
      made.error().hint = Msg("rows are sent by a temporary table: GRANT TEMPORARY ON DATABASE");
    RETURN_IF_ERROR(made);
    ASSIGN_OR_RETURN(CopyInput input, connection_.CopyIn(fmt::format("COPY {} FROM STDIN", kStage),
                                                         request_.cancel));
    input_.emplace(std::move(input));
    return {};
  }

  Status Add(const Batch& batch) override {
    for (std::size_t row = 0; row < batch.num_rows(); ++row) {
      for (std::size_t i = 0; i < request_.schema.columns.size(); ++i) {
        if (i > 0) piece_ += '\t';
        AppendField(batch.column(i), row);
      }
      piece_ += '\n';
      if (piece_.size() >= kPieceBytes) RETURN_IF_ERROR(Flush());
    }
    return {};
  }

  Result<std::unique_ptr<BatchReader>> Added() override {
    RETURN_IF_ERROR(EndInput());
    ASSIGN_OR_RETURN(auto fields, connection_.Fields(fmt::format("SELECT * FROM {}", kStage)));
    ASSIGN_OR_RETURN(
        auto stream,
        connection_.CopyOut(fmt::format("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)",
                                        ListOf(fields), kStage),
                            request_.cancel));
    SourceRead read;
    read.cancel = request_.cancel;
    return ReaderOf(std::move(stream), std::move(fields), std::move(read));
  }

  Status Commit() override {
    RETURN_IF_ERROR(EndInput());
    for (const std::string& sql : Statements()) {
      ASSIGN_OR_RETURN([[maybe_unused]] const auto rows, connection_.Select(sql, request_.cancel));
    }
    return connection_.Execute("COMMIT");
  }

 private:
  [[nodiscard]] std::vector<std::string> Statements() const {
    const std::string insert =
        fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", place_, columns_, columns_, kStage);
    switch (request_.mode) {
      case SendMode::kAppend:
        return {fmt::format("DELETE FROM {} WHERE delivered_at < now() - interval '31 days'",
                            kDeliveries),
                fmt::format("INSERT INTO {} VALUES ({}, now())", kDeliveries,
                            connection_.Quoted(request_.id)),
                insert};
      case SendMode::kReplace:
        return {"DELETE FROM " + place_, insert};
      case SendMode::kUpsert:
        break;
    }
    std::string values;
    for (const ColumnInfo& column : request_.schema.columns) {
      if (std::ranges::find(request_.key, column.name) != request_.key.end()) continue;
      const std::string name = QuotedName(column.name);
      values += fmt::format("{}{} = EXCLUDED.{}", values.empty() ? "" : ", ", name, name);
    }
    return {fmt::format("{} ON CONFLICT ({}) DO {}", insert, NamesOf(request_.key),
                        values.empty() ? "NOTHING" : "UPDATE SET " + values)};
  }

  Status Flush() {
    auto sent = input_->Write(piece_);
    piece_.clear();
    return sent;
  }

  Status EndInput() {
    if (!input_) return {};
    RETURN_IF_ERROR(Flush());
    auto ended = input_->End();
    input_.reset();
    return ended;
  }

  // In the text format of COPY.
  void AppendField(const ColumnView& column, std::size_t row) {
    if (column.IsNull(row)) {
      piece_ += "\\N";
      return;
    }
    switch (column.type().kind) {
      case TypeKind::kBool:
        piece_ += column.Int64(row) != 0 ? 't' : 'f';
        return;
      case TypeKind::kBinary:
        piece_ += "\\\\x";
        for (const char byte : column.Bytes(row))
          fmt::format_to(std::back_inserter(piece_), "{:02x}", static_cast<unsigned char>(byte));
        return;
      case TypeKind::kText:
        for (const char c : column.Bytes(row)) {
          if (c == '\\' || c == '\t' || c == '\n' || c == '\r') {
            piece_ += '\\';
            piece_ += c == '\\' ? '\\' : c == '\t' ? 't' : c == '\n' ? 'n' : 'r';
          } else {
            piece_ += c;
          }
        }
        return;
      default:
        return AppendPlain(piece_, column, row);
    }
  }

  Connection& connection_;
  SinkRequest request_;
  std::string place_;
  std::string columns_;
  std::optional<CopyInput> input_;
  std::string piece_;
};

class Sink final : public SinkConnection {
 public:
  Sink(Connection connection, std::string database, std::string schema)
      : connection_(std::move(connection)),
        schema_(schema),
        catalog_(connection_, std::move(database), std::move(schema)) {}

  Result<std::optional<SinkTable>> Describe(const std::string& table) override {
    auto found = catalog_.Describe(table);
    if (!found && found.error().code == ErrorCode::kNotFound) return std::optional<SinkTable>();
    if (!found) return std::unexpected(std::move(found).error());
    SinkTable described{.columns = {}, .key = std::move(found->key)};
    for (SourceColumn& column : found->columns) {
      const bool verbatim = IsVerbatim(column.column.type, column.native_type);
      described.columns.push_back({.column = std::move(column.column), .verbatim = verbatim});
    }
    return std::optional(std::move(described));
  }

  Status Create(const std::string& table, const Schema& schema,
                const std::vector<std::string>& key) override {
    std::string columns;
    for (const ColumnInfo& column : schema.columns) {
      const std::string type = NativeType(column.type);
      if (type.empty()) return NoTypeFor(column);
      columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", QuotedName(column.name), type);
    }
    if (!key.empty()) columns += fmt::format(", PRIMARY KEY ({})", NamesOf(key));
    // A name with a point is that of a table in another schema, where there is such a schema.
    std::string place = QuotedName(schema_) + "." + QuotedName(table);
    if (const std::size_t point = table.find('.'); point != std::string::npos) {
      const std::string other = table.substr(0, point);
      ASSIGN_OR_RETURN(const auto there,
                       connection_.Select("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = " +
                                          connection_.Quoted(other)));
      if (!there.empty()) place = QuotedName(other) + "." + QuotedName(table.substr(point + 1));
    }
    return connection_.Execute(fmt::format("CREATE TABLE {} ({})", place, columns));
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
    ASSIGN_OR_RETURN(std::string place, catalog_.Find(request.table));
    if (request.mode == SendMode::kUpsert) {
      ASSIGN_OR_RETURN(const auto indexes, catalog_.UniqueIndexes(place));
      RETURN_IF_ERROR(CheckUniqueKey(
          request, indexes,
          fmt::format("CREATE UNIQUE INDEX ON {} ({})", place, NamesOf(request.key))));
    }
    if (request.mode == SendMode::kAppend) RETURN_IF_ERROR(MakeDeliveries());
    auto writer = std::make_unique<Writer>(connection_, request, std::move(place));
    RETURN_IF_ERROR(writer->Begin());
    return writer;
  }

 private:
  Result<bool> HasDeliveries() {
    ASSIGN_OR_RETURN(const auto rows,
                     connection_.Select(fmt::format("SELECT 1 WHERE pg_catalog.to_regclass('{}') "
                                                    "IS NOT NULL",
                                                    kDeliveries)));
    return !rows.empty();
  }

  Status MakeDeliveries() {
    ASSIGN_OR_RETURN(const bool there, HasDeliveries());
    if (there) return {};
    const std::string sql = fmt::format(
        "CREATE TABLE IF NOT EXISTS {}.{} (id text PRIMARY KEY, delivered_at timestamptz NOT NULL)",
        QuotedName(schema_), kDeliveries);
    return DeliveriesMade(connection_.Execute(sql), sql);
  }

  Connection connection_;
  std::string schema_;
  Catalog catalog_;
};

}  // namespace

std::unique_ptr<SinkConnection> SinkOf(Connection connection, std::string database,
                                       std::string schema) {
  return std::make_unique<Sink>(std::move(connection), std::move(database), std::move(schema));
}

}  // namespace aimass::connectors::postgres
