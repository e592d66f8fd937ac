#include "sources/database.h"

#include <charconv>

#include "base/json.h"

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
