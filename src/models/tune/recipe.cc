#include "models/tune/recipe.h"

#include <algorithm>
#include <numeric>
#include <thread>

namespace aimass {

Json ToJson(const Recipe& recipe) {
  Json members = Json::array();
  for (const RecipeMember& member : recipe.members) {
    members.push_back({{"learner", member.learner},
                       {"settings", member.settings},
                       {"rounds", member.rounds},
                       {"weight", member.weight}});
  }
  Json json = {{"task", TaskName(recipe.task)},
               {"target", recipe.target},
               {"keep", recipe.keep},
               {"drop", recipe.drop},
               {"split",
                {{"method", recipe.split_method},
                 {"time_column", recipe.time_column},
                 {"fraction", recipe.fraction},
                 {"group_by", recipe.group_by},
                 {"group_column", recipe.group_column}}},
               {"rows", recipe.rows},
               {"seed", recipe.seed},
               {"threads", recipe.threads},
               {"folds", recipe.folds},
               {"members", std::move(members)},
               {"bias", recipe.bias},
               {"calibration", {{"method", recipe.calibration}, {"slope", recipe.slope}}}};
  if (recipe.after) json["split"]["after"] = *recipe.after;
  json["interval"] =
      recipe.interval ? Json({recipe.interval->first, recipe.interval->second}) : Json(nullptr);
  return json;
}

Result<Recipe> RecipeFromJson(const Json& json) {
  try {
    Recipe recipe;
    ASSIGN_OR_RETURN(recipe.task, TaskFromName(json.at("task").get<std::string>()));
    recipe.target = json.at("target").get<std::string>();
    recipe.keep = json.at("keep").get<std::vector<std::string>>();
    recipe.drop = json.at("drop").get<std::vector<std::string>>();
    const Json& split = json.at("split");
    recipe.split_method = split.at("method").get<std::string>();
    recipe.time_column = split.at("time_column").get<std::string>();
    recipe.fraction = split.at("fraction").get<double>();
    // Versions of earlier releases kept no rows together.
    recipe.group_by = split.value("group_by", "none");
    recipe.group_column = split.value("group_column", "");
    if (split.contains("after")) recipe.after = split.at("after");
    recipe.rows = json.at("rows").get<std::string>();
    recipe.seed = json.at("seed").get<std::uint64_t>();
    recipe.threads = json.at("threads").get<int>();
    recipe.folds = json.at("folds").get<int>();
    for (const Json& item : json.at("members")) {
      RecipeMember member{.learner = item.at("learner").get<std::string>(),
                          .settings = {},
                          .rounds = item.at("rounds").get<int>(),
                          .weight = item.at("weight").get<double>()};
      for (const auto& [name, value] : item.at("settings").items())
        member.settings.emplace(name, value.get<std::string>());
      recipe.members.push_back(std::move(member));
    }
    recipe.bias = json.at("bias").get<double>();
    recipe.calibration = json.at("calibration").at("method").get<std::string>();
    recipe.slope = json.at("calibration").at("slope").get<double>();
    if (const Json& interval = json.at("interval"); !interval.is_null()) {
      recipe.interval = {interval.at(0).get<double>(), interval.at(1).get<double>()};
    }
    return recipe;
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kUnprocessable, "trials.json is damaged: {}", error.what());
  }
}

Cell CellOfJson(const Json& json) {
  if (json.is_boolean()) return Cell::Bool(json.get<bool>());
  if (json.is_number()) return Cell::Number(json.get<double>());
  if (json.is_string()) return Cell::Text(json.get_ref<const std::string&>());
  return Cell::Null();
}

Result<RowGroups> GroupsOf(const Recipe& recipe, const RowTable& table,
                           const TargetColumn& target) {
  if (recipe.group_by == "none") return RowGroups{};
  return GroupRows(table, target,
                   {.target = recipe.target, .drop = recipe.drop, .column = recipe.group_column});
}

Result<FittedFeatures> FitFeatures(const Recipe& recipe, const RowTable& table,
                                   const TargetColumn& target, const RowGroups& groups,
                                   std::span<const std::uint32_t> rows) {
  const std::string by_time = recipe.split_method == "time" ? recipe.time_column : "";
  const Folds folds = MakeFolds(table, target, groups, rows, by_time, recipe.folds, recipe.seed);
  std::vector<float> values;
  values.reserve(rows.size());
  for (const std::uint32_t row : rows) values.push_back(target.values[row]);
  return FeatureFitter::Fit(table, rows, values, folds.of,
                            {.target = recipe.target,
                             .task = recipe.task,
                             .labels = target.labels,
                             .keep = recipe.keep,
                             .drop = recipe.drop,
                             .time_column = recipe.time_column,
                             .threads = recipe.threads});
}

