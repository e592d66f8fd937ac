#include "models/tune/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "models/features/encoder.h"
#include "models/random.h"

namespace aimass {
namespace {

// The value that rows are ordered by: microseconds or the number; NaN where it is missing.
double OrderValue(const Cell& cell) {
  if (const auto time = features::TimeOfCell(cell)) return static_cast<double>(*time);
  return static_cast<double>(cell.kind == CellKind::kNumber ? cell.number : std::nan(""));
}

std::vector<double> OrderValues(const RowTable& table, std::span<const std::uint32_t> rows,
                                std::size_t column) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const std::uint32_t row : rows) values.push_back(OrderValue(table.At(row, column)));
  return values;
}

// A date or timestamp column that (nearly) never falls from row to row and takes more than a
// handful of values.
std::string FindTimeColumn(const RowTable& table, std::span<const std::uint32_t> rows) {
  for (std::size_t c = 0; c < table.schema().columns.size(); ++c) {
    if (!IsTemporal(table.schema().columns[c].type)) continue;
    const std::vector<double> values = OrderValues(table, rows, c);
    std::size_t rising = 0, falling = 0, missing = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(values[i])) {
        ++missing;
      } else if (i > 0 && !std::isnan(values[i - 1])) {
        rising += values[i] > values[i - 1] ? 1 : 0;
        falling += values[i] < values[i - 1] ? 1 : 0;
      }
    }
    if (rising >= 20 && falling * 200 <= values.size() && missing * 100 <= values.size()) {
      return table.schema().columns[c].name;
    }
  }
  return {};
}

// A group per row that random splits keep in equal shares: the class, or the tenth of the values.
std::vector<std::uint32_t> Strata(const TargetColumn& target, std::span<const std::uint32_t> rows) {
  std::vector<std::uint32_t> strata(rows.size());
  if (target.task != TaskKind::kRegression) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      strata[i] = static_cast<std::uint32_t>(target.values[rows[i]]);
    return strata;
  }
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return target.values[rows[i]]; });
  for (std::size_t i = 0; i < order.size(); ++i)
    strata[order[i]] = static_cast<std::uint32_t>(i * 10 / order.size());
  return strata;
}

// Positions 0 … n-1, shuffled, grouped by stratum.
std::vector<std::vector<std::size_t>> ShuffledStrata(const TargetColumn& target,
                                                     std::span<const std::uint32_t> rows,
                                                     std::uint64_t seed) {
  const std::vector<std::uint32_t> strata = Strata(target, rows);
  std::vector<std::vector<std::size_t>> groups(
      strata.empty() ? 0 : *std::ranges::max_element(strata) + 1);
  for (std::size_t i = 0; i < strata.size(); ++i) groups[strata[i]].push_back(i);
  Random random(seed, 0x73706c6974ULL);
  for (std::vector<std::size_t>& group : groups) {
    for (std::size_t i = group.size(); i > 1; --i) std::swap(group[i - 1], group[random.Below(i)]);
  }
  return groups;
}

Status ByTime(const RowTable& table, std::span<const std::uint32_t> rows,
              const SplitOptions& options, std::size_t column, Split* split) {
  const std::vector<double> values = OrderValues(table, rows, column);
  const auto missing = static_cast<std::size_t>(
      std::ranges::count_if(values, [](double v) { return std::isnan(v); }));
  if (missing * 2 > values.size()) {
    return Fail(ErrorCode::kUnprocessable,
                "the time column '{}' has no date, time or number in {} of {} rows",
                split->time_column, missing, values.size());
  }
  std::vector<double> sorted;
  std::ranges::copy_if(values, std::back_inserter(sorted), [](double v) { return !std::isnan(v); });
  std::ranges::sort(sorted);
  double last_training = 0.0;
  if (options.after) {
    last_training = OrderValue(*options.after);
    if (std::isnan(last_training)) {
      return Fail(ErrorCode::kUnprocessable,
                  "the value after which '{}' is held out is no date, time or number",
                  split->time_column);
    }
  } else {
    const std::set<double> distinct(sorted.begin(), sorted.end());
    const std::size_t n = sorted.size();
    if (distinct.size() <= 60 && distinct.size() > 1) {
      // Month-ends and the like: the last of them, or so many that there is something to measure.
      auto first_held = std::prev(distinct.end());
      const auto held = [&] {
        return static_cast<std::size_t>(sorted.end() -
                                        std::ranges::lower_bound(sorted, *first_held));
      };
      while (std::prev(first_held) != distinct.begin() &&
             held() < std::max<std::size_t>(50, n / 50))
        --first_held;
      last_training = *std::prev(first_held);
    } else {
      const auto keep = static_cast<std::size_t>(static_cast<double>(n) * (1.0 - options.fraction));
      last_training = sorted[std::clamp<std::size_t>(keep, 1, n - 1) - 1];
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // A row without a time cannot be shown to be later, so it trains.
    (values[i] > last_training ? split->holdout : split->training).push_back(rows[i]);
  }
  return {};
}

}  // namespace

