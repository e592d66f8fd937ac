#include "models/tune/groups.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "models/features/analysis.h"
#include "models/features/text.h"
#include "models/random.h"

namespace aimass {
namespace {

constexpr std::size_t kSampledRows = 4000;
constexpr std::size_t kMostCopies = 20;  // per different row, on average
constexpr std::size_t kFewCopies = 100;  // fewer than one row in so many: chance

std::uint64_t Mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

std::uint64_t HashOf(const Cell& cell) {
  switch (cell.kind) {
    case CellKind::kNull:
      return 0x6e756c6cULL;
    case CellKind::kText:
      return Fnv1a(features::Trim(cell.text));
    case CellKind::kTime:
      return Mix(static_cast<std::uint64_t>(cell.unix_us));
    default:
      // 0 and -0 are the same value.
      return Mix(std::bit_cast<std::uint64_t>(cell.number == 0.0 ? 0.0 : cell.number) + 1);
  }
}

// Columns by whose values two rows are told apart: the features, without those that number the
// rows.
std::vector<std::size_t> TellingColumns(const RowTable& table, std::span<const std::uint32_t> rows,
                                        const GroupOptions& options) {
  const std::size_t step = (rows.size() + kSampledRows - 1) / kSampledRows;
  std::vector<std::uint32_t> sample;
  for (std::size_t i = 0; i < rows.size(); i += step) sample.push_back(rows[i]);
  std::vector<std::size_t> columns;
  for (std::size_t c = 0; c < table.schema().columns.size(); ++c) {
    const ColumnInfo& column = table.schema().columns[c];
    if (column.name == options.target || std::ranges::count(options.drop, column.name) > 0)
      continue;
    const features::ColumnFacts facts = features::Analyse(table, sample, c);
    const features::ColumnRole role = features::RoleOf(column.type, facts);
    const bool numbers_rows = role == features::ColumnRole::kNumber && facts.integers &&
                              facts.distinct == facts.present && facts.present >= 20 &&
                              facts.high - facts.low < 1.05 * static_cast<double>(rows.size());
    if (!numbers_rows && !features::WhyUseless(column, facts, role)) columns.push_back(c);
  }
  return columns;
}

struct Hashed {
  std::uint64_t hash;
  std::uint32_t row;
  auto operator<=>(const Hashed&) const = default;
};

// Drops the rows that no other one equals so far. `rows` is sorted by hash, then row, afterwards.
void KeepRepeated(std::vector<Hashed>& rows) {
  std::ranges::sort(rows);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool repeated = (i > 0 && rows[i - 1].hash == rows[i].hash) ||
                          (i + 1 < rows.size() && rows[i + 1].hash == rows[i].hash);
    if (repeated) rows[kept++] = rows[i];  // kept ≤ i: what is compared next is still there
  }
  rows.resize(kept);
}

Result<RowGroups> ByColumn(const RowTable& table, const TargetColumn& target,
                           const std::string& name) {
  const auto column = table.schema().Find(name);
  if (!column) {
    std::vector<std::string_view> names;
    for (const ColumnInfo& info : table.schema().columns) names.push_back(info.name);
    auto error = Fail(ErrorCode::kUnprocessable, "there is no group column '{}'", name);
    const std::string nearest = Nearest(name, names);
    if (nearest.empty()) return error;
    return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
  }
  RowGroups groups{.by = "column", .column = name, .of = {}, .duplicates = 0};
  std::unordered_map<std::string, std::uint32_t> numbers;
  std::uint32_t next = 0;
  std::string scratch;
  std::size_t with_target = 0, of_first = 0;
  std::uint32_t first = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string_view key = features::KeyOfCell(table.At(row, *column), scratch);
    std::uint32_t number = next;
    if (!key.empty()) number = numbers.emplace(std::string(key), next).first->second;
    if (number == next) ++next;
    groups.of.push_back(number);
    if (std::isnan(target.values[row])) continue;
    if (with_target++ == 0) first = number;
    of_first += number == first ? 1 : 0;
  }
  if (with_target > 0 && of_first == with_target) {
    return Fail(ErrorCode::kUnprocessable,
                "the group column '{}' has the same value in every row: no group is left to "
                "measure with",
                name);
  }
  return groups;
}

}  // namespace

Result<RowGroups> GroupRows(const RowTable& table, const TargetColumn& target,
                            const GroupOptions& options) {
  std::vector<std::uint32_t> rows;
  for (std::size_t row = 0; row < target.values.size(); ++row) {
    if (!std::isnan(target.values[row])) rows.push_back(static_cast<std::uint32_t>(row));
  }
  RowGroups groups;
  if (!options.column.empty()) {
    ASSIGN_OR_RETURN(groups, ByColumn(table, target, options.column));
  }
  std::vector<Hashed> repeated;
  repeated.reserve(rows.size());
  for (const std::uint32_t row : rows) repeated.push_back({0, row});
  const std::vector<std::size_t> columns = TellingColumns(table, rows, options);
  if (columns.empty()) return groups;
  // A few columns tell nearly all rows apart, so the others are read for what is left only.
  constexpr std::size_t kColumnsAtOnce = 3;
  for (std::size_t c = 0; c < columns.size() && !repeated.empty(); c += kColumnsAtOnce) {
    for (std::size_t k = c; k < std::min(c + kColumnsAtOnce, columns.size()); ++k) {
      for (Hashed& item : repeated)
        item.hash = Mix(item.hash * 0x9e3779b97f4a7c15ULL + HashOf(table.At(item.row, columns[k])));
    }
    KeepRepeated(repeated);
  }
  std::size_t distinct = rows.size() - repeated.size();
  for (std::size_t i = 0; i < repeated.size(); ++i) {
    if (i == 0 || repeated[i].hash != repeated[i - 1].hash) ++distinct;
  }
  groups.duplicates = rows.size() - distinct;
  if (!options.column.empty() || groups.duplicates * kFewCopies < rows.size() ||
      distinct * kMostCopies < rows.size()) {
    return groups;
  }
  groups.by = "rows";
  groups.of.resize(table.rows());
  std::iota(groups.of.begin(), groups.of.end(), 0U);
  for (std::size_t i = 1; i < repeated.size(); ++i) {
    if (repeated[i].hash == repeated[i - 1].hash)
      groups.of[repeated[i].row] = groups.of[repeated[i - 1].row];
  }
  return groups;
}

Units::Units(const RowGroups& groups, std::span<const std::uint32_t> rows) {
  if (groups.of.empty()) {
    heads_.resize(rows.size());
    std::iota(heads_.begin(), heads_.end(), 0U);
    return;
  }
  next_.assign(rows.size(), kEnd);
  size_.assign(rows.size(), 0);
  std::unordered_map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> ends;  // head, last
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto position = static_cast<std::uint32_t>(i);
    const auto [found, fresh] = ends.try_emplace(groups.of[rows[i]], std::pair(position, position));
    if (fresh) {
      heads_.push_back(position);
    } else {
      next_[found->second.second] = position;
      found->second.second = position;
    }
    ++size_[found->second.first];
  }
}

}  // namespace aimass
