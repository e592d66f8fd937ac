#include "models/train.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "models/folder.h"
#include "models/golden.h"
#include "models/testing/tables.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

using testing::Customers;
using testing::FakeJob;
using testing::MakeTable;
using testing::SchemaOf;

TrainParameters Parameters(std::string target, int trials) {
  TrainParameters parameters;
  parameters.name = "model";
  parameters.target = std::move(target);
  parameters.time_s = 600;
  parameters.max_trials = trials;
  parameters.dataset.name = "data";
  return parameters;
}

Json ReadJson(const std::string& path) { return ParseJson(ReadFile(path).value()).value(); }

Result<Json> Train(FakeJob& job, const TrainParameters& parameters, const RowTable& table) {
  return TrainOnRows(job, parameters, table, 0, SteadyMs(), {});
}

double AucOf(const Json& output) { return output.at("metrics").at("auc").get<double>(); }

// The folder's own runtimes must give the golden margins, which the training library computed.
void ExpectGolden(const std::string& folder) {
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  const Json model = ReadJson(folder + "/model.json");
  const Json golden = ReadJson(folder + "/golden.json");
  const auto pipeline = FeaturePipeline::FromJson(ReadJson(folder + "/features.json"));
  ASSERT_TRUE(pipeline) << pipeline.error().ToString();
  const std::vector<float> rows = EncodeJsonRows(*pipeline, golden["rows"]);
  EXPECT_EQ(HashOfFeatures(rows), golden["features_sha256"]);
  const std::size_t width = pipeline->features().size();
  ASSERT_GE(golden["rows"].size(), 100U);
  std::vector<std::vector<double>> margins(golden["rows"].size(),
                                           model["bias"].get<std::vector<double>>());
  for (const Json& member : model["members"]) {
    const auto* type = runtimes.Find(member["runtime"].get<std::string>()).value();
    auto predictor = type->load(folder + "/" + member["file"].get<std::string>());
    ASSERT_TRUE(predictor) << predictor.error().ToString();
    std::vector<float> out((*predictor)->num_outputs());
    for (std::size_t i = 0; i < margins.size(); ++i) {
      (*predictor)->Predict(std::span(rows).subspan(i * width, width), out);
      for (std::size_t o = 0; o < out.size(); ++o)
        margins[i][o] += member["weight"].get<double>() * out[o];
    }
  }
  for (std::size_t i = 0; i < margins.size(); ++i) {
    for (std::size_t o = 0; o < margins[i].size(); ++o) {
      const double expected = golden["margins"][i][o].get<double>();
      EXPECT_NEAR(margins[i][o], expected, 1e-6 * std::max(1.0, std::fabs(expected))) << i;
    }
  }
}

TEST(TrainTest, BinaryModelIsGoodCompleteAndReproducible) {
  const RowTable table = Customers(3000, 1);
  FakeJob job;
  const auto output = Train(job, Parameters("left", 5), table);
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_EQ((*output)["task"], "binary");
  EXPECT_GT(AucOf(*output), 0.77);
  const std::string folder = (*output)["staged_folder"];
  EXPECT_TRUE(VerifyFolder(folder));
  const Json model = ReadJson(folder + "/model.json");
  EXPECT_EQ(model["labels"], Json({"No", "Yes"}));
  EXPECT_EQ(model["link"], "logistic");
  ExpectGolden(folder);

  const Json report = ReadJson(folder + "/report.json");
  std::string dropped;
  for (const Json& item : report["dropped"]) dropped += item["column"].get<std::string>() + " ";
  EXPECT_EQ(dropped, "id constant ");

  const auto replay = ReplayTraining(folder, table, job.spec().work_folder + "/again", {});
  ASSERT_TRUE(replay) << replay.error().ToString();
  EXPECT_TRUE((*replay)["identical"].get<bool>()) << replay->dump(1);
  EXPECT_GE((*replay)["files"].size(), 4U);

  // Other rows give other bytes: the comparison is a real one.
  const auto other =
      ReplayTraining(folder, Customers(3000, 2), job.spec().work_folder + "/other", {});
  ASSERT_TRUE(other) << other.error().ToString();
  EXPECT_FALSE((*other)["identical"].get<bool>());
}

TEST(TrainTest, TheSameSeedGivesTheSameModel) {
  const RowTable table = Customers(800, 3);
  std::string first;
  for (int i = 0; i < 2; ++i) {
    FakeJob job;
    const auto output = Train(job, Parameters("left", 4), table);
    ASSERT_TRUE(output) << output.error().ToString();
    const std::string model =
        ReadFile((*output)["staged_folder"].get<std::string>() + "/model.json").value() +
        ReadFile((*output)["staged_folder"].get<std::string>() + "/golden.json").value();
    if (i == 0) first = model;
    EXPECT_EQ(first, model);
  }
}