Result<Split> SplitRows(const RowTable& table, const TargetColumn& target,
                        const SplitOptions& options) {
  std::vector<std::uint32_t> rows;
  Split split;
  for (std::size_t i = 0; i < target.values.size(); ++i) {
    if (std::isnan(target.values[i])) continue;
    const auto row = static_cast<std::uint32_t>(i);
    if (options.given_from > 0 && i >= options.given_from) {
      split.holdout.push_back(row);
    } else {
      rows.push_back(row);
    }
  }
  split.time_column = options.time_column;
  std::optional<std::size_t> column;
  if (!split.time_column.empty()) {
    column = table.schema().Find(split.time_column);
    if (!column) {
      std::vector<std::string_view> names;
      for (const ColumnInfo& info : table.schema().columns) names.push_back(info.name);
      const std::string nearest = Nearest(split.time_column, names);
      auto error =
          Fail(ErrorCode::kUnprocessable, "there is no time column '{}'", split.time_column);
      if (nearest.empty()) return error;
      return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
    }
  }
  if (options.given_from > 0) {
    split.method = "given";
    split.training = std::move(rows);
  } else {
    if (!column) {
      split.time_column = FindTimeColumn(table, rows);
      if (!split.time_column.empty()) column = table.schema().Find(split.time_column);
    }
    if (column) {
      split.method = "time";
      RETURN_IF_ERROR(ByTime(table, rows, options, *column, &split));
    } else {
      split.method = "random";
      constexpr double kMostHeldOut = 50'000;  // rows: more do not make the measurement sharper
      const double fraction =
          std::min(options.fraction, kMostHeldOut / static_cast<double>(rows.size()));
      std::vector<bool> held(rows.size(), false);
      for (const auto& group : ShuffledStrata(target, rows, options.seed)) {
        const auto count = static_cast<std::size_t>(
            std::floor(static_cast<double>(group.size()) * fraction + 0.5));
        for (std::size_t i = 0;
             i < std::min(count, group.size() - std::min<std::size_t>(group.size(), 1)); ++i) {
          held[group[i]] = true;
        }
      }
      for (std::size_t i = 0; i < rows.size(); ++i)
        (held[i] ? split.holdout : split.training).push_back(rows[i]);
    }
  }
  if (split.training.size() < 10 || split.holdout.empty()) {
    return Fail(ErrorCode::kUnprocessable,
                "the split leaves {} rows to train on and {} to measure with",
                split.training.size(), split.holdout.size());
  }
  if (target.task != TaskKind::kRegression) {
    std::vector<bool> trained(target.labels.size(), false);
    for (const std::uint32_t row : split.training)
      trained[static_cast<std::size_t>(target.values[row])] = true;
    for (std::size_t label = 0; label < trained.size(); ++label) {
      if (trained[label]) continue;
      return Fail(ErrorCode::kUnprocessable,
                  "the class '{}' stands only in the rows that are held out by {}",
                  target.labels[label], split.method);
    }
  }
  return split;
}

Folds MakeFolds(const RowTable& table, const TargetColumn& target,
                std::span<const std::uint32_t> rows, const std::string& time_column, int folds,
                std::uint64_t seed) {
  Folds out{.of = std::vector<std::uint8_t>(rows.size(), 0), .count = std::max(folds, 1)};
  const auto column = time_column.empty() ? std::nullopt : table.schema().Find(time_column);
  if (!column) {
    std::size_t next = 0;  // goes on from stratum to stratum, so that the folds are of equal size
    for (const auto& group : ShuffledStrata(target, rows, seed ^ 0x666f6c64ULL)) {
      for (const std::size_t i : group)
        out.of[i] = static_cast<std::uint8_t>(next++ % static_cast<std::size_t>(out.count));
    }
    return out;
  }
  const std::vector<double> values = OrderValues(table, rows, *column);
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) { return std::isnan(values[i]) ? -INFINITY : values[i]; };
  std::ranges::stable_sort(order, {}, key);
  int fold = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto due = static_cast<int>(i * static_cast<std::size_t>(out.count) / order.size());
    if (due > fold && key(order[i]) > key(order[i - 1])) fold = due;
    out.of[order[i]] = static_cast<std::uint8_t>(fold);
  }
  // Ties may have left a number unused: close the gaps.
  std::vector<int> renumbered(static_cast<std::size_t>(out.count), -1);
  int used = 0;
  for (const std::size_t i : order) {
    int& number = renumbered[out.of[i]];
    if (number < 0) number = used++;
    out.of[i] = static_cast<std::uint8_t>(number);
  }
  out.count = used;
  return out;
}

}  // namespace aimass
