// From a dataset to a staged model version. The order of the work:
//   read rows → target → groups → split → features → search → blend = recipe (train_search.h) →
//   fit on the training rows, measure on the hold-out → fit on all rows → folder → report
//   (train_report.h).
// A recipe and the rows determine every byte of the model; only the search looks at a clock.
#include "models/train.h"

#include <algorithm>

#include "base/words.h"
#include "datasets/read.h"
#include "models/golden.h"
#include "models/train_folder.h"
#include "models/train_report.h"
#include "models/train_search.h"

namespace aimass {
namespace {

constexpr int kFolds = 6;  // even numbers of them keep two threads busy

Status CheckColumns(const Schema& schema, const std::vector<std::string>& names,
                    std::string_view parameter) {
  std::vector<std::string_view> known;
  for (const ColumnInfo& column : schema.columns) known.push_back(column.name);
  for (const std::string& name : names) {
    if (schema.Find(name)) continue;
    auto error = Fail(ErrorCode::kUnprocessable,
                      "'{}' names the column '{}', which is not there; the columns are: {}",
                      parameter, name, fmt::format("{}", fmt::join(known, ", ")));
    const std::string nearest = Nearest(name, known);
    if (nearest.empty()) return error;
    return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
  }
  return {};
}

Result<RowTable> ReadRows(JobContext& context, const DatasetSnapshot& dataset, int threads,
                          const Schema* schema) {
  ReadRequest request;
  request.datasets = {dataset};
  request.threads = threads;
  if (context.spec().limits.memory_bytes > 0)
    request.memory_bytes = context.spec().limits.memory_bytes / 2;
  request.temp_folder = context.spec().work_folder;
  request.cancel = context.cancel();
  if (schema != nullptr) {
    for (const ColumnInfo& column : schema->columns) request.columns.push_back(column.name);
  }
  ASSIGN_OR_RETURN(const auto reader, Read(context.spec().caller.For("train"), request));
  RowTable table(reader->schema());
  while (true) {
    RETURN_IF_ERROR(context.cancel().Check());
    ASSIGN_OR_RETURN(std::optional<Batch> batch, reader->Next());
    if (!batch) break;
    table.Append(std::move(*batch));
    context.Report({.fraction = 0.0,
                    .step = Msg("reading rows"),
                    .rows = static_cast<std::int64_t>(table.rows()),
                    .eta_ms = std::nullopt});
  }
  return table;
}

Result<Json> RunTrain(JobContext& context) {
  const std::int64_t start_ms = SteadyMs();
  ASSIGN_OR_RETURN(const TrainParameters parameters,
                   TrainParametersFromJson(context.spec().parameters));
  ASSIGN_OR_RETURN(RowTable table,
                   ReadRows(context, parameters.dataset, parameters.threads, nullptr));
  std::size_t test_from = 0;
  if (parameters.test_dataset) {
    test_from = table.rows();
    ASSIGN_OR_RETURN(RowTable test, ReadRows(context, *parameters.test_dataset, parameters.threads,
                                             &table.schema()));
    RETURN_IF_ERROR(table.AppendAll(std::move(test)));
  }
  return TrainOnRows(context, parameters, table, test_from, start_ms, {});
}

Result<Json> RunReproduce(JobContext& context) {
  const Json& parameters = context.spec().parameters;
  ASSIGN_OR_RETURN(const std::string folder, GetString(parameters, "folder"));
  if (!parameters.contains("dataset"))
    return Fail(ErrorCode::kInvalidArgument, "'{}' is missing", "dataset");
  ASSIGN_OR_RETURN(const DatasetSnapshot dataset, SnapshotFromJson(parameters["dataset"]));
  ASSIGN_OR_RETURN(const RowTable table, ReadRows(context, dataset, 2, nullptr));
  return ReplayTraining(folder, table, context.spec().work_folder + "/replay", context.cancel());
}

Result<RowGroups> FindGroups(JobContext& context, const TrainParameters& parameters,
                             const RowTable& table, const TargetColumn& target) {
  ASSIGN_OR_RETURN(RowGroups groups, GroupRows(table, target,
                                               {.target = parameters.target,
                                                .drop = parameters.drop,
                                                .column = parameters.group_column}));
  if (groups.duplicates > 0) {
    const std::size_t rows = table.rows() - target.missing;
    context.Log(
        groups.by == "none"
            ? Msg("{} of {} rows repeat the features of another row", groups.duplicates, rows)
            : Msg("{} of {} rows repeat the features of another row; a split keeps such "
                  "rows on one side",
                  groups.duplicates, rows));
  }
  return groups;
}

// All of the recipe that is known before the search.
Recipe RecipeOf(const TrainParameters& parameters, const TargetColumn& target,
                const RowGroups& groups, const Split& split) {
  Recipe recipe{.task = target.task,
                .target = parameters.target,
                .keep = parameters.keep,
                .drop = parameters.drop,
                .split_method = split.method,
                .time_column = split.time_column,
                .after = parameters.test_after,
                .fraction = parameters.test_fraction,
                .group_by = groups.by,
                .group_column = groups.column,
                .rows = parameters.final_rows,
                .seed = parameters.seed,
                .threads = parameters.threads,
                .folds = kFolds,
                .members = {},
                .bias = 0.0,
                .calibration = "none",
                .slope = 1.0,
                .interval = std::nullopt};
  if (recipe.rows == "auto" || split.method == "given")
    recipe.rows = split.method == "random" ? "all" : "training";
  return recipe;
}

Json TrialsJson(const TrainParameters& parameters, const Searched& searched, const Recipe& recipe) {
  Json json = {{"format", 1},
               {"metric", searched.scorer.metric()},
               {"folds", searched.scored_folds},
               {"seed", parameters.seed},
               {"time_s", parameters.time_s},
               {"threads", parameters.threads},
               {"trials", Json::array()},
               {"recipe", ToJson(recipe)}};
  json["recipe"]["dataset"] = {{"id", parameters.dataset.id},
                               {"name", parameters.dataset.name},
                               {"version", parameters.dataset.version}};
  for (const Trial& trial : searched.trials) json["trials"].push_back(ToJson(trial));
  return json;
}

// The matrix for its last fit. What the report needs of it stays.
Matrix TakeValues(FittedFeatures& fitted) {
  Matrix matrix{.features = fitted.matrix.features,
                .values = std::move(fitted.matrix.values),
                .target = fitted.matrix.target,
                .weights = std::move(fitted.matrix.weights)};
  fitted.matrix.values.clear();
  return matrix;
}

}  // namespace

Result<Json> TrainOnRows(JobContext& context, const TrainParameters& parameters,
                         const RowTable& table, std::size_t test_from, std::int64_t start_ms,
                         const TrainEnvironment& environment) {
  LearnerRegistry all("learner");
  if (environment.learners == nullptr) RegisterAllLearners(all);
  const LearnerRegistry& learners = environment.learners == nullptr ? all : *environment.learners;
  Checkpoint done = LoadTrials(context);
  // What comes after the fits (golden rows, importance, report, files) takes about this long.
  const auto closing_ms =
      static_cast<std::int64_t>(std::clamp(parameters.time_s * 60.0, 150.0, 2500.0));
  const TimeBudget budget(start_ms - static_cast<std::int64_t>(done.used_ms), parameters.time_s,
                          closing_ms, environment.clock);
  Json durations = {{"read", static_cast<double>(budget.Now() - start_ms)}};
  std::int64_t lap = budget.Now();
  const auto take_lap = [&](const char* name) {
    durations[name] = static_cast<double>(budget.Now() - lap);
    lap = budget.Now();
  };

  RETURN_IF_ERROR(CheckColumns(table.schema(), parameters.keep, "keep"));
  RETURN_IF_ERROR(CheckColumns(table.schema(), parameters.drop, "drop"));
  if (!parameters.baseline_column.empty()) {
    RETURN_IF_ERROR(CheckColumns(table.schema(), {parameters.baseline_column}, "baseline_column"));
  }
  ASSIGN_OR_RETURN(const TargetColumn target,
                   ReadTarget(table, parameters.target, parameters.task));
  context.Log(Msg("the task is {}: {} rows, {} of them without a value of '{}'",
                  TaskName(target.task), table.rows(), target.missing, parameters.target));
  if (!parameters.model_task.empty() && parameters.model_task != TaskName(target.task)) {
    return Fail(ErrorCode::kConflict, "model '{}' is a {} model; the new version is {}",
                parameters.name, Word{parameters.model_task},
                Word{std::string(TaskName(target.task))});
  }
  ASSIGN_OR_RETURN(const RowGroups groups, FindGroups(context, parameters, table, target));
  ASSIGN_OR_RETURN(
      const Split split,
      SplitRows(table, target, groups,
                {.seed = parameters.seed,
                 .fraction = parameters.test_fraction,
                 .time_column = parameters.time_column,
                 .after = parameters.test_after ? std::optional(CellOfJson(*parameters.test_after))
                                                : std::nullopt,
                 .given_from = test_from}));
  Recipe recipe = RecipeOf(parameters, target, groups, split);
  context.Report({.fraction = 0.0,
                  .step = Msg("preparing features"),
                  .rows = std::nullopt,
                  .eta_ms = std::nullopt});
  ASSIGN_OR_RETURN(FittedFeatures features,
                   FitFeatures(recipe, table, target, groups, split.training));
  for (const LeftOutColumn& column : features.left_out) {
    context.Log(Msg("column '{}' is left out:", column.column));
    context.Log(column.reason);
  }
  const Folds folds =
      MakeFolds(table, target, groups, split.training,
                split.method == "time" ? split.time_column : "", kFolds, parameters.seed);
  RETURN_IF_ERROR(context.cancel().Check());
  take_lap("features");

  // The measured model, and where all rows are to be used one more with its own features.
  const bool refits = recipe.rows == "all";
  const double refit_ms = refits ? 1.2 * durations["features"].get<double>() : 0.0;
  ASSIGN_OR_RETURN(const Searched searched, SearchAndBlend(context, parameters,
                                                           {.learners = learners,
                                                            .target = target,
                                                            .features = features,
                                                            .folds = folds,
                                                            .gap = GapOf(table, split),
                                                            .fits_after = refits ? 2 : 1,
                                                            .refit_ms = refit_ms},
                                                           budget, std::move(done)));
  FillRecipe(searched, target, features.matrix, &recipe);
  take_lap("search");

  // Measure on the hold-out; where the same fit is shipped, it answers the golden rows as well.
  context.Report({.fraction = 0.96,
                  .step = Msg("fitting the chosen models"),
                  .rows = std::nullopt,
                  .eta_ms = std::nullopt});
  const std::size_t outputs = searched.scorer.outputs();
  const std::size_t width = features.pipeline.features().size();
  std::vector<float> extra(split.holdout.size() * width);
  FeatureFitter::EncodeRows(features.pipeline, table, split.holdout, parameters.threads, extra);
  GoldenRows golden = MakeGoldenRows(features.pipeline, table, split.training, parameters.seed);
  extra.insert(extra.end(), golden.features.begin(), golden.features.end());
  ASSIGN_OR_RETURN(std::vector<FittedMember> members,
                   FitMembers(recipe, learners, target.labels.size(), TakeValues(features), extra,
                              context.cancel()));
  const std::vector<double> margins = FinalMargins(recipe, members);
  const auto cut = margins.begin() + static_cast<std::ptrdiff_t>(split.holdout.size() * outputs);
  const std::vector<double> holdout_margins(margins.begin(), cut);
  std::vector<double> golden_margins(cut, margins.end());
  take_lap("fit");
  const FittedFeatures* shipped = &features;
  std::optional<FittedFeatures> of_all;
  const double again_ms = durations["fit"].get<double>() + refit_ms;
  if (refits && parameters.final_rows == "auto" && static_cast<double>(budget.Left()) < again_ms) {
    context.Log(
        Msg("no time is left to learn from the held-out rows as well: the model that was "
            "measured is used"));
    recipe.rows = "training";
  }
  if (recipe.rows == "all") {
    std::vector<std::uint32_t> rows(split.training);
    rows.insert(rows.end(), split.holdout.begin(), split.holdout.end());
    std::ranges::sort(rows);
    ASSIGN_OR_RETURN(of_all, FitFeatures(recipe, table, target, groups, rows));
    shipped = &*of_all;
    golden = MakeGoldenRows(shipped->pipeline, table, rows, parameters.seed);
    ASSIGN_OR_RETURN(members, FitMembers(recipe, learners, target.labels.size(),
                                         TakeValues(*of_all), golden.features, context.cancel()));
    golden_margins = FinalMargins(recipe, members);
    take_lap("refit");
  }

  const std::string folder = context.spec().work_folder + "/model";
  RETURN_IF_ERROR(
      StageModel(folder, {.model = ModelJson(recipe, target, members),
                          .features = shipped->pipeline.ToJson(),
                          .trials = TrialsJson(parameters, searched, recipe),
                          .golden = GoldenJson(shipped->pipeline, golden, golden_margins),
                          .members = members}));
  ASSIGN_OR_RETURN(ReportInput report, DescribeTraining({.parameters = parameters,
                                                         .table = table,
                                                         .target = target,
                                                         .groups = groups,
                                                         .split = split,
                                                         .recipe = recipe,
                                                         .searched = searched,
                                                         .measured = features,
                                                         .shipped = *shipped,
                                                         .holdout_margins = holdout_margins,
                                                         .folder = folder}));
  take_lap("evaluate");
  report.durations_ms = durations;
  ASSIGN_OR_RETURN(const Json report_json, BuildReport(report));
  RETURN_IF_ERROR(FinishModel(folder, report_json, shipped->pipeline, parameters.name));
  context.Report({.fraction = 1.0, .step = Msg("done"), .rows = std::nullopt, .eta_ms = 0});
  return Json{{"name", parameters.name},
              {"task", TaskName(target.task)},
              {"staged_folder", folder},
              {"metrics", report_json.value("metrics", Json::object())},
              {"lineage",
               {{"dataset", report.dataset},
                {"seed", parameters.seed},
                {"job", context.spec().id},
                {"target", parameters.target}}}};
}

void RegisterTrainJobs(JobKindRegistry& kinds) {
  kinds.Add({.name = "train", .label = {"Training", "训练"}, .run = RunTrain});
  kinds.Add({.name = "reproduce", .label = {"Training again", "重新训练"}, .run = RunReproduce});
}

}  // namespace aimass
