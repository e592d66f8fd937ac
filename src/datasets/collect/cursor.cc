#include "datasets/collect/cursor.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/file.h"
#include "datasets/delta/log.h"

namespace aimass {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kUsPerDay = std::int64_t{24} * 3600 * kUsPerSecond;
constexpr std::int64_t kFirstDay = -719'162;  // 0001-01-01, the first that every database knows
constexpr std::int64_t kFarthestEastUs = 14 * 3600 * kUsPerSecond;
constexpr std::size_t kMaxCandidates = 3;

// a - b, but no less than `floor`.
std::int64_t Less(std::int64_t a, std::int64_t b, std::int64_t floor) {
  std::int64_t result = 0;
  return __builtin_sub_overflow(a, b, &result) ? floor : std::max(result, floor);
}

bool NameHas(std::string_view name, std::span<const std::string_view> words) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::any_of(words, [&](std::string_view word) { return lower.contains(word); });
}

// 0 is the best; none: not to be proposed.
std::optional<int> RankOf(const TableDescription& table, const ColumnInfo& column) {
  static constexpr std::array<std::string_view, 9> kChanged = {
      "updat", "modif", "chang", "mtime", "last_", "version", "更新", "修改", "变更"};
  static constexpr std::array<std::string_view, 4> kMade = {"creat", "insert", "创建", "新增"};
  if (!MayBeCursor(column.type)) return std::nullopt;
  const bool time = IsTemporal(column.type);
  if (time && NameHas(column.name, kChanged)) return 0;
  if (!time && table.key.size() == 1 && table.key.front() == column.name) return 1;
  if (time) return NameHas(column.name, kMade) ? 2 : 3;
  return std::nullopt;
}

}  // namespace

Json ToJson(const Cursor& cursor) {
  return {{"cursor", cursor.column},
          {"key", cursor.key},
          {"overlap", cursor.overlap ? Json(*cursor.overlap) : Json()}};
}

Result<Cursor> CursorFromJson(const Json& json) {
  Cursor cursor;
  ASSIGN_OR_RETURN(cursor.column, GetString(json, "cursor"));
  for (const Json& column : json.value("key", Json::array()))
    cursor.key.push_back(column.get<std::string>());
  if (json.contains("overlap") && json["overlap"].is_number_integer())
    cursor.overlap = json["overlap"].get<std::int64_t>();
  return cursor;
}

std::int64_t DefaultOverlap(const Type& type) {
  if (type.kind == TypeKind::kDate) return 24 * 3600;
  return IsTemporal(type) ? 300 : 1000;
}

std::int64_t StartOf(const Type& type, std::int64_t position, std::int64_t overlap) {
  if (!IsTemporal(type)) return Less(position, overlap, std::numeric_limits<std::int64_t>::min());
  if (type.kind == TypeKind::kDate) {
    const std::int64_t days = overlap / (24 * 3600) + (overlap % (24 * 3600) > 0 ? 1 : 0);
    return Less(position, days, kFirstDay);
  }
  std::int64_t us = 0;
  if (__builtin_mul_overflow(overlap, kUsPerSecond, &us)) return kFirstDay * kUsPerDay;
  return Less(position, us, kFirstDay * kUsPerDay);
}

std::optional<std::int64_t> GreatestAt(const Type& type, std::int64_t now_ms) {
  if (!IsTemporal(type)) return std::nullopt;
  const std::int64_t now_us = now_ms * 1000;
  if (type.kind == TypeKind::kTimestampTz) return now_us;
  const std::int64_t end_us = now_us + kFarthestEastUs;
  return type.kind == TypeKind::kDate ? end_us / kUsPerDay : end_us;
}

std::string PositionName(const std::string& source_id, const std::string& table,
                         const std::string& query, const Cursor& cursor) {
  const Json what{source_id, table, query, cursor.column, cursor.key};
  return fmt::format("{}{}", delta::kPositionPrefix, Sha256(what.dump()).substr(0, 32));
}

std::string ChangesName(const std::string& source_id, const std::string& table) {
  const Json what{source_id, table, "changes"};
  return fmt::format("{}{}", delta::kPositionPrefix, Sha256(what.dump()).substr(0, 32));
}

std::string MarkName(const std::string& position_name) { return position_name + ".mark"; }

std::string SurplusName(const std::string& position_name) { return position_name + ".surplus"; }

std::string EverName(const std::string& position_name) { return position_name + ".ever"; }

std::string CursorCandidates(const TableDescription& table) {
  std::vector<std::pair<int, const SourceColumn*>> candidates;
  for (const SourceColumn& column : table.columns) {
    if (const auto rank = RankOf(table, column.column)) candidates.emplace_back(*rank, &column);
  }
  std::ranges::stable_sort(candidates, {}, [](const auto& one) { return one.first; });
  if (candidates.size() > kMaxCandidates) candidates.resize(kMaxCandidates);
  std::string text;
  for (const auto& [rank, column] : candidates) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", column->column.name,
                        TypeName(column->column.type));
  }
  return text;
}

}  // namespace aimass
