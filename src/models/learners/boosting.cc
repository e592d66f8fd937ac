#include "models/learners/boosting.h"

#include <algorithm>
#include <set>

#include "base/clock.h"

namespace aimass::learners {

namespace {

// [rows × width] of the rows of `all`, which has so many in each: as they lie there, or copied.
std::span<const float> Take(std::span<const float> all, std::size_t width,
                            std::span<const std::uint32_t> rows, bool follow,
                            std::vector<float>& copied) {
  if (follow) return all.subspan(rows.empty() ? 0 : rows[0] * width, rows.size() * width);
  copied.resize(rows.size() * width);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(all.data() + rows[i] * width, width, copied.data() + i * width);
  return copied;
}

}  // namespace

Rows::Rows(const Matrix& matrix, std::span<const std::uint32_t> rows) {
  bool follow = true;
  for (std::size_t i = 1; i < rows.size() && follow; ++i) follow = rows[i] == rows[i - 1] + 1;
  values_ = Take(matrix.values, matrix.features.size(), rows, follow, copied_values_);
  target_ = Take(matrix.target, 1, rows, follow, copied_target_);
  if (!matrix.weights.empty()) weights_ = Take(matrix.weights, 1, rows, follow, copied_weights_);
}

std::vector<std::string> FeatureNames(const Matrix& matrix) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const FeatureInfo& feature : matrix.features) {
    std::string name = feature.name;
    std::ranges::replace_if(
        name,
        [](unsigned char c) {
          return c <= ' ' || c == 0x7f || std::string_view("\"',:[]{}<>\\").contains(c);
        },
        '_');
    if (name.empty()) name = "feature";
    std::string unique = name;
    for (int n = 2; !taken.insert(unique).second; ++n) unique = fmt::format("{}_{}", name, n);
    names.push_back(std::move(unique));
  }
  return names;
}

Status CheckFit(const LearnerData& data, const LearnerContext& context) {
  if (data.train.empty()) return Fail(ErrorCode::kInvalidArgument, "there are no rows to train on");
  if (data.validation.empty() && context.fixed_rounds <= 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "training needs validation rows or a fixed number of rounds");
  }
  return context.cancel.Check();
}

EarlyStopping::EarlyStopping(const LearnerContext& context, int max_rounds, int patience)
    : context_(context),
      max_rounds_(context.fixed_rounds > 0 ? context.fixed_rounds : max_rounds),
      patience_(patience),
      start_ms_(SteadyMs()) {
  if (context.fixed_rounds > 0) best_rounds_ = context.fixed_rounds;
}

bool EarlyStopping::GoOn(int round, double loss) {
  if (context_.fixed_rounds > 0) return round + 1 < max_rounds_ && !OutOfTime();
  if (loss < best_) {
    best_ = loss;
    best_rounds_ = round + 1;
  }
  // Where the classes can be told apart without an error the log loss falls for ever: more rounds
  // would only make what is sure surer.
  constexpr double kSure = 1e-4;
  if (context_.task != TaskKind::kRegression && loss < kSure) return false;
  return round + 1 - best_rounds_ < patience_ && round + 1 < max_rounds_ && !TooSlow(round + 1) &&
         !OutOfTime();
}

bool EarlyStopping::OutOfTime() {
  if (context_.deadline_ms > 0 && SteadyMs() >= context_.deadline_ms) out_of_time_ = true;
  return out_of_time_;
}

bool EarlyStopping::TooSlow(int rounds) {
  // The first rounds tell how fast the others will be.
  constexpr int kProbe = 8;
  if (context_.deadline_ms <= 0 || context_.needed_rounds <= rounds || rounds != kProbe)
    return false;
  const auto left = static_cast<double>(context_.deadline_ms - SteadyMs());
  if (rounds + left / std::max(RoundMs(rounds), 1e-3) < context_.needed_rounds) out_of_time_ = true;
  return out_of_time_;
}

double EarlyStopping::RoundMs(int rounds) const {
  return static_cast<double>(SteadyMs() - start_ms_) / std::max(rounds, 1);
}

Result<Rounds> RunRounds(const LearnerContext& context, int max_rounds, int patience,
                         const RoundSteps& steps) {
  EarlyStopping stopping(context, max_rounds, patience);
  if (stopping.OutOfTime()) return Fail(ErrorCode::kTimeout, "no time was left for a single round");
  int rounds = 0;
  for (bool more = true; more; ++rounds) {
    RETURN_IF_ERROR(context.cancel.Check());
    ASSIGN_OR_RETURN(const bool finished, steps.train(rounds));
    double loss = 0.0;
    if (context.fixed_rounds <= 0) {
      ASSIGN_OR_RETURN(loss, steps.evaluate(rounds));
    }
    more = stopping.GoOn(rounds, loss) && !finished;
  }
  return Rounds{.best = std::max(stopping.best_rounds(), 1),
                .run = rounds,
                .round_ms = stopping.RoundMs(rounds),
                .out_of_time = stopping.out_of_time()};
}

SettingsMaker::SettingsMaker(std::span<const Field> fields) {
  for (const Field& field : fields) settings_.emplace(field.name, field.default_value);
}

void SettingsMaker::Set(std::string_view name, double value) { Set(name, NumberText(value)); }

void SettingsMaker::Set(std::string_view name, std::string_view value) {
  settings_.insert_or_assign(std::string(name), std::string(value));
}

double RoundsAt(double learning_rate) { return 10.0 / std::max(learning_rate, 1e-6); }

Settings Hastened(const Settings& settings, std::string_view rate, double factor) {
  Settings out = settings;
  const double now = NumberOf(settings, rate);
  out.insert_or_assign(std::string(rate), NumberText(std::max(now, std::min(0.3, now * factor))));
  return out;
}

std::string NumberText(double value) { return fmt::format("{:.6g}", value); }

}  // namespace aimass::learners
