// Whether a column alone gives the target away. Nearly none does, and mostly a few thousand rows
// prove it: rows that contradict only become more. So rows are counted until it is proven, and only
// a column that may give the target away is looked at as a whole.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/features/analysis.h"

namespace aimass::features {
namespace {

constexpr std::size_t kLeastRows = 50;
constexpr std::size_t kBins = 50;
constexpr double kMostWrong = 0.001;   // of the rows, where a column gives the class away
constexpr double kGivenAway = 0.9995;  // AUC
constexpr double kExplained = 0.999;   // of the variance

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

// Numbers the different values of a category from 0 on, a missing one too.
class Categories {
 public:
  Categories(const RowTable& table, std::span<const std::uint32_t> rows, std::size_t column)
      : table_(table), rows_(rows), column_(column) {}

  std::size_t Of(std::size_t i) {
    const std::string_view key = KeyOfCell(table_.At(rows_[i], column_), scratch_);
    const auto found = numbers_.find(key);
    if (found != numbers_.end()) return found->second;
    return numbers_.emplace(key, numbers_.size()).first->second;
  }
  [[nodiscard]] std::size_t count() const { return numbers_.size(); }

 private:
  const RowTable& table_;
  std::span<const std::uint32_t> rows_;
  std::size_t column_;
  TextMap<std::size_t> numbers_;
  std::string scratch_;
};

// Quantile bins of numbers, from 1 on; the missing ones are group 0.
class Bins {
 public:
  explicit Bins(std::span<const double> values) : values_(values) {
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
    for (std::size_t i = 1; i < kBins && !sorted.empty(); ++i)
      edges_.push_back(sorted[i * sorted.size() / kBins]);
    edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());
  }

  [[nodiscard]] std::size_t Of(std::size_t i) const {
    if (std::isnan(values_[i])) return 0;
    return 1 +
           static_cast<std::size_t>(std::ranges::upper_bound(edges_, values_[i]) - edges_.begin());
  }
  [[nodiscard]] std::size_t count() const { return edges_.size() + 2; }

 private:
  std::span<const double> values_;
  std::vector<double> edges_;
};

// Rows by group and class.
class Counts {
 public:
  explicit Counts(std::size_t classes) : classes_(classes) {}

  void Add(std::size_t group, float target) {
    if (group * classes_ >= rows_.size()) rows_.resize((group + 1) * classes_, 0.0);
    rows_[group * classes_ + static_cast<std::size_t>(target)] += 1.0;
    all_ += 1.0;
  }
  // Rows of the most frequent class of their group.
  [[nodiscard]] double Right() const {
    double right = 0.0;
    for (std::size_t at = 0; at < rows_.size(); at += classes_) {
      right += *std::max_element(rows_.begin() + static_cast<std::ptrdiff_t>(at),
                                 rows_.begin() + static_cast<std::ptrdiff_t>(at + classes_));
    }
    return right;
  }
  // The other rows: more rows never make it fewer.
  [[nodiscard]] double Wrong() const { return all_ - Right(); }
  // Of two classes, the groups in order: pairs of a row of each class that are in the wrong order,
  // in whichever order has fewer of them, with the missing values, group 0, on the side that has
  // fewer. Pairs of one group may be in any order. More rows never make it fewer.
  [[nodiscard]] double WrongPairs() const {
    const std::size_t groups = rows_.size() / 2;
    double best = INFINITY;
    for (const bool missing_first : {true, false}) {
      double rising = 0.0, falling = 0.0, negatives = 0.0, positives = 0.0;  // those below
      for (std::size_t at = 0; at < groups; ++at) {
        const std::size_t g = missing_first ? at : (at + 1) % groups;
        rising += positives * rows_[2 * g];
        falling += negatives * rows_[2 * g + 1];
        negatives += rows_[2 * g];
        positives += rows_[2 * g + 1];
      }
      best = std::min({best, rising, falling});
    }
    return best;
  }

 private:
  std::size_t classes_;
  std::vector<double> rows_;  // [groups × classes]
  double all_ = 0.0;
};

// The best AUC, or 1 - AUC, of the values, with the missing ones below all others or above.
double BestArea(std::span<const double> values, std::span<const float> target) {
  double best = 0.0;
  for (const double missing : {-INFINITY, INFINITY}) {
    std::vector<double> filled(values.begin(), values.end());
    std::ranges::replace_if(filled, [](double v) { return std::isnan(v); }, missing);
    const std::vector<double> ranks = Ranks(filled);
    double sum = 0.0, positives = 0.0;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      if (target[i] > 0.5F) sum += ranks[i], positives += 1.0;
    }
    const double negatives = static_cast<double>(ranks.size()) - positives;
    if (positives < 5.0 || negatives < 5.0) return 0.0;
    const double area = (sum - positives * (positives - 1.0) / 2.0) / (positives * negatives);
    best = std::max({best, area, 1.0 - area});
    if (best >= kGivenAway) break;
  }
  return best;
}