TEST(TrainTest, MulticlassAndRegression) {
  Random random(5);
  const RowTable table =
      MakeTable(SchemaOf({{"a", TypeKind::kFloat64},
                          {"b", TypeKind::kFloat64},
                          {"kind", TypeKind::kText},
                          {"price", TypeKind::kFloat64}}),
                1500, [&](BatchBuilder& builder, std::size_t) {
                  const double a = random.Uniform(-1, 1), b = random.Uniform(-1, 1);
                  builder.AppendDouble(0, a);
                  builder.AppendDouble(1, b);
                  const double noisy = a + 0.3 * random.Normal();
                  builder.AppendText(2, noisy < -0.3 ? "低" : noisy < 0.3 ? "中" : "高");
                  builder.AppendDouble(3, 100 + 20 * a * b + 10 * b + random.Normal());
                });
  FakeJob classes;
  TrainParameters parameters = Parameters("kind", 3);
  parameters.drop = {"price"};
  const auto of_classes = Train(classes, parameters, table);
  ASSERT_TRUE(of_classes) << of_classes.error().ToString();
  EXPECT_EQ((*of_classes)["task"], "multiclass");
  EXPECT_GT((*of_classes)["metrics"]["accuracy"].get<double>(), 0.6);
  const std::string folder = (*of_classes)["staged_folder"];
  ExpectGolden(folder);
  EXPECT_EQ(ReadJson(folder + "/model.json")["bias"].size(), 3U);

  FakeJob values;
  parameters = Parameters("price", 3);
  parameters.drop = {"kind"};
  const auto of_values = Train(values, parameters, table);
  ASSERT_TRUE(of_values) << of_values.error().ToString();
  EXPECT_EQ((*of_values)["task"], "regression");
  EXPECT_LT((*of_values)["metrics"]["rmse"].get<double>(), 2.5);
  const Json model = ReadJson((*of_values)["staged_folder"].get<std::string>() + "/model.json");
  ExpectGolden((*of_values)["staged_folder"]);
  EXPECT_LT(model["interval"]["lower"].get<double>(), -0.8);
  EXPECT_GT(model["interval"]["upper"].get<double>(), 0.8);
}

// A random target that many categories could remember must not look predictable, neither by
// cross-validation nor on the hold-out.
TEST(TrainTest, ManyCategoriesDoNotLeakTheTarget) {
  Random random(7);
  const RowTable table = MakeTable(
      SchemaOf({{"shop", TypeKind::kText}, {"article", TypeKind::kText}, {"y", TypeKind::kInt64}}),
      4000, [&](BatchBuilder& builder, std::size_t) {
        builder.AppendText(0, "s" + std::to_string(random.Below(1200)));
        builder.AppendText(1, "a" + std::to_string(random.Below(300)));
        builder.AppendInt64(2, random.Unit() < 0.5 ? 1 : 0);
      });
  FakeJob job;
  const auto output = Train(job, Parameters("y", 4), table);
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_NEAR(AucOf(*output), 0.5, 0.07);  // 800 rows: three standard errors
  const Json trials = ReadJson((*output)["staged_folder"].get<std::string>() + "/trials.json");
  for (const Json& trial : trials["trials"])
    EXPECT_LT(trial["score"].get<double>(), 0.56) << trial.dump();
}

// Labels of pure noise, every row there twice: who has seen the twin knows the label.
TEST(TrainTest, CopiesOfRowsDoNotMakeNoisePredictable) {
  Random random(21);
  std::vector<std::array<double, 4>> rows;
  for (int i = 0; i < 1500; ++i)
    rows.push_back({random.Unit(), random.Unit(), random.Unit(), random.Unit() < 0.5 ? 1.0 : 0.0});
  const RowTable table = MakeTable(SchemaOf({{"a", TypeKind::kFloat64},
                                             {"b", TypeKind::kFloat64},
                                             {"c", TypeKind::kFloat64},
                                             {"y", TypeKind::kInt64}}),
                                   3000, [&](BatchBuilder& builder, std::size_t row) {
                                     const auto& values = rows[row % 1500];
                                     for (std::size_t c = 0; c < 3; ++c)
                                       builder.AppendDouble(c, values[c]);
                                     builder.AppendInt64(3, static_cast<std::int64_t>(values[3]));
                                   });
  FakeJob job;
  const auto output = Train(job, Parameters("y", 4), table);
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_NEAR(AucOf(*output), 0.5, 0.09);  // 300 different rows: three standard errors
  const std::string folder = (*output)["staged_folder"];
  const Json trials = ReadJson(folder + "/trials.json");
  for (const Json& trial : trials["trials"])
    EXPECT_LT(trial["score"].get<double>(), 0.56) << trial.dump();
  const Json report = ReadJson(folder + "/report.json");
  EXPECT_EQ(report["split"]["duplicates"], 1500);
  EXPECT_EQ(report["split"]["group_by"], "rows");
  const auto replay = ReplayTraining(folder, table, job.spec().work_folder + "/again", {});
  ASSERT_TRUE(replay) << replay.error().ToString();
  EXPECT_TRUE((*replay)["identical"].get<bool>()) << replay->dump(1);
}

