// From a dataset to a staged model version. The order of the work:
//   read rows → target → split → features → search → blend = recipe → fit on the training rows,
//   measure on the hold-out → fit on all rows → folder → report.
// A recipe and the rows determine every byte of the model; only the search looks at a clock.
#include "models/train.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/clock.h"
#include "base/file.h"
#include "datasets/read.h"
#include "models/features/encoder.h"
#include "models/folder.h"
#include "models/golden.h"
#include "models/metric.h"
#include "models/report/report.h"
#include "models/train_folder.h"
#include "models/tune/recipe.h"
#include "models/tune/search.h"

namespace aimass {
namespace {

constexpr int kFolds = 5;

double Seconds(std::int64_t from_ms) { return static_cast<double>(SteadyMs() - from_ms) / 1000.0; }

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

// More folds make a better estimate and cost as many fits; on many rows a few folds measure well
// enough.
int ScoredFolds(const Matrix& matrix, std::size_t outputs, double time_s) {
  const double work = static_cast<double>(matrix.rows() * matrix.features.size() * outputs);
  const double per_second = work / std::max(time_s, 1.0);
  if (per_second < 40e3) return kFolds;
  return per_second < 120e3 ? 3 : 1;
}

// Trials that were finished before the job was interrupted.
std::vector<Trial> LoadTrials(const JobContext& context, std::size_t margins, double* used_ms) {
  std::vector<Trial> trials;
  const std::optional<Json> state = context.LoadCheckpoint();
  if (!state || !state->contains("trials")) return trials;
  *used_ms = state->value("used_ms", 0.0);
  for (const Json& item : (*state)["trials"]) {
    Result<Trial> trial = TrialFromJson(item);
    if (!trial) break;
    if (trial->state == "complete") {
      const auto bytes =
          ReadFile(fmt::format("{}/trial-{}.f32", context.spec().work_folder, trial->number));
      if (!bytes || bytes->size() != margins * sizeof(float)) break;
      trial->margins.resize(margins);
      std::memcpy(trial->margins.data(), bytes->data(), bytes->size());
    }
    trials.push_back(std::move(*trial));
  }
  return trials;
}

struct Searched {
  std::vector<Trial> trials;
  std::vector<std::uint32_t> scored;  // positions among the training rows
  Scorer scorer;
  int scored_folds = kFolds;
  Blend blend;
  std::vector<double> out_of_fold;  // the blend's margins [scored × outputs]
};

Result<Searched> SearchAndBlend(JobContext& context, const TrainParameters& parameters,
                                const LearnerRegistry& learners, const TargetColumn& target,
                                const FittedFeatures& features, const Folds& folds, double gap,
                                int fits_after, std::int64_t start_ms, double* used_ms) {
  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  ASSIGN_OR_RETURN(const Scorer scorer,
                   Scorer::Make(metrics, parameters.metric, target.task, target.labels.size()));
  Searched out{.trials = {},
               .scored = {},
               .scorer = scorer,
               .scored_folds = 1,
               .blend = {},
               .out_of_fold = {}};
  const Matrix& matrix = features.matrix;
  out.scored_folds =
      std::min(folds.measurable(), ScoredFolds(matrix, scorer.outputs(), parameters.time_s));
  const std::vector<FoldRows> fold_rows = RowsOfFolds(folds, out.scored_folds, gap);
  out.scored = ScoredRowNumbers(folds.of, out.scored_folds);
  const std::size_t outputs = scorer.outputs();

  std::vector<Trial> done = LoadTrials(context, out.scored.size() * outputs, used_ms);
  if (!done.empty()) context.Log(Msg("goes on after {} trials of an earlier attempt", done.size()));
  const std::int64_t begin_ms = start_ms - static_cast<std::int64_t>(*used_ms);
  const auto end_ms = begin_ms + static_cast<std::int64_t>(parameters.time_s * 1000.0);
  // What comes after the fits (golden rows, importance, report, files) takes about this long.
  const auto closing_ms =
      static_cast<std::int64_t>(std::clamp(parameters.time_s * 40.0, 150.0, 2000.0));
  Json saved = Json::array();
  for (const Trial& trial : done) saved.push_back(ToJson(trial));
  const SearchInput input{
      .learners = learners,
      .scorer = scorer,
      .matrix = matrix,
      .cross_fit = features.cross_fit,
      .folds = folds.of,
      .rows = fold_rows,
      .scored_folds = out.scored_folds,
      .threads = parameters.threads,
      .seed = parameters.seed,
      .deadline_ms = end_ms - closing_ms,
      .end_ms = end_ms - closing_ms,
      .fits_after = fits_after,
      .max_trials = parameters.max_trials,
      .cancel = context.cancel(),
      .after_trial = [&](const Trial& trial, const Trial* best) -> Status {
        if (trial.state == "complete") {
          RETURN_IF_ERROR(WriteFileAtomic(
              fmt::format("{}/trial-{}.f32", context.spec().work_folder, trial.number),
              std::string_view(reinterpret_cast<const char*>(trial.margins.data()),
                               trial.margins.size() * sizeof(float))));
        }
        saved.push_back(ToJson(trial));
        const std::int64_t now = SteadyMs();
        RETURN_IF_ERROR(context.SaveCheckpoint(
            {{"used_ms", static_cast<double>(now - begin_ms)}, {"trials", saved}}));
        context.Log(Msg("trial {}: {} {} in {} s, {} {}", trial.number, trial.learner, trial.state,
                        fmt::format("{:.2f}", trial.duration_ms / 1000.0), scorer.metric(),
                        fmt::format("{:.5f}", trial.score)));
        const double fraction = static_cast<double>(now - begin_ms) / (parameters.time_s * 1000.0);
        context.Report({.fraction = std::clamp(fraction, 0.0, 0.95),
                        .step = Msg("trial {} done, best {} {}", trial.number + 1, scorer.metric(),
                                    best == nullptr ? "-" : fmt::format("{:.5f}", best->score)),
                        .rows = std::nullopt,
                        .eta_ms = std::max<std::int64_t>(0, end_ms - now)});
        return {};
      }};
  ASSIGN_OR_RETURN(out.trials, Search(input, std::move(done)));

  // The best of the trials are the candidates; the fits of all members have to end in time.
  std::vector<const Trial*> complete;
  for (const Trial& trial : out.trials) {
    if (trial.state == "complete") complete.push_back(&trial);
  }
  std::ranges::stable_sort(complete, {}, [&](const Trial* t) { return scorer.LossOf(t->score); });
  if (complete.size() > 16) complete.resize(16);
  std::vector<Candidate> candidates;
  for (const Trial* trial : complete) {
    candidates.push_back({.margins = trial->margins,
                          .loss = scorer.LossOf(trial->score),
                          .fit_ms = 1.3 * trial->FoldMs()});
  }
  std::vector<float> actual;
  for (const std::uint32_t i : out.scored) actual.push_back(matrix.target[i]);
  const double left_ms = std::max(
      0.0, static_cast<double>(end_ms - closing_ms - SteadyMs()) / std::max(fits_after, 1));
  ASSIGN_OR_RETURN(out.blend,
                   MakeBlend(candidates, actual, scorer,
                             {.most_members = 4,
                              .most_fit_ms = parameters.max_trials < 1000 ? 1e300 : left_ms}));
  std::vector<std::vector<float>> margins;
  for (Blend::Part& part : out.blend.parts) {
    margins.push_back(candidates[part.candidate].margins);
    part.candidate = static_cast<std::size_t>(complete[part.candidate]->number);
  }
  out.out_of_fold = BlendMargins(out.blend, margins);
  return out;
}

// The recipe's last entries, from what the search found.
void FillRecipe(const Searched& searched, const TargetColumn& target, const Matrix& matrix,
                Recipe* recipe) {
  for (const Blend::Part& part : searched.blend.parts) {
    const Trial& trial = searched.trials[part.candidate];
    recipe->members.push_back({.learner = trial.learner,
                               .settings = trial.settings,
                               .rounds = trial.Rounds(),
                               .weight = part.weight});
  }
  recipe->bias = searched.blend.bias;
  recipe->calibration = searched.blend.calibration;
  recipe->slope = searched.blend.slope;
  if (target.task != TaskKind::kRegression || searched.scored.size() < 20) return;
  std::vector<double> residuals;
  for (std::size_t i = 0; i < searched.scored.size(); ++i) {
    residuals.push_back(matrix.target[searched.scored[i]] - searched.out_of_fold[i]);
  }
  std::ranges::sort(residuals);
  // The finite-sample quantiles of split conformal prediction: of n residuals the (n+1)·0.95-th.
  const auto n = static_cast<double>(residuals.size());
  const auto at = [&](double rank) {
    return residuals[static_cast<std::size_t>(std::clamp(rank, 1.0, n)) - 1];
  };
  recipe->interval = {at(std::floor((n + 1.0) * 0.05)), at(std::ceil((n + 1.0) * 0.95))};
}

ScoredRows Scored(const TargetColumn& target, std::vector<float> actual,
                  std::span<const double> margins) {
  return {.actual = std::move(actual),
          .predicted = ToPredictions(target.task, target.labels.size(), margins)};
}

// Higher means more of labels[1]: a column that goes the other way in the training rows is turned
// round.
std::vector<double> BaselineScores(const RowTable& table, const TargetColumn& target,
                                   const Split& split, const std::string& name) {
  const auto column = table.schema().Find(name);
  if (!column) return {};
  const auto value = [&](std::uint32_t row) {
    const Cell cell = table.At(row, *column);
    if (const auto time = features::TimeOfCell(cell); time && cell.kind == CellKind::kTime)
      return static_cast<double>(*time);
    return static_cast<double>(features::NumberOfCell(cell));
  };
  double sum = 0.0, mean_y = 0.0, covariance = 0.0, count = 0.0;
  for (const std::uint32_t row : split.training) {
    const double x = value(row);
    if (std::isnan(x)) continue;
    sum += x, mean_y += target.values[row], count += 1.0;
  }
  if (count == 0.0) return {};
  const double mean = sum / count;
  mean_y /= count;
  for (const std::uint32_t row : split.training) {
    const double x = value(row);
    if (!std::isnan(x)) covariance += (x - mean) * (target.values[row] - mean_y);
  }
  const bool turned = target.task == TaskKind::kBinary && covariance < 0.0;
  std::vector<double> scores;
  for (const std::uint32_t row : split.holdout) {
    const double x = value(row);
    scores.push_back(std::isnan(x) ? (turned ? -mean : mean) : (turned ? -x : x));
  }
  return scores;
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
  return TrainOnRows(context, parameters, table, test_from, start_ms);
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

}  // namespace

Result<Json> TrainOnRows(JobContext& context, const TrainParameters& parameters,
                         const RowTable& table, std::size_t test_from, std::int64_t start_ms) {
  LearnerRegistry learners("learner");
  RegisterAllLearners(learners);
  Json durations = {{"read", Seconds(start_ms) * 1000.0}};
  std::int64_t lap = SteadyMs();
  const auto take_lap = [&](const char* name) {
    durations[name] = static_cast<double>(SteadyMs() - lap);
    lap = SteadyMs();
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
  ASSIGN_OR_RETURN(const RowGroups groups, GroupRows(table, target,
                                                     {.target = parameters.target,
                                                      .drop = parameters.drop,
                                                      .column = parameters.group_column}));
  if (groups.duplicates > 0) {
    context.Log(groups.by == "none"
                    ? Msg("{} of {} rows repeat the features of another row", groups.duplicates,
                          table.rows() - target.missing)
                    : Msg("{} of {} rows repeat the features of another row; a split keeps such "
                          "rows on one side",
                          groups.duplicates, table.rows() - target.missing));
  }
  ASSIGN_OR_RETURN(
      const Split split,
      SplitRows(table, target, groups,
                {.seed = parameters.seed,
                 .fraction = parameters.test_fraction,
                 .time_column = parameters.time_column,
                 .after = parameters.test_after ? std::optional(CellOfJson(*parameters.test_after))
                                                : std::nullopt,
                 .given_from = test_from}));
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
  context.Report({.fraction = 0.0,
                  .step = Msg("preparing features"),
                  .rows = std::nullopt,
                  .eta_ms = std::nullopt});
  ASSIGN_OR_RETURN(const FittedFeatures features,
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

  double used_ms = 0.0;
  const int fits = recipe.rows == "all" ? 2 : 1;
  ASSIGN_OR_RETURN(const Searched searched,
                   SearchAndBlend(context, parameters, learners, target, features, folds,
                                  GapOf(table, split), fits, start_ms, &used_ms));
  FillRecipe(searched, target, features.matrix, &recipe);
  take_lap("search");

  // Measure on the hold-out; where the same fit is shipped, it answers the golden rows as well.
  context.Report({.fraction = 0.96,
                  .step = Msg("fitting the chosen models"),
                  .rows = std::nullopt,
                  .eta_ms = std::nullopt});
  const std::size_t outputs = searched.scorer.outputs();
  const std::size_t width = features.pipeline.features().size();
  std::vector<float> holdout(split.holdout.size() * width);
  EncodeRows(features.pipeline, table, split.holdout, holdout);
  const FittedFeatures* shipped = &features;
  std::optional<FittedFeatures> of_all;
  GoldenRows golden;
  std::vector<FittedMember> members;
  std::vector<double> holdout_margins, golden_margins;
  if (recipe.rows == "training") {
    golden = MakeGoldenRows(features.pipeline, table, split.training, parameters.seed);
    std::vector<float> extra(holdout);
    extra.insert(extra.end(), golden.features.begin(), golden.features.end());
    ASSIGN_OR_RETURN(members, FitMembers(recipe, learners, target.labels.size(), features.matrix,
                                         extra, context.cancel()));
    const std::vector<double> margins = FinalMargins(recipe, members);
    const auto cut = margins.begin() + static_cast<std::ptrdiff_t>(split.holdout.size() * outputs);
    holdout_margins.assign(margins.begin(), cut);
    golden_margins.assign(cut, margins.end());
  } else {
    ASSIGN_OR_RETURN(const std::vector<FittedMember> measured,
                     FitMembers(recipe, learners, target.labels.size(), features.matrix, holdout,
                                context.cancel()));
    holdout_margins = FinalMargins(recipe, measured);
    std::vector<std::uint32_t> all(split.training);
    all.insert(all.end(), split.holdout.begin(), split.holdout.end());
    std::ranges::sort(all);
    ASSIGN_OR_RETURN(of_all, FitFeatures(recipe, table, target, groups, all));
    shipped = &*of_all;
    golden = MakeGoldenRows(shipped->pipeline, table, all, parameters.seed);
    ASSIGN_OR_RETURN(members, FitMembers(recipe, learners, target.labels.size(), shipped->matrix,
                                         golden.features, context.cancel()));
    golden_margins = FinalMargins(recipe, members);
  }
  take_lap("fit");

  const std::string folder = context.spec().work_folder + "/model";
  Json search_json = {{"format", 1},
                      {"metric", searched.scorer.metric()},
                      {"folds", searched.scored_folds},
                      {"seed", parameters.seed},
                      {"time_s", parameters.time_s},
                      {"threads", parameters.threads},
                      {"trials", Json::array()},
                      {"recipe", ToJson(recipe)}};
  search_json["recipe"]["dataset"] = {{"id", parameters.dataset.id},
                                      {"name", parameters.dataset.name},
                                      {"version", parameters.dataset.version}};
  for (const Trial& trial : searched.trials) search_json["trials"].push_back(ToJson(trial));
  RETURN_IF_ERROR(
      StageModel(folder, {.model = ModelJson(recipe, target, members),
                          .features = shipped->pipeline.ToJson(),
                          .trials = search_json,
                          .golden = GoldenJson(shipped->pipeline, golden, golden_margins),
                          .members = members}));

  ReportInput report{.task = target.task,
                     .model = parameters.name,
                     .target = parameters.target,
                     .metric = std::string(searched.scorer.metric()),
                     .labels = target.labels};
  std::vector<float> actual;
  for (const std::uint32_t row : split.holdout) actual.push_back(target.values[row]);
  report.holdout = Scored(target, std::move(actual), holdout_margins);
  actual.clear();
  for (const std::uint32_t i : searched.scored) actual.push_back(features.matrix.target[i]);
  report.out_of_fold = Scored(target, std::move(actual), searched.out_of_fold);
  report.training_target = features.matrix.target;
  if (!parameters.baseline_column.empty() && target.task != TaskKind::kMulticlass) {
    report.baseline_scores = BaselineScores(table, target, split, parameters.baseline_column);
    if (!report.baseline_scores.empty()) report.baseline_column = parameters.baseline_column;
  }
  std::vector<float> sample(split.holdout.size() * shipped->pipeline.features().size());
  EncodeRows(shipped->pipeline, table, split.holdout, sample);
  ASSIGN_OR_RETURN(report.importance, ImportanceOf(folder, sample, split.holdout.size(),
                                                   shipped->pipeline.features()));
  for (const LeftOutColumn& column : shipped->left_out)
    report.dropped.push_back({column.column, column.reason});
  report.dataset = {{"id", parameters.dataset.id},
                    {"name", parameters.dataset.name},
                    {"version", parameters.dataset.version},
                    {"rows", table.rows()}};
  report.split = {{"method", split.method},
                  {"training_rows", split.training.size()},
                  {"holdout_rows", split.holdout.size()},
                  {"duplicates", groups.duplicates},
                  {"group_by", groups.by},
                  {"final_rows", recipe.rows}};
  if (!groups.column.empty()) report.split["group_column"] = groups.column;
  if (split.method == "time") report.split["column"] = split.time_column;
  if (parameters.test_after) report.split["after"] = *parameters.test_after;
  Json chosen = Json::array();
  for (const RecipeMember& member : recipe.members) {
    chosen.push_back(
        {{"learner", member.learner}, {"weight", member.weight}, {"rounds", member.rounds}});
  }
  report.search = {{"trials", searched.trials.size()},
                   {"complete", std::ranges::count(searched.trials, "complete", &Trial::state)},
                   {"folds", searched.scored_folds},
                   {"members", std::move(chosen)}};
  take_lap("evaluate");
  report.durations_ms = durations;
  report.seed = parameters.seed;
  report.threads = parameters.threads;
  report.time_s = parameters.time_s;
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
