// Training again as a version's recipe says.
#include <cmath>

#include "base/file.h"
#include "models/golden.h"
#include "models/train.h"
#include "models/train_folder.h"
#include "models/tune/recipe.h"

namespace aimass {

Result<Json> ReplayTraining(const std::string& model_folder, const RowTable& table,
                            const std::string& out_folder, const CancelToken& cancel) {
  LearnerRegistry learners("learner");
  RegisterAllLearners(learners);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(model_folder + "/trials.json"));
  ASSIGN_OR_RETURN(const Json trials, ParseJson(text));
  if (!trials.contains("recipe")) {
    return Fail(ErrorCode::kUnprocessable, "this version has no recipe: it was not trained here");
  }
  ASSIGN_OR_RETURN(const Recipe recipe, RecipeFromJson(trials["recipe"]));
  ASSIGN_OR_RETURN(const TargetColumn target,
                   ReadTarget(table, recipe.target, TaskName(recipe.task)));
  ASSIGN_OR_RETURN(const RowGroups groups, GroupsOf(recipe, table, target));
  std::vector<std::uint32_t> rows;
  if (recipe.rows == "training" && recipe.split_method != "given") {
    ASSIGN_OR_RETURN(const Split split,
                     SplitRows(table, target, groups,
                               {.seed = recipe.seed,
                                .fraction = recipe.fraction,
                                .time_column = recipe.time_column,
                                .after = recipe.after ? std::optional(CellOfJson(*recipe.after))
                                                      : std::nullopt}));
    rows = split.training;
  } else {
    for (std::size_t i = 0; i < target.values.size(); ++i) {
      if (!std::isnan(target.values[i])) rows.push_back(static_cast<std::uint32_t>(i));
    }
  }
  ASSIGN_OR_RETURN(FittedFeatures features, FitFeatures(recipe, table, target, groups, rows));
  // The golden rows are predicted as they were then: a library may order its work by the matrices
  // it is given.
  const GoldenRows golden = MakeGoldenRows(features.pipeline, table, rows, recipe.seed);
  ASSIGN_OR_RETURN(const std::vector<FittedMember> members,
                   FitMembers(recipe, learners, target.labels.size(), std::move(features.matrix),
                              golden.features, cancel));
  RETURN_IF_ERROR(StageModel(
      out_folder, {.model = ModelJson(recipe, target, members),
                   .features = features.pipeline.ToJson(),
                   .trials = {},
                   .golden = GoldenJson(features.pipeline, golden, FinalMargins(recipe, members)),
                   .members = members}));
  std::vector<std::string> names{"features.json", "golden.json", "model.json"};
  for (const FittedMember& member : members) names.push_back(member.file);
  Json files = Json::array();
  bool identical = true;
  for (const std::string& name : names) {
    const Result<std::string> expected = Sha256File(model_folder + "/" + name);
    ASSIGN_OR_RETURN(const std::string found, Sha256File(out_folder + "/" + name));
    identical = identical && expected && *expected == found;
    files.push_back({{"file", name}, {"expected", expected ? *expected : ""}, {"found", found}});
  }
  return Json{{"identical", identical}, {"files", std::move(files)}};
}

}  // namespace aimass
