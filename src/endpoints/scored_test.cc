#include "endpoints/scored.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "base/file.h"
#include "models/folder.h"
#include "models/golden.h"
#include "store/testing/databases.h"
#include "table/builder.h"

namespace aimass {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// A linear model over the columns a, b, c and d.
std::shared_ptr<const LoadedModel> Linear(const std::string& folder) {
  const std::vector<std::string> columns{"a", "b", "c", "d"};
  const auto pipeline = FeaturePipeline::Identity(columns);
  const GoldenRows none{.rows = Json::array(), .features = {}, .count = 0};
  Json member{{"format", 1}, {"kind", "linear"}, {"outputs", 1}, {"intercept", {0.1}}};
  double weight = 0.3;
  for (const std::string& name : columns) {
    member["features"].push_back({{"name", name},
                                  {"mean", 0},
                                  {"fill", 0.7},
                                  {"min", -1e6},
                                  {"max", 1e6},
                                  {"weights", {weight}},
                                  {"missing_weights", {weight / 7}}});
    weight *= -1.7;
  }
  EXPECT_TRUE(WriteFileAtomic(folder + "/member-0.json", member.dump()));
  EXPECT_TRUE(
      WriteFileAtomic(folder + "/model.json",
                      R"({"format":1,"task":"binary","target":"y","link":"logistic","labels":)"
                      R"(["no","yes"],"members":[{"file":"member-0.json","runtime":"linear"}]})"));
  EXPECT_TRUE(WriteFileAtomic(folder + "/features.json", pipeline.ToJson().dump()));
  EXPECT_TRUE(WriteFileAtomic(folder + "/golden.json", GoldenJson(pipeline, none, {}).dump()));
  EXPECT_TRUE(WriteSums(folder));
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  auto model = LoadedModel::Load(folder, "", runtimes);
  EXPECT_TRUE(model) << model.error().ToString();
  return model ? *model : nullptr;
}

// Rows of integers, floats and texts with what is missing, infinite or no number; no column d.
Batch Rows(std::size_t count) {
  Schema schema;
  schema.columns = {{"c", {.kind = TypeKind::kText}},
                    {"a", {.kind = TypeKind::kInt32}},
                    {"b", {.kind = TypeKind::kFloat64}},
                    {"prediction", {.kind = TypeKind::kInt64}}};
  BatchBuilder builder(std::make_shared<const Schema>(schema));
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    builder.AppendText(0, i % 5 == 0 ? "neither" : fmt::format("{}.25", n % 17));
    if (i % 7 == 3) {
      builder.AppendNull(1);
    } else {
      builder.AppendInt64(1, n - 300);
    }
    if (i % 11 == 4) {
      builder.AppendNull(2);
    } else {
      builder.AppendDouble(2, i % 13 == 5 ? kInfinite : 1.0 / static_cast<double>(i + 1));
    }
    builder.AppendInt64(3, n);
  }
  return std::move(builder.Finish().value());
}

// More rows than one block of the encoding: bit for bit what each row gets alone.
TEST(Scorer, ScoresManyRowsAsItScoresEachAlone) {
  const testing::TempFolder folder;
  const auto model = Linear(folder.path());
  ASSERT_NE(model, nullptr);
  constexpr std::size_t kRows = 700;
  const Batch rows = Rows(kRows);
  const Scorer scorer(model, rows.schema());
  const auto scored = scorer.Score(Rows(kRows));
  ASSERT_TRUE(scored) << scored.error().ToString();
  ASSERT_EQ(scored->num_rows(), kRows);
  ASSERT_EQ(scorer.schema().columns.size(), 7U);
  EXPECT_EQ(scorer.schema().columns[4].name, "prediction_2");
  EXPECT_EQ(scorer.schema().columns[6].name, "probability_yes");
  std::vector<double> margins(1);
  std::vector<double> finished(2);
  for (std::size_t i = 0; i < kRows; ++i) {
    const std::vector<Cell> cells{rows.column(1).At(i), rows.column(2).At(i), rows.column(0).At(i),
                                  Cell::Null()};
    model->Predict(cells, margins);
    model->Finish(margins, finished);
    ASSERT_EQ(scored->column(3).Int64(i), static_cast<std::int64_t>(i));
    ASSERT_EQ(scored->column(4).Bytes(i), finished[0] >= finished[1] ? "no" : "yes");
    for (std::size_t k = 0; k < 2; ++k) {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(scored->column(5 + k).Double(i)),
                std::bit_cast<std::uint64_t>(finished[k]))
          << "row " << i;
    }
  }
}

}  // namespace
}  // namespace aimass
