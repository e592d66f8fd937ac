#include "sources/database.h"

#include <charconv>
#include <iterator>

#include "base/json.h"
#include "base/words.h"
#include "table/decimal.h"
#include "table/json_rows.h"

namespace aimass {

void Append(BatchBuilder& builder, std::size_t column, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return builder.AppendNull(column);
    case Value::Kind::kBool:
      return builder.AppendBool(column, value.integer != 0);
    case Value::Kind::kInt:
      return builder.AppendInt64(column, value.integer);
    case Value::Kind::kDecimal:
      return builder.AppendDecimal(column, value.decimal);
    case Value::Kind::kDouble:
      return builder.AppendDouble(column, value.number);
    case Value::Kind::kText:
      return builder.AppendText(column, value.text);
    case Value::Kind::kTime:
      return builder.AppendUnixUs(column, value.integer);
  }
}

void AppendPlain(std::string& out, const ColumnView& column, std::size_t row) {
  const Type& type = column.type();
  switch (type.kind) {
    case TypeKind::kText:
    case TypeKind::kBinary:
      out += column.Bytes(row);
      return;
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
      fmt::format_to(std::back_inserter(out), "{}", column.Double(row));
      return;
    case TypeKind::kDecimal:
      out += DecimalText(column.Decimal(row), type.scale);
      return;
    case TypeKind::kDate:
      out += DateText(static_cast<std::int32_t>(column.Int64(row)));
      return;
    case TypeKind::kTime:
      out += TimeText(column.Int64(row));
      return;
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      out += TimestampText(column.Int64(row));
      return;
    case TypeKind::kUInt64:
      fmt::format_to(std::back_inserter(out), "{}", static_cast<std::uint64_t>(column.Int64(row)));
      return;
    default:
      fmt::format_to(std::back_inserter(out), "{}", column.Int64(row));
      return;
  }
}

const std::string& TextAt(const SqlTexts& row, std::size_t column) {
  static const std::string kEmpty;
  return column < row.size() && row[column] ? *row[column] : kEmpty;
}

std::int64_t IntegerAt(const SqlTexts& row, std::size_t column) {
  const std::string& text = TextAt(row, column);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::unexpected<Error> NoTypeFor(const ColumnInfo& column) {
  return WithHint(Fail(ErrorCode::kUnprocessable, "no column of the database holds '{}': {}",
                       column.name, TypeName(column.type)),
                  Msg("make a number or a text of it in SQL first"));
}

Status DeliveriesMade(Status made, const std::string& sql) {
  if (!made && made.error().code == ErrorCode::kPermissionDenied) {
    made.error().hint =
        Msg("by a table it is known what was appended already; let an administrator of the "
            "database run: {}",
            sql);
  }
  return made;
}

Status CheckUniqueKey(const SinkRequest& request,
                      const std::map<std::string, std::vector<std::string>>& indexes,
                      const std::string& cure) {
  std::vector<std::string> key = request.key;
  std::ranges::sort(key);
  for (auto [name, columns] : indexes) {
    std::ranges::sort(columns);
    if (columns == key) return {};
  }
  return WithHint(Fail(ErrorCode::kUnprocessable,
                       "table '{}' has no primary key or unique index of exactly these columns: {}",
                       request.table, Listing(request.key)),
                  Msg("let an administrator of the database run: {}", cure));
}

std::unexpected<Error> NoTable(std::string_view database, std::string_view table,
                               std::span<const SourceTable> tables) {
  std::vector<std::string_view> names;
  for (const SourceTable& known : tables) names.push_back(known.name);
  auto failure = Fail(ErrorCode::kNotFound, "the database '{}' has no table '{}'", database, table);
  if (const std::string nearest = Nearest(table, names); !nearest.empty())
    return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  return failure;
}

}  // namespace aimass
