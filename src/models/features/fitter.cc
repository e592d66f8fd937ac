#include "models/features/fitter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "models/features/analysis.h"
#include "models/features/state.h"
#include "models/features/text.h"
#include "models/parallel.h"

namespace aimass {
namespace {

using features::ColumnRole;

struct Input {
  const RowTable& table;
  std::span<const std::uint32_t> rows;
  std::span<const float> target;
  std::span<const std::uint8_t> folds;
  const FeatureOptions& options;

  [[nodiscard]] std::size_t outputs() const {
    return options.task == TaskKind::kMulticlass ? options.labels.size() : 1;
  }
  // What the means of output `o` are taken of.
  [[nodiscard]] double Value(std::size_t i, std::size_t o) const {
    if (options.task != TaskKind::kMulticlass) return target[i];
    return static_cast<std::size_t>(target[i]) == o ? 1.0 : 0.0;
  }
  template <typename F>
  void ForEachKey(std::size_t column, F&& use) const {
    std::string scratch;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      use(i, features::KeyOfCell(table.At(rows[i], column), scratch));
    }
  }
};

features::CategoryEncoder FitCategory(const Input& input, std::size_t column) {
  features::TextMap<std::size_t> counts;
  input.ForEachKey(column, [&](std::size_t, std::string_view key) {
    if (key.empty()) return;
    if (const auto found = counts.find(key); found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace(key, 1);
    }
  });
  std::vector<std::pair<std::string, std::size_t>> order(counts.begin(), counts.end());
  std::ranges::sort(order, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  features::CategoryEncoder encoder;
  for (const auto& [key, count] : order) {
    encoder.codes.emplace(key, static_cast<int>(encoder.keys.size()));
    encoder.keys.push_back(key);
  }
  return encoder;
}

features::CrossFit::Column FitTarget(const Input& input, std::size_t column) {
  features::CrossFit::Column fit;
  fit.encoder.outputs = input.outputs();
  features::TextMap<std::uint32_t> counts;
  input.ForEachKey(column, [&](std::size_t, std::string_view key) {
    fit.missing.push_back(key.empty());
    if (key.empty()) return;
    if (const auto found = counts.find(key); found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace(key, 1);
    }
  });
  std::vector<std::string> kept;
  for (const auto& [key, count] : counts) {
    if (count > 1) kept.push_back(key);
  }
  std::ranges::sort(kept);
  for (const std::string& key : kept) {
    fit.encoder.keys.emplace(key, static_cast<std::uint32_t>(fit.encoder.rows.size()));
    fit.encoder.rows.push_back(counts.find(key)->second);
  }
  input.ForEachKey(column, [&](std::size_t, std::string_view key) {
    const auto found = fit.encoder.keys.find(key);
    fit.keys.push_back(found == fit.encoder.keys.end() ? -1
                                                       : static_cast<std::int64_t>(found->second));
  });
  return fit;
}

features::TimeEncoder FitTime(const Input& input, std::size_t column, bool split_column) {
  std::map<std::string_view, std::pair<float, float>> ranges;
  std::optional<std::int64_t> first;
  features::TimeEncoder probe;
  probe.parts.assign(std::begin(features::kTimeParts), std::end(features::kTimeParts));
  features::Encoder encoder{.column = 0,
                            .other_column = 0,
                            .first_feature = 0,
                            .num_features = probe.parts.size(),
                            .fitted = probe};
  std::vector<float> out(probe.parts.size());
  for (const std::uint32_t row : input.rows) {
    const Cell cell = input.table.At(row, column);
    const auto time = features::TimeOfCell(cell);
    if (!time) continue;
    first = std::min(first.value_or(*time), *time);
    features::EncodeCells(encoder, std::span(&cell, 1), out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      auto [range, fresh] = ranges.try_emplace(features::kTimeParts[i], out[i], out[i]);
      range->second = {std::min(range->second.first, out[i]),
                       std::max(range->second.second, out[i])};
    }
  }
  features::TimeEncoder fitted{.parts = {}, .reference_us = first.value_or(0)};
  for (const std::string_view part : features::kTimeParts) {
    if (split_column && (part == "year" || part == "days")) continue;
    const auto range = ranges.find(part);
    if (range != ranges.end() && range->second.first < range->second.second)
      fitted.parts.emplace_back(part);
  }
  return fitted;
}

// Chooses the n-grams whose presence says most about the target: the squared z-score of the
// target's mean among the rows that have it (for classes summed over them, which is the chi-square
// statistic).
features::TextEncoder FitText(const Input& input, std::size_t column) {
  features::TextEncoder encoder;
  const std::size_t buckets = std::size_t{1} << encoder.bits;
  const std::size_t outputs = input.outputs();
  std::vector<std::uint32_t> rows_with(buckets, 0);
  std::vector<std::uint32_t> seen_in(buckets, 0);
  std::vector<float> sums(buckets * outputs, 0.0F);
  std::vector<double> mean(outputs, 0.0), squares(outputs, 0.0);
  const auto n = static_cast<double>(input.rows.size());
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    for (std::size_t o = 0; o < outputs; ++o) {
      mean[o] += input.Value(i, o) / n;
      squares[o] += input.Value(i, o) * input.Value(i, o) / n;
    }
  }
  input.ForEachKey(column, [&](std::size_t i, std::string_view text) {
    features::ForEachToken(text, [&](std::uint64_t hash) {
      const std::size_t bucket = (hash ^ (hash >> 32)) & (buckets - 1);
      if (seen_in[bucket] == i + 1) return;
      seen_in[bucket] = static_cast<std::uint32_t>(i + 1);
      ++rows_with[bucket];
      for (std::size_t o = 0; o < outputs; ++o) {
        sums[bucket * outputs + o] += static_cast<float>(input.Value(i, o) - mean[o]);
      }
    });
  });
  const auto least = static_cast<std::uint32_t>(std::max(3.0, 0.001 * n));
  std::vector<std::pair<double, std::uint32_t>> scored;
  for (std::size_t b = 0; b < buckets; ++b) {
    if (rows_with[b] < least || rows_with[b] + least > input.rows.size()) continue;
    double score = 0.0;
    for (std::size_t o = 0; o < outputs; ++o) {
      const double variance = squares[o] - mean[o] * mean[o];
      const double sum = sums[b * outputs + o];
      if (variance > 0.0) score += sum * sum / (rows_with[b] * variance);
    }
    scored.emplace_back(score, static_cast<std::uint32_t>(b));
  }
  const auto most = static_cast<std::size_t>(std::clamp(n / 20.0, 16.0, 300.0));
  std::ranges::sort(scored, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (scored.size() > most) scored.resize(most);
  for (const auto& [score, bucket] : scored) {
    encoder.at.emplace(bucket, static_cast<std::uint32_t>(encoder.buckets.size()));
    encoder.buckets.push_back(bucket);
  }
  return encoder;
}

bool Names(std::span<const std::string> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// What became of one column of the table: a reason why it is no feature, or its encoder.
struct FittedColumn {
  std::optional<Message> reason;
  features::Encoder encoder;
  std::optional<features::CrossFit::Column> by_target;  // its encoder is not fitted yet
};

FittedColumn FitColumn(const Input& input, std::size_t c) {
  const FeatureOptions& options = input.options;
  const ColumnInfo& column = input.table.schema().columns[c];
  FittedColumn out;
  if (column.name == options.target) return out;
  if (Names(options.drop, column.name)) {
    out.reason = Msg("you asked to leave it out");
    return out;
  }
  const bool keep = Names(options.keep, column.name);
  const bool is_split = column.name == options.time_column;
  const features::ColumnFacts facts = features::Analyse(input.table, input.rows, c);
  const ColumnRole role = features::RoleOf(column.type, facts);
  out.reason = features::WhyUseless(column, facts, role);
  if (out.reason && (!keep || facts.present == 0)) return out;
  out.reason.reset();
  if (!keep && !is_split) {
    out.reason = features::WhyGivesAway(input.table, input.rows, c, role, input.target,
                                        options.task, options.labels.size());
    if (out.reason) return out;
  }
  switch (role) {
    case ColumnRole::kNumber:
      break;
    case ColumnRole::kCategory:
      out.encoder.fitted = FitCategory(input, c);
      break;
    case ColumnRole::kTarget:
      out.by_target = FitTarget(input, c);
      break;
    case ColumnRole::kTime:
      out.encoder.fitted = FitTime(input, c, is_split);
      break;
    case ColumnRole::kText:
      out.encoder.fitted = FitText(input, c);
      break;
  }
  return out;
}

}  // namespace

Result<FittedFeatures> FeatureFitter::Fit(const RowTable& table,
                                          std::span<const std::uint32_t> rows,
                                          std::span<const float> target,
                                          std::span<const std::uint8_t> folds,
                                          const FeatureOptions& options) {
  const Input input{table, rows, target, folds, options};
  auto state = std::make_unique<FeaturePipeline::State>();
  std::vector<LeftOutColumn> left_out;
  features::CrossFit cross_fit(options.task, {target.begin(), target.end()},
                               {folds.begin(), folds.end()});
  std::vector<std::size_t> cross_fitted;  // encoders, in the order of its columns
  std::vector<std::size_t> times;         // pipeline columns
  const Schema& schema = table.schema();
  std::vector<FittedColumn> columns(schema.columns.size());
  ForEachInParallel(columns.size(), options.threads,
                    [&](std::size_t c) { columns[c] = FitColumn(input, c); });
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const ColumnInfo& column = schema.columns[c];
    if (column.name == options.target) continue;
    if (columns[c].reason) {
      left_out.push_back({column.name, std::move(*columns[c].reason)});
      continue;
    }
    features::Encoder& encoder = columns[c].encoder;
    encoder.column = state->columns.size();
    if (columns[c].by_target) {
      cross_fit.Add(std::move(*columns[c].by_target));
      encoder.fitted = cross_fit.last().encoder;
      cross_fitted.push_back(state->encoders.size());
    }
    if (std::holds_alternative<features::TimeEncoder>(encoder.fitted))
      times.push_back(encoder.column);
    state->columns.push_back(column.name);
    state->types.push_back(TypeName(column.type));
    state->encoders.push_back(std::move(encoder));
  }
  // Days between each pair of the first few date columns: ages, delays, durations.
  constexpr std::size_t kMostTimes = 5;
  for (std::size_t a = 0; a < std::min(times.size(), kMostTimes); ++a) {
    for (std::size_t b = a + 1; b < std::min(times.size(), kMostTimes); ++b) {
      state->encoders.push_back({.column = times[a],
                                 .other_column = times[b],
                                 .first_feature = 0,
                                 .num_features = 0,
                                 .fitted = features::DifferenceEncoder{}});
    }
  }

  for (features::Encoder& encoder : state->encoders) {
    encoder.first_feature = state->features.size();
    for (FeatureInfo& feature : features::FeaturesOf(encoder, state->columns, options.labels)) {
      state->features.push_back(std::move(feature));
    }
    encoder.num_features = state->features.size() - encoder.first_feature;
  }
  if (state->features.empty()) {
    std::string reasons;
    for (const LeftOutColumn& column : left_out) {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", column.column,
                             Render(column.reason, Language::kEnglish));
    }
    return WithHint(Fail(ErrorCode::kUnprocessable, "no column is left to learn from ({})",
                         reasons.empty() ? "there is only the target" : reasons),
                    Msg("name the columns that must stay with --keep"));
  }

  for (std::size_t i = 0; i < cross_fitted.size(); ++i) {
    cross_fit.column(i).first_feature = state->encoders[cross_fitted[i]].first_feature;
  }
  FittedFeatures fitted{.pipeline = FeaturePipeline(std::move(state)),
                        .left_out = std::move(left_out),
                        .matrix = {},
                        .cross_fit = std::move(cross_fit)};
  fitted.matrix.features.assign(fitted.pipeline.features().begin(),
                                fitted.pipeline.features().end());
  fitted.matrix.target.assign(target.begin(), target.end());
  const std::size_t width = fitted.matrix.features.size();
  // With room for rows that are predicted besides (FitMembers): a large matrix moves only once.
  fitted.matrix.values.reserve((rows.size() + rows.size() / 8 + 512) * width);
  fitted.matrix.values.resize(rows.size() * width);
  EncodeRows(fitted.pipeline, table, rows, options.threads, fitted.matrix.values);
  fitted.cross_fit.Write(fitted.matrix, -1);
  return fitted;
}

}  // namespace aimass
