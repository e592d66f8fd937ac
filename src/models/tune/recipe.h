#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/features/fitter.h"
#include "models/tune/split.h"

namespace aimass {

struct RecipeMember {
  std::string learner;
  Settings settings;
  int rounds = 1;
  double weight = 1.0;
};

/// All that training needs apart from the rows; docs/formats/model.md, trials.json. The same recipe
/// on the same rows gives the same bytes.
struct Recipe {
  TaskKind task = TaskKind::kBinary;
  std::string target;
  std::vector<std::string> keep;
  std::vector<std::string> drop;
  // How the rows were split; `rows` says which of them the members learn from.
  std::string split_method;   // "random", "time", "given"
  std::string time_column;    // the split's, given or found
  std::optional<Json> after;  // text or number
  double fraction = 0.2;
  std::string group_by = "none";  // what splits and folds keep together: "none", "rows", "column"
  std::string group_column;
  std::string rows = "all";  // or "training"
  std::uint64_t seed = 1;
  int threads = 2;
  int folds = 5;
  std::vector<RecipeMember> members;
  double bias = 0.0;
  std::string calibration = "none";
  double slope = 1.0;  // of the calibration; already in the weights
  std::optional<std::pair<double, double>>
      interval;  // regression: 90 % of the residuals lie between
};

[[nodiscard]] Json ToJson(const Recipe& recipe);
[[nodiscard]] Result<Recipe> RecipeFromJson(const Json& json);

/// A cell of a JSON value; text points into `json`.
[[nodiscard]] Cell CellOfJson(const Json& json);

/// What one member became.
struct FittedMember {
  std::string file;  // "member-0.ubj"
  std::string runtime;
  std::string artefact;
  std::vector<float> margins;  // [extra rows × outputs]
};

/// The groups as the recipe says; none where it says none.
[[nodiscard]] Result<RowGroups> GroupsOf(const Recipe& recipe, const RowTable& table,
                                         const TargetColumn& target);

/// The features of `rows` as the recipe says; folds for cross-fitted encodings are made of its
/// seed.
[[nodiscard]] Result<FittedFeatures> FitFeatures(const Recipe& recipe, const RowTable& table,
                                                 const TargetColumn& target,
                                                 const RowGroups& groups,
                                                 std::span<const std::uint32_t> rows);

/// Trains every member on the rows of `matrix`, without a clock. `extra`: encoded rows [n ×
/// features] that are only predicted; they are added to `matrix`.
[[nodiscard]] Result<std::vector<FittedMember>> FitMembers(const Recipe& recipe,
                                                           const LearnerRegistry& learners,
                                                           std::size_t classes, Matrix matrix,
                                                           std::span<const float> extra,
                                                           const CancelToken& cancel);

/// bias + Σ weight · member margin for the extra rows.
[[nodiscard]] std::vector<double> FinalMargins(const Recipe& recipe,
                                               const std::vector<FittedMember>& members);

/// model.json of these members.
[[nodiscard]] Json ModelJson(const Recipe& recipe, const TargetColumn& target,
                             const std::vector<FittedMember>& members);

}  // namespace aimass
