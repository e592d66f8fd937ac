#include "models/features/analysis.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
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

// Ranks of `values` (ties get the mean rank).
std::vector<double> Ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double rank = 0.5 * static_cast<double>(i + end - 1);
    for (; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

double SquaredCorrelation(std::span<const double> a, std::span<const double> b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0.0 && bb > 0.0 ? ab * ab / (aa * bb) : 0.0;
}

// Group numbers of the rows by the column's value; numbers fall into quantile bins, missing is a
// group.
struct Groups {
  std::vector<std::uint32_t> of;
  std::size_t count = 0;
};

Groups ByCategory(const RowTable& table, std::span<const std::uint32_t> rows, std::size_t column) {
  Groups groups;
  TextMap<std::uint32_t> numbers;
  std::string scratch;
  for (const std::uint32_t row : rows) {
    const std::string key(KeyOfCell(table.At(row, column), scratch));
    groups.of.push_back(
        numbers.emplace(key, static_cast<std::uint32_t>(numbers.size())).first->second);
  }
  groups.count = numbers.size();
  return groups;
}

Groups ByQuantile(std::span<const double> values, std::size_t bins) {
  // Edges need not be exact: of many rows a part tells them as well. A prime step does not fall
  // into the step of a table that was made in rounds.
  constexpr std::size_t kEnough = 100'000;
  constexpr std::size_t kPrime = 7'919;
  std::vector<double> sorted;
  const bool all = values.size() <= kEnough || values.size() % kPrime == 0;
  for (std::size_t i = 0; i < (all ? values.size() : kEnough); ++i) {
    const double value = values[all ? i : i * kPrime % values.size()];
    if (!std::isnan(value)) sorted.push_back(value);
  }
  std::ranges::sort(sorted);
  std::vector<double> edges;
  for (std::size_t i = 1; i < bins && !sorted.empty(); ++i)
    edges.push_back(sorted[i * sorted.size() / bins]);
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  Groups groups;
  groups.count = edges.size() + 2;
  for (const double value : values) {
    groups.of.push_back(std::isnan(value)
                            ? 0
                            : 1 + static_cast<std::uint32_t>(
                                      std::ranges::upper_bound(edges, value) - edges.begin()));
  }
  return groups;
}

// At most what the AUC, or 1 - AUC, can be of values of which only the groups of ByQuantile are
// known: rows of different groups are in order, those of one group may all be. Group 0 has the
// missing values, which stand below all others or above.
double BestArea(const Groups& groups, std::span<const float> target) {
  std::vector<double> positives(groups.count, 0.0), negatives(groups.count, 0.0);
  double all_positives = 0.0, all_negatives = 0.0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const bool positive = target[i] > 0.5F;
    (positive ? positives : negatives)[groups.of[i]] += 1.0;
    (positive ? all_positives : all_negatives) += 1.0;
  }
  if (all_positives == 0.0 || all_negatives == 0.0) return 0.0;
  double best = 0.0;
  for (const bool missing_first : {true, false}) {
    double right = 0.0, tied = 0.0, below = 0.0;
    for (std::size_t at = 0; at < groups.count; ++at) {
      const std::size_t g = missing_first ? at : (at + 1) % groups.count;
      right += positives[g] * below;
      tied += positives[g] * negatives[g];
      below += negatives[g];
    }
    const double pairs = all_positives * all_negatives;
    best = std::max({best, (right + tied) / pairs, 1.0 - right / pairs});
  }
  return best;
}

// The share of rows that are right when each group is given its most frequent class, and the same
// without groups.
std::pair<double, double> Purity(const Groups& groups, std::span<const float> target,
                                 std::size_t classes) {
  std::vector<double> counts(groups.count * classes, 0.0);
  std::vector<double> all(classes, 0.0);
  for (std::size_t i = 0; i < target.size(); ++i) {
    const auto label = static_cast<std::size_t>(target[i]);
    counts[groups.of[i] * classes + label] += 1.0;
    all[label] += 1.0;
  }
  double right = 0.0;
  for (std::size_t g = 0; g < groups.count; ++g) {
    right += *std::max_element(counts.begin() + static_cast<std::ptrdiff_t>(g * classes),
                               counts.begin() + static_cast<std::ptrdiff_t>((g + 1) * classes));
  }
  const auto n = static_cast<double>(target.size());
  return {right / n, *std::ranges::max_element(all) / n};
}

// The share of the target's variance that the groups' means explain.
double ExplainedVariance(const Groups& groups, std::span<const float> target) {
  std::vector<double> sums(groups.count, 0.0), counts(groups.count, 0.0);
  double sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    sums[groups.of[i]] += target[i];
    counts[groups.of[i]] += 1.0;
    sum += target[i];
    squares += static_cast<double>(target[i]) * target[i];
  }
  const auto n = static_cast<double>(target.size());
  const double total = squares - sum * sum / n;
  double between = -sum * sum / n;
  for (std::size_t g = 0; g < groups.count; ++g) {
    if (counts[g] > 0.0) between += sums[g] * sums[g] / counts[g];
  }
  return total > 0.0 ? between / total : 0.0;
}

}  // namespace

