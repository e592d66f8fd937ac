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

// The heads of units, shuffled, by the stratum of their first row.
std::vector<std::vector<std::uint32_t>> ShuffledStrata(const TargetColumn& target,
                                                       std::span<const std::uint32_t> rows,
                                                       const Units& units, std::uint64_t seed) {
  const std::vector<std::uint32_t> strata = Strata(target, rows);
  std::vector<std::vector<std::uint32_t>> shuffled(
      strata.empty() ? 0 : *std::ranges::max_element(strata) + 1);
  for (const std::uint32_t head : units.heads()) shuffled[strata[head]].push_back(head);
  Random random(seed, 0x73706c6974ULL);
  for (std::vector<std::uint32_t>& heads : shuffled) {
    for (std::size_t i = heads.size(); i > 1; --i) std::swap(heads[i - 1], heads[random.Below(i)]);
  }
  return shuffled;
}

// Which positions are held out: a share of each stratum, whole units, and of no class every row.
std::vector<bool> HoldOut(const TargetColumn& target, std::span<const std::uint32_t> rows,
                          const Units& units, double fraction, std::uint64_t seed) {
  std::vector<bool> held(rows.size(), false);
  const auto set = [&](std::uint32_t head, bool value) {
    units.ForEach(head, [&](std::uint32_t position) { held[position] = value; });
  };
  bool any = false;
  for (const std::vector<std::uint32_t>& heads : ShuffledStrata(target, rows, units, seed)) {
    std::size_t all = 0, taken = 0;
    for (const std::uint32_t head : heads) all += units.Size(head);
    if (all == 0) continue;
    const auto count = std::min(
        static_cast<std::size_t>(std::floor(static_cast<double>(all) * fraction + 0.5)), all - 1);
    for (const std::uint32_t head : heads) {
      if (taken + units.Size(head) > count) continue;
      set(head, true);
      taken += units.Size(head);
      any = true;
    }
  }
  if (!any && units.heads().size() > 1) {  // every unit is larger than its share: the smallest
    set(*std::ranges::min_element(units.heads(), {},
                                  [&](std::uint32_t head) { return units.Size(head); }),
        true);
  }
  if (target.task == TaskKind::kRegression) return held;
  // A unit may have taken the last rows of another class with it.
  std::vector<std::size_t> training(target.labels.size(), 0);
  const auto label = [&](std::size_t position) {
    return static_cast<std::size_t>(target.values[rows[position]]);
  };
  for (std::size_t i = 0; i < rows.size(); ++i) training[label(i)] += held[i] ? 0 : 1;
  for (const std::uint32_t head : units.heads()) {
    if (!held[head]) continue;
    bool needed = false;
    units.ForEach(head, [&](std::uint32_t at) { needed = needed || training[label(at)] == 0; });
    if (!needed) continue;
    set(head, false);
    units.ForEach(head, [&](std::uint32_t at) { ++training[label(at)]; });
  }
  return held;
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

Result<Split> SplitRows(const RowTable& table, const TargetColumn& target, const RowGroups& groups,
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
    if (!column && groups.by != "column") {
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
      const std::vector<bool> held =
          HoldOut(target, rows, Units(groups, rows), fraction, options.seed);
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

namespace {

// Numbers that no row has are given away; returns how many are left.
int CloseGaps(std::vector<std::uint8_t>& of, int count) {
  std::vector<int> renumbered(static_cast<std::size_t>(count), -1);
  for (const std::uint8_t fold : of) renumbered[fold] = 0;
  int used = 0;
  for (int& number : renumbered) {
    if (number == 0) number = used++;
  }
  for (std::uint8_t& fold : of) fold = static_cast<std::uint8_t>(renumbered[fold]);
  return used;
}

}  // namespace

Folds MakeFolds(const RowTable& table, const TargetColumn& target, const RowGroups& groups,
                std::span<const std::uint32_t> rows, const std::string& time_column, int folds,
                std::uint64_t seed) {
  Folds out{
      .of = std::vector<std::uint8_t>(rows.size(), 0), .count = std::max(folds, 1), .times = {}};
  const auto column = time_column.empty() ? std::nullopt : table.schema().Find(time_column);
  if (column) {
    out.times = OrderValues(table, rows, *column);
    for (double& time : out.times) time = std::isnan(time) ? -INFINITY : time;
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return out.times[i]; });
    int fold = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto due = static_cast<int>(i * static_cast<std::size_t>(out.count) / order.size());
      if (due > fold && out.times[order[i]] < out.times[order[i - 1]]) fold = due;
      out.of[order[i]] = static_cast<std::uint8_t>(fold);
    }
    out.count = CloseGaps(out.of, out.count);
  }
  // Without a column, or where all rows are of one time.
  if (!column || out.count < 2) {
    out.times.clear();
    out.count = std::max(folds, 1);
    // Each unit goes where its stratum, then everything, has the fewest rows so far.
    const Units units(groups, rows);
    std::vector<std::size_t> in_fold(static_cast<std::size_t>(out.count), 0);
    for (const auto& heads : ShuffledStrata(target, rows, units, seed ^ 0x666f6c64ULL)) {
      std::vector<std::size_t> of_stratum(in_fold.size(), 0);
      for (const std::uint32_t head : heads) {
        std::size_t fold = 0;
        for (std::size_t f = 1; f < in_fold.size(); ++f) {
          if (std::pair(of_stratum[f], in_fold[f]) < std::pair(of_stratum[fold], in_fold[fold]))
            fold = f;
        }
        of_stratum[fold] += units.Size(head);
        in_fold[fold] += units.Size(head);
        units.ForEach(head,
                      [&](std::uint32_t at) { out.of[at] = static_cast<std::uint8_t>(fold); });
      }
    }
    out.count = CloseGaps(out.of, out.count);
    // One group is all there is to train on: its rows are better than no validation.
    if (out.count < 2 && rows.size() > 1 && !groups.of.empty())
      return MakeFolds(table, target, {}, rows, time_column, folds, seed);
  }
  return out;
}