TEST(TrainTest, GoesOnAfterAKillWithTheTrialsThatWereDone) {
  const RowTable table = Customers(800, 9);
  FakeJob job;
  job.die_after_trials = 3;
  ASSERT_FALSE(Train(job, Parameters("left", 6), table));
  ASSERT_EQ((*job.checkpoint)["trials"].size(), 3U);
  const Json before = (*job.checkpoint)["trials"];
  job.die_after_trials = 0;
  job.lines.clear();
  const auto output = Train(job, Parameters("left", 6), table);
  ASSERT_TRUE(output) << output.error().ToString();
  const Json trials =
      ReadJson((*output)["staged_folder"].get<std::string>() + "/trials.json")["trials"];
  ASSERT_EQ(trials.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(trials[i], before[i]) << "trial " << i << " was done again";

  // The same as without the kill.
  FakeJob whole;
  const auto uninterrupted = Train(whole, Parameters("left", 6), table);
  ASSERT_TRUE(uninterrupted);
  EXPECT_EQ(ReadFile((*output)["staged_folder"].get<std::string>() + "/model.json").value(),
            ReadFile((*uninterrupted)["staged_folder"].get<std::string>() + "/model.json").value());
}

TEST(TrainTest, GoesOnAfterTwoKillsWhereFewerFoldsCountThanAtFirst) {
  const RowTable table = Customers(800, 9);
  FakeJob job;
  job.die_after_trials = 3;
  ASSERT_FALSE(Train(job, Parameters("left", 6), table));
  const Json before = (*job.checkpoint)["trials"];
  ASSERT_GT(before[0]["fold_scores"].size(), 2U);
  (*job.checkpoint)["folds"] = 2;
  job.die_after_trials = 5;
  ASSERT_FALSE(Train(job, Parameters("left", 6), table));
  job.die_after_trials = 0;
  const auto output = Train(job, Parameters("left", 6), table);
  ASSERT_TRUE(output) << output.error().ToString();
  const Json trials =
      ReadJson((*output)["staged_folder"].get<std::string>() + "/trials.json")["trials"];
  ASSERT_EQ(trials.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_LE(trials[i]["fold_scores"].size(), 2U) << i;
    if (i < 3) {
      EXPECT_EQ(trials[i]["duration_ms"], before[i]["duration_ms"]) << i << " was done again";
    }
  }
}

TEST(TrainTest, StopsWithinTwoSecondsWhenCancelled) {
  const RowTable table = Customers(3000, 13);
  FakeJob job;
  std::int64_t cancelled_ms = 0;
  std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    cancelled_ms = SteadyMs();
    job.cancel().Cancel();
  });
  const auto output = Train(job, Parameters("left", 100000), table);
  canceller.join();
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::kCancelled);
  EXPECT_LT(SteadyMs() - cancelled_ms, 2000);
}

TEST(TrainTest, LeavesOutAColumnThatGivesTheTargetAway) {
  Random random(15);
  const RowTable table = MakeTable(
      SchemaOf({{"x", TypeKind::kFloat64}, {"refund", TypeKind::kFloat64}, {"y", TypeKind::kBool}}),
      600, [&](BatchBuilder& builder, std::size_t) {
        const double x = random.Unit();
        const bool y = random.Unit() < x;
        builder.AppendDouble(0, x);
        y ? builder.AppendDouble(1, random.Uniform(1, 50)) : builder.AppendNull(1);
        builder.AppendBool(2, y);
      });
  FakeJob job;
  TrainParameters parameters = Parameters("y", 2);
  const auto output = Train(job, parameters, table);
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_LT(AucOf(*output), 0.95);
  EXPECT_EQ(ReadJson((*output)["staged_folder"].get<std::string>() + "/model.json")["labels"],
            Json({"false", "true"}));
  parameters.keep = {"refund"};
  FakeJob kept;
  const auto with = Train(kept, parameters, table);
  ASSERT_TRUE(with) << with.error().ToString();
  EXPECT_GT(AucOf(*with), 0.999);
}

