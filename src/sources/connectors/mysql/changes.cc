#include "sources/connectors/mysql/changes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "sources/connectors/mysql/decode.h"
#include "sources/connectors/mysql/literal.h"
#include "sources/database.h"
#include "table/builder.h"

namespace aimass::connectors::mysql {
namespace {

using mariadb::Binlog;
using mariadb::BinlogPlace;
using mariadb::FieldInfo;
using mariadb::LoggedColumn;
using mariadb::QuotedName;
using mariadb::RowImages;

constexpr std::size_t kBatchKeys = 8192;
constexpr int kFileBits = 31;  // of a position; the others are the place within the file

std::int64_t At(const BinlogPlace& place) {
  return static_cast<std::int64_t>(mariadb::BinlogNumber(place.file) << (63 - kFileBits) |
                                   place.at);
}

std::unexpected<Error> NoChanges(Message why, Message cure) {
  return WithHint(std::unexpected(Error{
                      .code = ErrorCode::kUnprocessable, .message = std::move(why), .hint = {}}),
                  std::move(cure));
}

std::unexpected<Error> BegunAnew() {
  return NoChanges(Msg("the server's binary log was begun anew"),
                   Msg("refresh the dataset with full"));
}

// By what a log that was begun anew, or another server's, is noticed: who writes it, and how many
// transactions it has had ("0-1-1234,1-2-55" are 1289 of two domains), which only grows.
struct Writer {
  std::int64_t server = 0;
  std::int64_t transactions = 0;

  [[nodiscard]] std::int64_t Mark() const { return server << kCountBits | transactions; }
  static Writer Of(std::int64_t mark) {
    return {.server = mark >> kCountBits, .transactions = mark & kCountMask};
  }
  static constexpr int kCountBits = 48;
  static constexpr std::int64_t kCountMask = (std::int64_t{1} << kCountBits) - 1;
};

Result<Writer> WriterOf(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const auto rows,
                   connection.Select("SELECT @@global.server_id, @@global.gtid_binlog_pos"));
  if (rows.empty()) return Fail(ErrorCode::kInternal, "the database answered nothing");
  constexpr std::int64_t kServers = 0x7fff;  // what a mark has room for
  Writer writer{.server = IntegerAt(rows.front(), 0) & kServers, .transactions = 0};
  for (std::string_view left = TextAt(rows.front(), 1); !left.empty();) {
    const std::size_t comma = std::min(left.find(','), left.size());
    const std::string_view one = left.substr(0, comma);
    std::int64_t number = 0;
    std::from_chars(one.data() + one.rfind('-') + 1, one.data() + one.size(), number);
    writer.transactions = (writer.transactions + number) & Writer::kCountMask;
    left.remove_prefix(std::min(comma + 1, left.size()));
  }
  return writer;
}

// The keys' columns, as the table and its log have them.
struct KeyColumn {
  FieldInfo field;
  std::size_t place = 0;  // in the table
};

// Types whose values the log has as the server prints them.
bool MayBeKey(const SqlTexts& column) {
  static constexpr std::array<std::string_view, 11> kTypes = {
      "tinyint", "smallint", "mediumint", "int",  "bigint",  "char",
      "varchar", "binary",   "varbinary", "date", "datetime"};
  const std::string& type = TextAt(column, 1);
  const std::string& charset = TextAt(column, 2);
  const bool known = std::ranges::find(kTypes, type) != kTypes.end() || type == "timestamp";
  return known && (charset.empty() || charset.starts_with("utf8") || charset == "ascii");
}

Result<std::vector<KeyColumn>> KeyColumnsOf(mariadb::Connection& connection, Catalog& catalog,
                                            const std::string& table) {
  ASSIGN_OR_RETURN(const TableDescription description, catalog.Describe(table));
  ASSIGN_OR_RETURN(const std::vector<FieldInfo> fields, catalog.Fields(table));
  ASSIGN_OR_RETURN(
      const auto columns,
      connection.Select("SELECT column_name, data_type, character_set_name FROM "
                        "information_schema.columns WHERE table_schema = DATABASE() AND "
                        "table_name = " +
                        connection.Quoted(table) + " ORDER BY ordinal_position"));
  std::vector<KeyColumn> key;
  for (const std::string& name : description.key) {
    const auto field = std::ranges::find(fields, name, &FieldInfo::name);
    // The log has columns that SELECT * leaves out, too.
    const auto column =
        std::ranges::find_if(columns, [&](const SqlTexts& one) { return TextAt(one, 0) == name; });
    if (field == fields.end() || column == columns.end()) continue;
    if (!MayBeKey(*column)) {
      return NoChanges(Msg("the key column '{}' is {} {}, by which changes are not told", name,
                           TextAt(*column, 1), TextAt(*column, 2)),
                       Msg("collect the table with mode full or incremental"));
    }
    key.push_back({.field = *field, .place = static_cast<std::size_t>(column - columns.begin())});
  }
  return key;
}

// Rows that a foreign key deletes or changes stand in no binary log.
Status CheckCascades(mariadb::Connection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(const auto rows, connection.Select("SHOW CREATE TABLE " + QuotedName(table)));
  if (rows.empty() || rows.front().size() < 2) return {};
  const std::string& sql = TextAt(rows.front(), 1);
  for (const std::string_view rule : {" CASCADE", " SET NULL", " SET DEFAULT"}) {
    for (const std::string_view when : {" ON DELETE", " ON UPDATE"}) {
      const std::size_t at = sql.find(std::string(when) + std::string(rule));
      const std::size_t line = at == std::string::npos ? at : sql.rfind('\n', at);
      if (line == std::string::npos || !sql.substr(line, at - line).contains(" FOREIGN KEY "))
        continue;
      return NoChanges(
          Msg("rows of '{}' are changed by a foreign key ({}), of which the binary log "
              "says nothing",
              table, sql.substr(at + 1, when.size() + rule.size() - 1)),
          Msg("collect the table with mode full or incremental"));
    }
  }
  return {};
}

class LoggedKeys final : public ChangedKeys {
 public:
  LoggedKeys(Binlog log, std::vector<KeyColumn> key)
      : log_(std::move(log)),
        key_(std::move(key)),
        texts_(key_.size()),
        values_(key_.size(), Value{.kind = Value::Kind::kNull}) {
    std::vector<FieldInfo> fields;
    for (const KeyColumn& column : key_) fields.push_back(column.field);
    schema_ = std::make_shared<const Schema>(SchemaOf(fields));
  }