Result<std::vector<FittedMember>> FitMembers(const Recipe& recipe, const LearnerRegistry& learners,
                                             std::size_t classes, Matrix matrix,
                                             std::span<const float> extra,
                                             const CancelToken& cancel) {
  const std::size_t rows = matrix.rows();
  const std::size_t width = matrix.features.size();
  matrix.values.insert(matrix.values.end(), extra.begin(), extra.end());
  matrix.target.resize(rows + (width == 0 ? 0 : extra.size() / width), 0.0F);
  std::vector<std::uint32_t> numbers(matrix.rows());
  std::iota(numbers.begin(), numbers.end(), 0U);
  const std::span<const std::uint32_t> all(numbers);
  std::vector<const LearnerType*> types;
  for (const RecipeMember& member : recipe.members) {
    ASSIGN_OR_RETURN(types.emplace_back(), learners.Find(member.learner));
  }
  // Members side by side, each with its share of the threads: one of them alone seldom keeps two
  // threads busy.
  const std::size_t at_once =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::max(recipe.threads, 1)), 1,
                              std::max<std::size_t>(types.size(), 1));
  std::vector<Result<Fitted>> fitted(types.size(), Fail(ErrorCode::kInternal, "not fitted"));
  const auto fit = [&](std::size_t m) {
    const LearnerContext context{.task = recipe.task,
                                 .classes = static_cast<int>(classes),
                                 .threads = std::max(1, recipe.threads / static_cast<int>(at_once)),
                                 .seed = recipe.seed,
                                 .fixed_rounds = recipe.members[m].rounds,
                                 .deadline_ms = 0,
                                 .cancel = cancel};
    fitted[m] = types[m]->fit({&matrix, all.first(rows), all.subspan(rows)},
                              recipe.members[m].settings, context);
  };
  for (std::size_t first = 0; first < types.size(); first += at_once) {
    std::vector<std::jthread> others;
    for (std::size_t m = first + 1; m < std::min(first + at_once, types.size()); ++m)
      others.emplace_back([&fit, m] { fit(m); });
    fit(first);
  }
  std::vector<FittedMember> members;
  for (Result<Fitted>& one : fitted) {
    if (!one) return std::unexpected(std::move(one).error());
    members.push_back({.file = fmt::format("member-{}.{}", members.size(), one->file_ending),
                       .runtime = std::move(one->runtime),
                       .artefact = std::move(one->artefact),
                       .margins = std::move(one->validation_margins)});
  }
  return members;
}

std::vector<double> FinalMargins(const Recipe& recipe, const std::vector<FittedMember>& members) {
  std::vector<double> margins(members.empty() ? 0 : members.front().margins.size(), recipe.bias);
  for (std::size_t m = 0; m < members.size(); ++m) {
    for (std::size_t i = 0; i < margins.size(); ++i)
      margins[i] += recipe.members[m].weight * members[m].margins[i];
  }
  return margins;
}

Json ModelJson(const Recipe& recipe, const TargetColumn& target,
               const std::vector<FittedMember>& members) {
  const std::size_t outputs = recipe.task == TaskKind::kMulticlass ? target.labels.size() : 1;
  Json list = Json::array();
  for (std::size_t m = 0; m < members.size(); ++m) {
    list.push_back({{"learner", recipe.members[m].learner},
                    {"runtime", members[m].runtime},
                    {"file", members[m].file},
                    {"weight", recipe.members[m].weight}});
  }
  Json json = {
      {"format", 1},
      {"task", TaskName(recipe.task)},
      {"target", recipe.target},
      {"target_type", target.type},
      {"labels", target.labels},
      {"link", recipe.task == TaskKind::kBinary       ? "logistic"
               : recipe.task == TaskKind::kMulticlass ? "softmax"
                                                      : "identity"},
      {"bias", std::vector<double>(outputs, recipe.bias)},
      {"members", std::move(list)},
      {"calibration",
       {{"method", recipe.calibration}, {"slope", recipe.slope}, {"intercept", recipe.bias}}},
      {"interval", nullptr}};
  if (recipe.interval) {
    json["interval"] = {
        {"coverage", 0.9}, {"lower", recipe.interval->first}, {"upper", recipe.interval->second}};
  }
  return json;
}

}  // namespace aimass