TEST(TrainTest, HoldsOutTheLastMonthEnd) {
  Random random(17);
  const RowTable table = MakeTable(
      SchemaOf({{"cutoff", TypeKind::kDate},
                {"x", TypeKind::kFloat64},
                {"recency", TypeKind::kInt64},
                {"y", TypeKind::kInt64}}),
      1200, [&](BatchBuilder& builder, std::size_t row) {
        const double x = random.Unit();
        const auto recency = static_cast<std::int64_t>(random.Below(365));
        builder.AppendUnixUs(0,
                             static_cast<std::int64_t>(19000 + 30 * (row / 200)) * 86'400'000'000);
        builder.AppendDouble(1, x);
        builder.AppendInt64(2, recency);
        builder.AppendInt64(3, random.Unit() < 0.2 + 0.6 * x * (recency < 100 ? 1.0 : 0.3) ? 1 : 0);
      });
  FakeJob job;
  TrainParameters parameters = Parameters("y", 3);
  parameters.time_column = "cutoff";
  parameters.baseline_column = "recency";
  const auto output = Train(job, parameters, table);
  ASSERT_TRUE(output) << output.error().ToString();
  const std::string folder = (*output)["staged_folder"];
  const Json report = ReadJson(folder + "/report.json");
  EXPECT_EQ(report["split"]["method"], "time");
  EXPECT_EQ(report["split"]["holdout_rows"], 200);
  EXPECT_EQ(report["split"]["final_rows"], "training");
  const auto replay = ReplayTraining(folder, table, job.spec().work_folder + "/again", {});
  ASSERT_TRUE(replay) << replay.error().ToString();
  EXPECT_TRUE((*replay)["identical"].get<bool>()) << replay->dump(1);
}

struct ErrorCase {
  std::string_view what;
  std::string target;
  std::string task;
  std::string error;
  std::string hint = {};
};
class TrainErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(TrainErrorTest, SaysWhatIsWrong) {
  const RowTable table = MakeTable(
      SchemaOf({{"x", TypeKind::kFloat64},
                {"constant", TypeKind::kInt64},
                {"empty", TypeKind::kText},
                {"name", TypeKind::kText},
                {"rare", TypeKind::kInt64},
                {"infinite", TypeKind::kFloat64},
                {"churn", TypeKind::kText}}),
      100, [](BatchBuilder& builder, std::size_t row) {
        builder.AppendDouble(0, static_cast<double>(row % 17));
        builder.AppendInt64(1, 1);
        builder.AppendNull(2);
        builder.AppendText(3, "n" + std::to_string(row));
        row < 5 ? builder.AppendInt64(4, static_cast<std::int64_t>(row)) : builder.AppendNull(4);
        builder.AppendDouble(5, row == 42 ? INFINITY : 1.0 * static_cast<double>(row));
        builder.AppendText(6, row % 3 == 0 ? "a" : "b");
      });
  FakeJob job;
  TrainParameters parameters = Parameters(GetParam().target, 1);
  if (!GetParam().task.empty()) parameters.task = GetParam().task;
  const auto output = Train(job, parameters, table);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().ToString(), GetParam().error);
  EXPECT_EQ(Render(output.error().hint, Language::kEnglish), GetParam().hint);
}
INSTANTIATE_TEST_SUITE_P(
    , TrainErrorTest,
    ::testing::Values(
        ErrorCase{"MissingColumn", "Churn", "",
                  "there is no column 'Churn' to predict; the columns are: x, constant, empty, "
                  "name, rare, infinite, churn",
                  "did you mean 'churn'?"},
        ErrorCase{"Constant", "constant", "",
                  "the target 'constant' is '1' in every row: there is nothing to learn"},
        ErrorCase{"Empty", "empty", "", "the target 'empty' has no value in any of the 100 rows"},
        ErrorCase{"ClassPerRow", "name", "",
                  "the target 'name' has 100 different values in 100 rows: nearly every row is a "
                  "class of its own"},
        ErrorCase{"TooFewRows", "rare", "",
                  "training needs at least 20 rows with a value of 'rare', found 5"},
        ErrorCase{"Infinite", "infinite", "",
                  "the target 'infinite' is infinite in row 43; remove or replace it"},
        ErrorCase{"TextRegression", "churn", "regression",
                  "regression needs numbers, but the target 'churn' has texts"},
        ErrorCase{"NotBinary", "x", "binary",
                  "binary needs two different values, but the target 'x' has 17"},
        ErrorCase{"NoTask", "churn", "ranking",
                  "no task 'ranking'; there are: auto, binary, multiclass, regression"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass
