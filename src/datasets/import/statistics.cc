#include "datasets/import/statistics.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

#include "native/duckdb/database.h"

namespace aimass {
namespace {

using duckdb::QuoteName;

constexpr std::size_t kStatisticsColumns = 32;  // as many as Delta's own writers index

// "2024-01-02 03:04:05.123456[+00]" as Delta keeps it: milliseconds; the greatest value is rounded
// up.
std::string TimestampStatistic(std::string_view text, bool greatest, bool zone) {
  std::string out(text.substr(0, 19));
  if (out.size() < 19 || out[10] != ' ') return {};
  out[10] = 'T';
  int ms = 0;
  if (text.size() > 20 && text[19] == '.') {
    std::string digits(text.substr(20, 3));
    digits.erase(
        std::find_if(digits.begin(), digits.end(), [](char c) { return c < '0' || c > '9'; }),
        digits.end());
    digits.resize(3, '0');
    std::from_chars(digits.data(), digits.data() + 3, ms);
  }
  if (greatest && ms == 999)
    return {};  // the next second is not ours to compute: no bound is a true bound
  if (greatest) ++ms;
  return Json(fmt::format("{}.{:03}{}", out, ms, zone ? "Z" : "")).dump();
}

// A bound as it stands in the log; empty where there is none.
std::string Statistic(const Type& type, std::string_view text, bool greatest) {
  switch (type.kind) {
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
    case TypeKind::kDecimal:
      return Json::accept(text) ? std::string(text) : std::string();
    case TypeKind::kText:
      return text.size() <= 256 ? Json(text).dump(-1, ' ', false, Json::error_handler_t::ignore)
                                : std::string();
    case TypeKind::kDate:
      return text.size() == 10 ? Json(text).dump() : std::string();
    case TypeKind::kTimestamp:
      return TimestampStatistic(text, greatest, false);
    case TypeKind::kTimestampTz:
      return TimestampStatistic(text, greatest, true);
    default:
      return {};
  }
}

using ColumnStatistics = std::map<std::string, std::map<std::string, std::string>>;

// DuckDB's map of maps, as our JSON writes maps: lists of {"key","value"}.
ColumnStatistics ParseStatistics(const Json& json) {
  ColumnStatistics all;
  for (const Json& column : json) {
    auto& entries = all[column.value("key", "")];
    if (!column.contains("value") || !column["value"].is_array()) continue;
    for (const Json& entry : column["value"]) {
      const Json& value = entry.at("value");
      if (value.is_string()) entries[entry.value("key", "")] = value.get<std::string>();
    }
  }
  return all;
}

}  // namespace

std::string DeltaStatistics(const Schema& schema, std::int64_t rows, const Json& columns) {
  const ColumnStatistics all = ParseStatistics(columns);
  std::string least;
  std::string most;
  std::string nulls;
  const auto add = [](std::string& list, const std::string& name, const std::string& value) {
    if (value.empty()) return;
    list += (list.empty() ? "" : ",") + Json(name).dump() + ":" + value;
  };
  for (std::size_t i = 0; i < std::min(schema.columns.size(), kStatisticsColumns); ++i) {
    const ColumnInfo& column = schema.columns[i];
    const auto found = all.find(QuoteName(column.name));
    if (found == all.end() || !column.type.children.empty()) continue;
    const auto& entries = found->second;
    const auto text = [&entries](const char* key) {
      const auto at = entries.find(key);
      return at == entries.end() ? std::string() : at->second;
    };
    add(nulls, column.name, text("null_count"));
    if (text("has_nan") == "true" || !entries.contains("min") || !entries.contains("max")) continue;
    const std::string low = Statistic(column.type, text("min"), false);
    const std::string high = Statistic(column.type, text("max"), true);
    if (low.empty() || high.empty()) continue;
    add(least, column.name, low);
    add(most, column.name, high);
  }
  return fmt::format(
      R"({{"numRecords":{},"minValues":{{{}}},"maxValues":{{{}}},"nullCount":{{{}}}}})", rows,
      least, most, nulls);
}

}  // namespace aimass
