#include "models/features/analysis.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "models/features/text.h"

namespace aimass::features {
namespace {

// "customer_id", "userId", "ID", "编号", "rownames": a name that people give to identifiers.
bool NamedLikeId(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
  if (lower == "id" || lower == "rownames" || lower == "rowid" || lower == "uuid" ||
      lower == "index" || lower == "unnamed: 0") {
    return true;
  }
  return lower.ends_with("_id") || lower.ends_with(" id") || lower.ends_with("-id") ||
         lower.ends_with("uuid") || name.ends_with("Id") || name.ends_with("ID") ||
         name.ends_with("编号") || name.ends_with("序号") || name.ends_with("流水号");
}

// How many different values there are among whole numbers; reorders them.
std::size_t CountDistinct(std::vector<double>& values, double low, double high) {
  // A mark for each possible value is quicker than sorting, where it takes less memory.
  constexpr double kBitsOfDouble = 64.0;
  if (high - low < kBitsOfDouble * static_cast<double>(values.size())) {
    std::vector<bool> seen(static_cast<std::size_t>(high - low) + 1);
    std::size_t distinct = 0;
    for (const double value : values) {
      const auto at = static_cast<std::size_t>(value - low);
      distinct += seen[at] ? 0 : 1;
      seen[at] = true;
    }
    return distinct;
  }
  std::ranges::sort(values);
  return static_cast<std::size_t>(std::unique(values.begin(), values.end()) - values.begin());
}

// What is not finite counts as missing.
void AnalyseNumbers(std::vector<double> values, ColumnFacts* facts) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  facts->present = values.size();
  facts->strictly_rising = false;
  if (values.empty()) return;
  facts->integers =
      std::ranges::all_of(values, [](double value) { return value == std::trunc(value); });
  bool rising = true, falling = true;
  for (std::size_t i = 1; i < values.size() && (rising || falling); ++i) {
    rising = rising && values[i] > values[i - 1];
    falling = falling && values[i] < values[i - 1];
  }
  facts->strictly_rising = values.size() > 1 && (rising || falling);
  const auto [low, high] = std::ranges::minmax(values);
  facts->low = low;
  facts->high = high;
  facts->distinct = low == high ? 1 : values.size();
  if (facts->integers) facts->distinct = CountDistinct(values, low, high);
}

}  // namespace

ColumnFacts Analyse(const RowTable& table, std::span<const std::uint32_t> rows,
                    std::size_t column) {
  ColumnFacts facts;
  facts.rows = rows.size();
  std::vector<double> values(rows.size());
  if (table.Numbers(rows, column, values)) {
    AnalyseNumbers(std::move(values), &facts);
    return facts;
  }
  // Each different text is looked at once: most columns repeat theirs.
  std::unordered_map<std::string_view, std::uint32_t> texts;
  values.clear();
  for (const std::uint32_t row : rows) {
    const Cell cell = table.At(row, column);
    if (cell.kind == CellKind::kText) ++texts[cell.text];
    if (cell.kind == CellKind::kTime) values.push_back(static_cast<double>(cell.unix_us));
    if (cell.kind == CellKind::kBool || cell.kind == CellKind::kNumber)
      values.push_back(cell.number);
  }
  AnalyseNumbers(std::move(values), &facts);
  std::unordered_set<std::string_view> trimmed;
  for (const auto& [raw, count] : texts) {
    const std::string_view text = Trim(raw);
    if (text.empty()) continue;
    facts.text = true;
    facts.present += count;
    trimmed.insert(text);
    facts.mean_tokens += count * static_cast<double>(ForEachToken(text, [](std::uint64_t) {}));
    facts.mean_characters += count * static_cast<double>(CountCharacters(text));
    if (ParseNumber(text)) {
      facts.numbers += count;
      const bool padded = text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
      if (padded) facts.leading_zeros += count;
    } else if (ParseTime(text)) {
      facts.times += count;
    }
  }
  if (facts.text) {
    facts.distinct = trimmed.size();
    facts.mean_tokens /= static_cast<double>(facts.present);
    facts.mean_characters /= static_cast<double>(facts.present);
  }
  return facts;
}

ColumnRole RoleOf(const Type& type, const ColumnFacts& facts) {
  if (IsTemporal(type)) return ColumnRole::kTime;
  if (type.kind != TypeKind::kText) return ColumnRole::kNumber;
  const auto present = static_cast<double>(facts.present);
  if (static_cast<double>(facts.times) >= 0.98 * present && facts.times > 0)
    return ColumnRole::kTime;
  // 0042 is a code, not the number 42.
  if (static_cast<double>(facts.numbers) >= 0.98 * present &&
      facts.leading_zeros * 10 < facts.numbers && facts.distinct > 2) {
    return ColumnRole::kNumber;
  }
  if (facts.distinct <= kMaxCodes &&
      static_cast<double>(facts.distinct) <= std::max(12.0, 0.5 * present)) {
    return ColumnRole::kCategory;
  }
  const bool wordy = facts.mean_tokens >= 4.0 || facts.mean_characters >= 40.0;
  if (wordy && static_cast<double>(facts.distinct) > 0.3 * present) return ColumnRole::kText;
  return ColumnRole::kTarget;
}

std::optional<Message> WhyUseless(const ColumnInfo& column, const ColumnFacts& facts,
                                  ColumnRole role) {
  switch (column.type.kind) {
    case TypeKind::kNull:
    case TypeKind::kBinary:
    case TypeKind::kTime:
    case TypeKind::kList:
    case TypeKind::kStruct:
    case TypeKind::kMap:
      return Msg("its type {} is not used for training", TypeName(column.type));
    default:
      break;
  }
  if (facts.present == 0) return Msg("every value is missing");
  if (facts.distinct == 1 && facts.present == facts.rows)
    return Msg("every row has the same value");
  const auto present = static_cast<double>(facts.present);
  const auto distinct = static_cast<double>(facts.distinct);
  if (role == ColumnRole::kTarget && facts.present >= 20 && distinct >= 0.95 * present) {
    return Msg("it looks like an identifier: {} different values in {} rows", facts.distinct,
               facts.present);
  }
  if (role == ColumnRole::kNumber && facts.integers && !facts.text && facts.present >= 20 &&
      facts.distinct == facts.present) {
    const bool counts_rows = facts.high - facts.low < 1.05 * present;
    if (facts.strictly_rising || NamedLikeId(column.name) || counts_rows) {
      return Msg("it looks like an identifier: {} different values in {} rows", facts.distinct,
                 facts.present);
    }
  }
  // An identifier that repeats (one row per customer and month) is one nevertheless where its name
  // says so.
  if ((role == ColumnRole::kTarget || (role == ColumnRole::kNumber && facts.integers)) &&
      NamedLikeId(column.name) && facts.present >= 200 && distinct > 0.02 * present &&
      facts.distinct > 100) {
    return Msg("it looks like an identifier: {} different values in {} rows", facts.distinct,
               facts.present);
  }
  return std::nullopt;
}

}  // namespace aimass::features
