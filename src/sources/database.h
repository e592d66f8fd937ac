#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sources/connector.h"
#include "sources/sink.h"
#include "table/builder.h"

namespace aimass {

/// What the connectors of SQL databases share.
/// Threads  pure functions.

/// A value on its way into a BatchBuilder. `text` points into what the source sent.
struct Value {
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kDecimal, kDouble, kText, kTime } kind;
  std::int64_t integer = 0;  // kInt; kBool: 0 or 1; kTime: microseconds since 1970
  Int128 decimal = 0;
  double number = 0.0;
  std::string_view text = {};
};
void Append(BatchBuilder& builder, std::size_t column, const Value& value);

/// A value on its way back, as SQL databases read it in UTC, without quotes: "12.50", "1e+300",
/// "2026-11-22T08:30:00.25", 1 or 0 of a boolean; the bytes of texts and binaries. Not for NULL.
void AppendPlain(std::string& out, const ColumnView& column, std::size_t row);

/// A row of a small answer: its values as the source prints them, NULL as nullopt.
using SqlTexts = std::vector<std::optional<std::string>>;
/// Empty for NULL; 0 for what is no whole number.
[[nodiscard]] const std::string& TextAt(const SqlTexts& row, std::size_t column);
[[nodiscard]] std::int64_t IntegerAt(const SqlTexts& row, std::size_t column);

/// kUnprocessable: no type of the database holds the values of a column that is to be sent there.
[[nodiscard]] std::unexpected<Error> NoTypeFor(const ColumnInfo& column);
/// `made`, the outcome of making the table aimass_deliveries by `sql`; where that is not allowed,
/// with who may do it.
[[nodiscard]] Status DeliveriesMade(Status made, const std::string& sql);

/// kNotFound, with the nearest of `tables` as hint.
[[nodiscard]] std::unexpected<Error> NoTable(std::string_view database, std::string_view table,
                                             std::span<const SourceTable> tables);

/// kNotFound where the request names a column that is none of `fields` (anything with a name).
template <typename Fields>
[[nodiscard]] Status CheckColumns(const SourceRead& request, const Fields& fields) {
  for (const std::string& column : request.columns) {
    if (std::ranges::any_of(fields, [&](const auto& field) { return field.name == column; }))
      continue;
    return Fail(ErrorCode::kNotFound, "table '{}' has no column '{}'", request.table, column);
  }
  return {};
}

/// kUnprocessable unless the key of rows to send is that of one of a table's unique indexes, given
/// by their columns. `cure`: the statement that makes one.
[[nodiscard]] Status CheckUniqueKey(const SinkRequest& request,
                                    const std::map<std::string, std::vector<std::string>>& indexes,
                                    const std::string& cure);

}  // namespace aimass
