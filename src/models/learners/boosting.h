#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/learner.h"

// What the learners share. It lies beside their folders, so it is no plug-in itself.
namespace aimass::learners {

/// Rows of a matrix, one after the other: what libraries take.
class Rows {
 public:
  /// Points into `matrix` where the rows follow each other there, and copies them elsewhere.
  Rows(const Matrix& matrix, std::span<const std::uint32_t> rows);
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  [[nodiscard]] std::span<const float> values() const { return values_; }    // [rows × features]
  [[nodiscard]] std::span<const float> target() const { return target_; }    // [rows]
  [[nodiscard]] std::span<const float> weights() const { return weights_; }  // [rows], or empty

 private:
  std::span<const float> values_, target_, weights_;
  std::vector<float> copied_values_, copied_target_, copied_weights_;
};

/// Names that both libraries and their model formats accept: no JSON or list punctuation, no white
/// space, unique.
[[nodiscard]] std::vector<std::string> FeatureNames(const Matrix& matrix);

/// 1 for binary and regression, the number of classes for multiclass.
[[nodiscard]] inline std::size_t NumOutputs(const LearnerContext& context) {
  return context.task == TaskKind::kMulticlass ? static_cast<std::size_t>(context.classes) : 1;
}

/// Errors as LearnerType::fit documents them.
[[nodiscard]] Status CheckFit(const LearnerData& data, const LearnerContext& context);

/// Decides after each round whether to go on, and remembers the best one.
class EarlyStopping {
 public:
  EarlyStopping(const LearnerContext& context, int max_rounds, int patience);

  [[nodiscard]] int max_rounds() const { return max_rounds_; }
  /// `loss` of the validation rows after round `round` (0-based); false: stop.
  [[nodiscard]] bool GoOn(int round, double loss);
  /// Whether the deadline has passed.
  [[nodiscard]] bool OutOfTime();
  [[nodiscard]] int best_rounds() const { return best_rounds_; }
  [[nodiscard]] bool out_of_time() const { return out_of_time_; }
  [[nodiscard]] double RoundMs(int rounds) const;

 private:
  [[nodiscard]] bool TooSlow(int rounds);

  const LearnerContext& context_;
  int max_rounds_;
  int patience_;
  std::int64_t start_ms_;
  int best_rounds_ = 0;
  double best_ = std::numeric_limits<double>::infinity();
  bool out_of_time_ = false;
};

/// The rounds of one booster. Errors   kCancelled, kTimeout, and those of the two functions.
struct Rounds {
  int best = 1;
  int run = 0;
  double round_ms = 0.0;
  bool out_of_time = false;
};
struct RoundSteps {
  /// Trains round `round`; true where no more is possible.
  std::function<Result<bool>(int round)> train;
  /// The validation loss after it; not asked with fixed rounds.
  std::function<Result<double>(int round)> evaluate;
};
[[nodiscard]] Result<Rounds> RunRounds(const LearnerContext& context, int max_rounds, int patience,
                                       const RoundSteps& steps);

/// What `make` gives, made once per `key` where `data` has bins to share.
template <typename T>
[[nodiscard]] Result<std::shared_ptr<const T>> SharedOrMade(
    const LearnerData& data, const std::string& key, const std::function<Result<T>()>& make) {
  if (data.shared != nullptr) {
    if (const auto found = data.shared->find(key); found != data.shared->end())
      return std::static_pointer_cast<const T>(found->second);
  }
  ASSIGN_OR_RETURN(T made, make());
  auto out = std::make_shared<const T>(std::move(made));
  if (data.shared != nullptr) data.shared->emplace(key, out);
  return out;
}

/// A number as a setting: six significant digits, so that a setting reads well and replays exactly.
[[nodiscard]] std::string NumberText(double value);

/// Settings under construction, beginning with every field's default.
class SettingsMaker {
 public:
  explicit SettingsMaker(std::span<const Field> fields);
  void Set(std::string_view name, double value);
  void Set(std::string_view name, std::string_view value);
  [[nodiscard]] Settings Take() { return std::move(settings_); }

 private:
  Settings settings_;
};

// The fields that all boosters share.
inline constexpr Field kMaxRounds{.name = "max_rounds",
                                  .label = {"Most rounds", "最多轮数"},
                                  .kind = FieldKind::kInteger,
                                  .default_value = "3000",
                                  .min = 1,
                                  .max = 100000};
inline constexpr Field kPatience{
    .name = "patience",
    .label = {"Rounds without a gain before it stops", "无改进即停止的轮数"},
    .kind = FieldKind::kInteger,
    .default_value = "40",
    .min = 1,
    .max = 10000};

/// A run goes until the steps add up: as many rounds as the learning rate is small.
[[nodiscard]] double RoundsAt(double learning_rate);
/// `settings` with the learning rate in `rate` raised by `factor`, 0.3 at most.
[[nodiscard]] Settings Hastened(const Settings& settings, std::string_view rate, double factor);

}  // namespace aimass::learners
