#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/registry.h"
#include "base/settings.h"

namespace aimass {

enum class TaskKind : std::uint8_t { kBinary, kMulticlass, kRegression };
[[nodiscard]] std::string_view TaskName(TaskKind task);  // "binary" …
[[nodiscard]] Result<TaskKind> TaskFromName(std::string_view name);

/// What one encoded feature is.
struct FeatureInfo {
  std::string name;    // "city", "signup_date.month"
  std::string column;  // the column it comes from
  int categories = 0;  // 0: a number; else the values are codes 0..categories-1
};

/// An encoded table: row-major values (NaN: missing), and the target as the learners take it.
struct Matrix {
  std::vector<FeatureInfo> features;
  std::vector<float> values;   // [rows × features]
  std::vector<float> target;   // class number, or the value
  std::vector<float> weights;  // empty: all 1
  [[nodiscard]] std::size_t rows() const { return target.size(); }
};

/// What several fits on the same rows share: a library's binned form of them, by what it was made
/// with. Threads  one fit at a time.
using SharedBins = std::map<std::string, std::shared_ptr<const void>>;

/// Rows of a Matrix, by index: folds share one matrix. Order matters for equal bytes.
struct LearnerData {
  const Matrix* matrix;
  std::span<const std::uint32_t> train;
  std::span<const std::uint32_t> validation;  // for early stopping; may be empty
  SharedBins* shared = nullptr;               // of these very rows; may be null
};

struct LearnerContext {
  TaskKind task;
  int classes = 0;
  int threads = 2;
  std::uint64_t seed = 1;
  int fixed_rounds = 0;          // > 0: exactly so many, no early stopping (replay and refit)
  std::int64_t deadline_ms = 0;  // SteadyMs(); 0: none. Never set in a replay
  int needed_rounds = 0;         // with a deadline: a run that will not come that far stops at once
  bool margins_only = false;     // no artefact is wanted
  CancelToken cancel;
};

/// What one fit gave. `artefact` is the library's own format; margins are [validation rows ×
/// outputs].
struct Fitted {
  std::string artefact;      // bytes
  std::string file_ending;   // "ubj", "txt", "json"
  std::string runtime;       // "trees", "linear"
  int rounds = 0;            // chosen by early stopping
  int rounds_run = 0;        // until it stopped
  double round_ms = 0.0;     // time of one round, without what comes before the first
  bool out_of_time = false;  // the deadline ended it before early stopping did
  std::vector<float> validation_margins;
};

/// One learner: a folder under models/learners/. Settings are its hyperparameters.
struct LearnerType {
  std::string_view name;
  Label label;
  std::span<const Field> fields;
  /// A point of its search space; `trial` 0 is its good default. The same arguments give the same
  /// point.
  Settings (*sample)(int trial, std::uint64_t seed, std::size_t rows, std::size_t features,
                     TaskKind task);
  /// How many points of `sample` were chosen by hand: good on many tables, different from each
  /// other. Later ones are random.
  int portfolio = 1;
  /// How many rounds a run with these settings goes, roughly, and settings that need `factor` times
  /// fewer. Null: the learner has no such choice.
  double (*rounds)(const Settings& settings) = nullptr;
  Settings (*hasten)(const Settings& settings, double factor) = nullptr;
  /// Trains on `data.train`. With validation rows and no fixed rounds it stops early and keeps the
  /// best round; past the deadline it keeps what it has and says so. The same arguments without a
  /// deadline give the same bytes. Errors   kInvalidArgument for no training rows, or neither
  /// validation rows nor fixed rounds;
  ///          kCancelled within a second of the request; kTimeout where not one round was possible.
  Result<Fitted> (*fit)(const LearnerData& data, const Settings& settings,
                        const LearnerContext& context);
};
using LearnerRegistry = Registry<LearnerType>;

void RegisterAllLearners(LearnerRegistry& registry);  // generated

}  // namespace aimass