  [[nodiscard]] const Schema& schema() const override { return *schema_; }
  [[nodiscard]] const std::optional<Message>& everything() const override { return everything_; }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    if (everything_) return std::optional<Batch>();
    BatchBuilder builder(schema_);
    std::size_t rows = 0;
    while (rows < kBatchKeys && !everything_) {
      ASSIGN_OR_RETURN(const bool found, log_.Next());
      if (!found) break;
      if (!log_.statement().empty()) {
        everything_ = Msg("the table may have been changed as a whole: {}", log_.statement());
        break;
      }
      RETURN_IF_ERROR(
          log_.EachImage([&](const std::vector<LoggedColumn>& columns, const RowImages& image) {
            return TakeKey(columns, image, builder, rows);
          }));
    }
    if (rows == 0 || everything_) return std::optional<Batch>();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  Status TakeKey(const std::vector<LoggedColumn>& columns, const RowImages& image,
                 BatchBuilder& builder, std::size_t& rows) {
    for (std::size_t i = 0; i < key_.size() && !everything_; ++i) {
      const KeyColumn& column = key_[i];
      // What an update leaves as it was stands only in the image before it (binlog_row_image).
      if (column.place < columns.size() && !image.has(column.place)) continue;
      const auto bytes = column.place < columns.size() ? image.value(column.place) : std::nullopt;
      auto text = bytes ? LoggedText(columns[column.place], *bytes, column.field.is_unsigned)
                        : std::nullopt;
      std::optional<Value> value;
      if (text) {
        texts_[i] = std::move(*text);
        value = Decode(column.field, schema_->columns[i].type, texts_[i]);
      }
      if (value) {
        values_[i] = *value;
      } else {  // the table was another then, or holds what no date is
        everything_ = Msg("a key of the binary log cannot be read: column '{}'", column.field.name);
      }
    }
    if (everything_) return {};
    for (std::size_t i = 0; i < values_.size(); ++i) Append(builder, i, values_[i]);
    ++rows;
    return {};
  }

  Binlog log_;
  std::vector<KeyColumn> key_;
  std::shared_ptr<const Schema> schema_;
  std::optional<Message> everything_;
  std::vector<std::string> texts_;  // that values of the last key point into
  std::vector<Value> values_;
};

}  // namespace

Result<ChangePosition> PositionOf(mariadb::Connection& connection, const BinlogPlace& snapshot) {
  if (snapshot.file.empty()) {
    const bool maria = connection.server_version().contains("MariaDB");
    return maria ? NoChanges(Msg("the server keeps no binary log"),
                             Msg("start it with log_bin and binlog_format = ROW"))
                 : NoChanges(Msg("MySQL does not say where in its binary log a snapshot is"),
                             Msg("mode changes needs MariaDB; collect the table with mode full or "
                                 "incremental"));
  }
  ASSIGN_OR_RETURN(const auto formats, connection.Select("SELECT @@global.binlog_format"));
  if (formats.empty() || TextAt(formats.front(), 0) != "ROW") {
    return NoChanges(Msg("the binary log does not tell which rows change: its format is {}",
                         formats.empty() ? std::string() : TextAt(formats.front(), 0)),
                     Msg("SET GLOBAL binlog_format = 'ROW'"));
  }
  ASSIGN_OR_RETURN(const Writer writer, WriterOf(connection));
  return ChangePosition{.at = At(snapshot), .mark = writer.Mark()};
}

Result<std::unique_ptr<ChangedKeys>> KeysOfLog(mariadb::Connection& connection,
                                               const mariadb::Options& options, Catalog& catalog,
                                               const std::string& table, const ChangePosition& from,
                                               const BinlogPlace& until,
                                               const CancelToken& cancel) {
  RETURN_IF_ERROR(CheckCascades(connection, table));
  ASSIGN_OR_RETURN(std::vector<KeyColumn> key, KeyColumnsOf(connection, catalog, table));
  const auto position = static_cast<std::uint64_t>(from.at);
  const std::string base = until.file.substr(0, until.file.rfind('.'));
  const BinlogPlace begin{.file = fmt::format("{}.{:06}", base, position >> (63 - kFileBits)),
                          .at = position & ((std::uint64_t{1} << (63 - kFileBits)) - 1)};
  ASSIGN_OR_RETURN(const Writer now, WriterOf(connection));
  const Writer then = Writer::Of(from.mark);
  if (At(begin) > At(until) || now.server != then.server || now.transactions < then.transactions)
    return BegunAnew();
  ASSIGN_OR_RETURN(Binlog log, Binlog::Open(options, {.database = catalog.database(),
                                                      .table = table,
                                                      .from = begin,
                                                      .until = until,
                                                      .cancel = cancel}));
  return std::make_unique<LoggedKeys>(std::move(log), std::move(key));
}

std::string KeyCondition(const mariadb::Connection& connection, const SourceKeys& keys) {
  const Schema& schema = keys.batch->schema();
  const bool one = schema.columns.size() == 1;
  const auto exact = [&](std::size_t column) {  // 'a' may be 'A' to the column
    return schema.columns[column].type.kind == TypeKind::kText;
  };
  std::string condition;
  for (std::size_t row = keys.first; row < keys.first + keys.count; ++row) {
    if (one) {
      condition += condition.empty() ? "" : ",";
      AppendLiteral(condition, connection, keys.batch->column(0), row);
      continue;
    }
    condition += condition.empty() ? "(" : " OR (";
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
      const std::string name = QuotedName(schema.columns[i].name);
      std::string literal;
      AppendLiteral(literal, connection, keys.batch->column(i), row);
      condition += fmt::format("{}{} = {}", i > 0 ? " AND " : "", name, literal);
      if (exact(i)) condition += fmt::format(" AND BINARY {} = {}", name, literal);
    }
    condition += ')';
  }
  if (!one) return condition;
  const std::string name = QuotedName(schema.columns.front().name);
  if (!exact(0)) return fmt::format("{} IN ({})", name, condition);
  return fmt::format("{0} IN ({1}) AND BINARY {0} IN ({1})", name, condition);
}

}  // namespace aimass::connectors::mysql