// ranked: the values where their order may give the target away, else empty.
template <typename Groups>
std::optional<Message> GivesClassAway(Groups groups, std::span<const double> ranked,
                                      std::span<const float> target, std::size_t classes) {
  const std::size_t rows = target.size();
  const auto n = static_cast<double>(rows);
  std::vector<double> of_class(classes, 0.0);
  for (const float label : target) of_class[static_cast<std::size_t>(label)] += 1.0;
  const double pairs = ranked.empty() ? 0.0 : of_class[0] * of_class[1];
  Counts counts(classes);
  bool separates = true, ranks = pairs > 0.0;
  std::size_t look_at = 4096;
  for (std::size_t i = 0; i < rows && (separates || ranks); ++i) {
    const std::size_t group = groups.Of(i);
    // Groups of a few rows are pure by chance.
    if (groups.count() * 5 > rows) return std::nullopt;
    counts.Add(group, target[i]);
    if (i + 1 != look_at && i + 1 != rows) continue;
    look_at *= 2;
    separates = separates && counts.Wrong() <= kMostWrong * n + 1.0;
    ranks = ranks && 1.0 - counts.WrongPairs() / pairs >= kGivenAway;
  }
  const double pure = counts.Right() / n, majority = *std::ranges::max_element(of_class) / n;
  if (separates && 1.0 - pure <= kMostWrong && 1.0 - pure < 0.02 * (1.0 - majority)) {
    return Msg("it gives the target away: alone it tells the class of {} of the rows",
               fmt::format("{:.4f}", pure));
  }
  if (!ranks) return std::nullopt;
  const double area = BestArea(ranked, target);
  if (area < kGivenAway) return std::nullopt;
  return Msg("it gives the target away: alone it ranks the rows with an AUC of {}",
             fmt::format("{:.4f}", area));
}

// The share of the target's variance that the groups' means explain.
double ExplainedVariance(Categories& groups, std::span<const float> target) {
  std::vector<double> sums, counts;
  double sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const std::size_t group = groups.Of(i);
    if (group >= sums.size()) sums.resize(group + 1), counts.resize(group + 1);
    sums[group] += target[i];
    counts[group] += 1.0;
    sum += target[i];
    squares += static_cast<double>(target[i]) * target[i];
  }
  const auto n = static_cast<double>(target.size());
  const double total = squares - sum * sum / n;
  double between = -sum * sum / n;
  for (std::size_t g = 0; g < sums.size(); ++g) between += sums[g] * sums[g] / counts[g];
  return total > 0.0 ? between / total : 0.0;
}

// The same share by a straight line, or by a monotone function: the target's logarithm gives it
// away as well.
double ExplainedByNumber(std::span<const double> values, std::span<const float> target) {
  std::vector<double> x, y;
  x.reserve(values.size()), y.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) x.push_back(values[i]), y.push_back(target[i]);
  }
  if (x.size() * 2 < values.size() || x.size() < kLeastRows) return 0.0;
  const double explained = SquaredCorrelation(x, y);
  if (explained >= kExplained || explained <= 0.3) return explained;
  const double by_rank = SquaredCorrelation(Ranks(x), Ranks(y));
  return by_rank >= 0.9999 ? by_rank : explained;
}

std::vector<double> ValuesOf(const RowTable& table, std::span<const std::uint32_t> rows,
                             std::size_t column, ColumnRole role) {
  std::vector<double> values(rows.size());
  if (role == ColumnRole::kNumber && table.Numbers(rows, column, values)) {
    for (double& value : values) value = static_cast<double>(ToFloat(value));
    return values;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Cell cell = table.At(rows[i], column);
    if (role == ColumnRole::kTime) {
      const auto time = TimeOfCell(cell);
      values[i] = time ? static_cast<double>(*time) : std::nan("");
    } else {
      values[i] = static_cast<double>(NumberOfCell(cell));
    }
  }
  return values;
}

}  // namespace

std::optional<Message> WhyGivesAway(const RowTable& table, std::span<const std::uint32_t> rows,
                                    std::size_t column, ColumnRole role,
                                    std::span<const float> target, TaskKind task,
                                    std::size_t classes) {
  if (rows.size() < kLeastRows || role == ColumnRole::kText) return std::nullopt;
  const bool categories = role == ColumnRole::kCategory || role == ColumnRole::kTarget;
  const std::vector<double> values =
      categories ? std::vector<double>{} : ValuesOf(table, rows, column, role);
  if (task != TaskKind::kRegression) {
    if (categories) return GivesClassAway(Categories(table, rows, column), {}, target, classes);
    const bool ranked = task == TaskKind::kBinary;
    return GivesClassAway(Bins(values), ranked ? std::span(values) : std::span<const double>{},
                          target, classes);
  }
  double explained = 0.0;
  if (categories) {
    Categories groups(table, rows, column);
    explained = ExplainedVariance(groups, target);
    if (groups.count() * 5 > rows.size()) return std::nullopt;
  } else {
    // As of groups: a table of fewer rows than this says nothing.
    if (Bins(values).count() * 5 > rows.size()) return std::nullopt;
    explained = ExplainedByNumber(values, target);
  }
  if (explained < kExplained) return std::nullopt;
  return Msg("it gives the target away: alone it explains {} of its variance",
             fmt::format("{:.4f}", explained));
}

}  // namespace aimass::features