ColumnFacts Analyse(const RowTable& table, std::span<const std::uint32_t> rows,
                    std::size_t column) {
  ColumnFacts facts;
  facts.rows = rows.size();
  // Each different text is looked at once: most columns repeat theirs.
  std::unordered_map<std::string_view, std::uint32_t> texts;
  std::vector<double> values;
  bool rising = true, falling = true;
  for (const std::uint32_t row : rows) {
    const Cell cell = table.At(row, column);
    if (cell.kind == CellKind::kNull) continue;
    if (cell.kind == CellKind::kText) {
      ++texts[cell.text];
      continue;
    }
    const double value =
        cell.kind == CellKind::kTime ? static_cast<double>(cell.unix_us) : cell.number;
    if (!std::isfinite(value)) continue;
    ++facts.present;
    if (value != std::trunc(value)) facts.integers = false;
    if (!values.empty()) {
      rising = rising && value > values.back();
      falling = falling && value < values.back();
    }
    values.push_back(value);
  }
  facts.strictly_rising = facts.present > 1 && (rising || falling);
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
  } else if (!values.empty()) {
    const auto [low, high] = std::ranges::minmax(values);
    facts.low = low;
    facts.high = high;
    if (facts.integers) {
      std::ranges::sort(values);
      values.erase(std::unique(values.begin(), values.end()), values.end());
      facts.distinct = values.size();
    } else {
      facts.distinct = low == high ? 1 : values.size();
    }
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

std::optional<Message> WhyGivesAway(const RowTable& table, std::span<const std::uint32_t> rows,
                                    std::size_t column, ColumnRole role,
                                    std::span<const float> target, TaskKind task,
                                    std::size_t classes) {
  constexpr std::size_t kLeastRows = 50;
  if (rows.size() < kLeastRows || role == ColumnRole::kText) return std::nullopt;
  const bool categories = role == ColumnRole::kCategory || role == ColumnRole::kTarget;
  std::vector<double> values;
  if (!categories) {
    for (const std::uint32_t row : rows) {
      const Cell cell = table.At(row, column);
      const auto time = TimeOfCell(cell);
      const bool is_time = role == ColumnRole::kTime;
      values.push_back(is_time ? (time ? static_cast<double>(*time) : std::nan(""))
                               : static_cast<double>(NumberOfCell(cell)));
    }
  }
  const Groups groups = categories ? ByCategory(table, rows, column) : ByQuantile(values, 50);
  // Groups of a few rows are pure by chance.
  if (groups.count * 5 > rows.size()) return std::nullopt;

  if (task == TaskKind::kRegression) {
    double explained = ExplainedVariance(groups, target);
    if (!categories) {
      explained = 0.0;
      std::vector<double> x, y;
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isnan(values[i])) x.push_back(values[i]), y.push_back(target[i]);
      }
      if (x.size() * 2 >= values.size() && x.size() >= kLeastRows) {
        explained = SquaredCorrelation(x, y);
        // A monotone function of the target (its logarithm) gives it away as well.
        if (explained < 0.999 && explained > 0.3) {
          const double by_rank = SquaredCorrelation(Ranks(x), Ranks(y));
          if (by_rank >= 0.9999) explained = by_rank;
        }
      }
    }
    if (explained < 0.999) return std::nullopt;
    return Msg("it gives the target away: alone it explains {} of its variance",
               fmt::format("{:.4f}", explained));
  }

  const auto [pure, majority] = Purity(groups, target, classes);
  if (1.0 - pure <= 0.001 && 1.0 - pure < 0.02 * (1.0 - majority)) {
    return Msg("it gives the target away: alone it tells the class of {} of the rows",
               fmt::format("{:.4f}", pure));
  }
  constexpr double kGivenAway = 0.9995;
  if (task == TaskKind::kBinary && !categories && BestArea(groups, target) >= kGivenAway) {
    // Missing values rank on either side, whichever separates better.
    for (const double missing :
         {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()}) {
      std::vector<double> filled(values);
      std::ranges::replace_if(filled, [](double v) { return std::isnan(v); }, missing);
      const std::vector<double> ranks = Ranks(filled);
      double sum = 0.0, positives = 0.0;
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        if (target[i] > 0.5F) sum += ranks[i], positives += 1.0;
      }
      const double negatives = static_cast<double>(ranks.size()) - positives;
      if (positives < 5.0 || negatives < 5.0) break;
      const double area = (sum - positives * (positives - 1.0) / 2.0) / (positives * negatives);
      if (std::max(area, 1.0 - area) >= kGivenAway) {
        return Msg("it gives the target away: alone it ranks the rows with an AUC of {}",
                   fmt::format("{:.4f}", std::max(area, 1.0 - area)));
      }
    }
  }
  return std::nullopt;
}

}  // namespace aimass::features