std::vector<FoldRows> RowsOfFolds(const Folds& folds, int scored, double gap) {
  std::vector<FoldRows> out(static_cast<std::size_t>(std::max(scored, 0)));
  for (std::size_t f = 0; f < out.size(); ++f) {
    double first = INFINITY;
    for (std::size_t i = 0; i < folds.times.size(); ++i) {
      if (folds.of[i] == f) first = std::min(first, folds.times[i]);
    }
    const auto collect = [&](double keep_away) {
      out[f].train.clear();
      out[f].validation.clear();
      for (std::size_t i = 0; i < folds.of.size(); ++i) {
        const bool past =
            folds.times.empty() || (folds.times[i] < first && folds.times[i] <= first - keep_away);
        if (folds.of[i] == f) {
          out[f].validation.push_back(static_cast<std::uint32_t>(i));
        } else if (past) {
          out[f].train.push_back(static_cast<std::uint32_t>(i));
        }
      }
    };
    collect(gap);
    // A gap that leaves next to nothing to learn from does more harm than good.
    if (out[f].train.size() * 3 < out[f].validation.size()) collect(0.0);
  }
  return out;
}

double GapOf(const RowTable& table, const Split& split) {
  const auto column =
      split.method == "time" ? table.schema().Find(split.time_column) : std::nullopt;
  if (!column) return 0.0;
  double last = -INFINITY, first = INFINITY;
  for (const double time : OrderValues(table, split.training, *column))
    if (!std::isnan(time)) last = std::max(last, time);
  for (const double time : OrderValues(table, split.holdout, *column))
    first = std::min(first, time);
  return std::isfinite(last) && std::isfinite(first) ? std::max(first - last, 0.0) : 0.0;
}

}  // namespace aimass
