#include "models/features/fitter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/testing/tables.h"

namespace aimass {
namespace {

using testing::Customers;
using testing::MakeTable;
using testing::SchemaOf;

std::vector<std::uint32_t> AllRows(const RowTable& table) {
  std::vector<std::uint32_t> rows(table.rows());
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

std::vector<std::uint8_t> FiveFolds(std::size_t rows) {
  std::vector<std::uint8_t> folds(rows);
  for (std::size_t i = 0; i < rows; ++i) folds[i] = static_cast<std::uint8_t>(i % 5);
  return folds;
}

std::vector<float> YesNo(const RowTable& table, std::size_t column) {
  std::vector<float> target;
  for (std::size_t row = 0; row < table.rows(); ++row)
    target.push_back(table.At(row, column).text == "Yes" ? 1.0F : 0.0F);
  return target;
}

std::size_t FeatureAt(const FeaturePipeline& pipeline, std::string_view name) {
  for (std::size_t i = 0; i < pipeline.features().size(); ++i) {
    if (pipeline.features()[i].name == name) return i;
  }
  ADD_FAILURE() << "no feature " << name;
  return 0;
}

bool Same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// A batch with the same rows, as batch scoring has it.
Batch BatchOf(const RowTable& table) {
  BatchBuilder builder(std::make_shared<const Schema>(table.schema()));
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t c = 0; c < table.schema().columns.size(); ++c)
      builder.AppendCell(c, table.At(row, c));
  }
  return std::move(builder.Finish().value());
}

TEST(FeatureFitterTest, TakesEachColumnForWhatItIs) {
  const RowTable table = Customers(1500, 1);
  const auto fitted =
      FeatureFitter::Fit(table, AllRows(table), YesNo(table, 8), FiveFolds(table.rows()),
                         {.target = "left", .labels = {"No", "Yes"}});
  ASSERT_TRUE(fitted) << fitted.error().ToString();
  std::string names;
  for (const FeatureInfo& feature : fitted->pipeline.features()) {
    if (feature.name.find("gram_") == std::string::npos)
      names += feature.name + (feature.categories > 0 ? "# " : " ");
  }
  EXPECT_EQ(
      names,
      "tenure charges contract# city.target city.frequency since.year since.month since.day "
      "since.weekday "
      "since.month_end since.days since.month_sin since.month_cos note.words note.characters ");
  ASSERT_EQ(fitted->left_out.size(), 2U);
  EXPECT_EQ(fitted->left_out[0].column, "id");
  EXPECT_EQ(Render(fitted->left_out[1].reason, Language::kEnglish), "every row has the same value");
}

// Training, batch scoring and single rows, before and after features.json: the same floats, row by
// row.
TEST(FeatureFitterTest, TrainingAndServingEncodeAlike) {
  const RowTable table = Customers(1500, 2);
  const std::vector<std::uint32_t> rows = AllRows(table);
  const auto fitted = FeatureFitter::Fit(table, rows, YesNo(table, 8), FiveFolds(table.rows()),
                                         {.target = "left", .labels = {"No", "Yes"}});
  ASSERT_TRUE(fitted) << fitted.error().ToString();
  const FeaturePipeline& pipeline = fitted->pipeline;
  const auto loaded = FeaturePipeline::FromJson(ParseJson(pipeline.ToJson().dump()).value());
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  EXPECT_EQ(loaded->ToJson(), pipeline.ToJson());
  const std::size_t width = pipeline.features().size();
  std::vector<float> by_rows(rows.size() * width), by_batch(rows.size() * width), one(width);
  FeatureFitter::EncodeRows(pipeline, table, rows, 2, by_rows);
  const Batch batch = BatchOf(table);
  loaded->EncodeBatch(batch, by_batch);
  std::size_t differs_from_training = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::vector<Cell> cells;
    for (const std::string& column : loaded->columns())
      cells.push_back(table.At(row, *table.schema().Find(column)));
    loaded->Encode(cells, one);
    for (std::size_t f = 0; f < width; ++f) {
      ASSERT_TRUE(Same(by_rows[row * width + f], by_batch[row * width + f]))
          << row << " " << pipeline.features()[f].name;
      ASSERT_TRUE(Same(by_rows[row * width + f], one[f]))
          << row << " " << pipeline.features()[f].name;
      if (Same(fitted->matrix.values[row * width + f], one[f])) continue;
      ++differs_from_training;
      ASSERT_EQ(pipeline.features()[f].name, "city.target")
          << "only the cross-fitted means may differ in training";
    }
  }
  EXPECT_GT(differs_from_training, 1000U);
}

// The encoding of a training row must not change when its own target changes; that of a row in
// another fold must.
TEST(FeatureFitterTest, NoRowSeesItsOwnTarget) {
  const RowTable table = Customers(1500, 3);
  const std::vector<std::uint32_t> rows = AllRows(table);
  std::vector<float> target = YesNo(table, 8);
  const FeatureOptions options{.target = "left", .labels = {"No", "Yes"}};
  const auto before = FeatureFitter::Fit(table, rows, target, FiveFolds(rows.size()), options);
  ASSERT_TRUE(before);
  const std::size_t city = FeatureAt(before->pipeline, "city.target");
  const std::size_t width = before->pipeline.features().size();
  for (const std::size_t changed : {0U, 17U, 333U}) {
    std::vector<float> other = target;
    other[changed] = 1.0F - other[changed];
    const auto after = FeatureFitter::Fit(table, rows, other, FiveFolds(rows.size()), options);
    ASSERT_TRUE(after);
    EXPECT_EQ(before->matrix.values[changed * width + city],
              after->matrix.values[changed * width + city]);
    std::size_t moved = 0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const bool same_fold = row % 5 == changed % 5;
      if (before->matrix.values[row * width + city] == after->matrix.values[row * width + city])
        continue;
      EXPECT_FALSE(same_fold) << row;
      ++moved;
    }
    EXPECT_GT(moved, 0U);
  }
}

TEST(FeatureFitterTest, UnknownAndBrokenCellsAreMissing) {
  const RowTable table = Customers(1500, 4);
  const auto fitted =
      FeatureFitter::Fit(table, AllRows(table), YesNo(table, 8), FiveFolds(table.rows()),
                         {.target = "left", .labels = {"No", "Yes"}});
  ASSERT_TRUE(fitted);
  const FeaturePipeline& pipeline = fitted->pipeline;
  std::vector<float> out(pipeline.features().size());
  const auto encode = [&](std::string_view column, Cell cell) {
    std::vector<Cell> cells(pipeline.columns().size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (pipeline.columns()[i] == column) cells[i] = cell;
    }
    pipeline.Encode(cells, out);
  };
  encode("contract", Cell::Text("ten years"));
  for (std::size_t f = 0; f < out.size(); ++f)
    EXPECT_TRUE(std::isnan(out[f])) << pipeline.features()[f].name;
  encode("contract", Cell::Text(" two years "));
  EXPECT_FALSE(std::isnan(out[FeatureAt(pipeline, "contract")]));
  encode("charges", Cell::Text("￥1,020.5"));
  EXPECT_EQ(out[FeatureAt(pipeline, "charges")], 1020.5F);
  encode("charges", Cell::Number(INFINITY));
  EXPECT_TRUE(std::isnan(out[FeatureAt(pipeline, "charges")]));
  encode("since", Cell::Text("2021-03-31"));
  EXPECT_EQ(out[FeatureAt(pipeline, "since.month_end")], 1.0F);
  encode("city", Cell::Text("city nobody knows"));
  EXPECT_NEAR(out[FeatureAt(pipeline, "city.target")], 0.4, 0.2);  // the mean of all
  EXPECT_EQ(out[FeatureAt(pipeline, "city.frequency")], 0.0F);
}

TEST(FeatureFitterTest, TargetMeansAreSmoothed) {
  // Key "a" in 4 rows, always 1; "b" in 4 rows, always 0; the rest never repeat.
  const RowTable table = MakeTable(
      SchemaOf({{"key", TypeKind::kText}, {"y", TypeKind::kText}}), 200,
      [](BatchBuilder& builder, std::size_t row) {
        builder.AppendText(0, row < 4 ? "a" : row < 8 ? "b" : "k" + std::to_string(row / 2));
        builder.AppendText(1, row < 4 || (row >= 8 && row % 2 == 0) ? "Yes" : "No");
      });
  const auto fitted = FeatureFitter::Fit(table, AllRows(table), YesNo(table, 1), FiveFolds(200),
                                         {.target = "y", .labels = {"No", "Yes"}});
  ASSERT_TRUE(fitted) << fitted.error().ToString();
  std::vector<float> out(2);
  const double prior = 100.0 / 200.0;
  const Cell a = Cell::Text("a"), b = Cell::Text("b");
  fitted->pipeline.Encode(std::span(&a, 1), out);
  EXPECT_NEAR(out[0], (4 + 10 * prior) / 14, 1e-6);
  EXPECT_NEAR(out[1], std::log(5.0), 1e-6);
  fitted->pipeline.Encode(std::span(&b, 1), out);
  EXPECT_NEAR(out[0], 10 * prior / 14, 1e-6);
}

struct ReasonCase {
  std::string_view what, column, reason;  // empty: the column stays
  bool keep = false;
};
class LeftOutTest : public ::testing::TestWithParam<ReasonCase> {};
TEST_P(LeftOutTest, SaysWhy) {
  Random random(5);
  const RowTable table =
      MakeTable(SchemaOf({{"row", TypeKind::kInt64},
                          {"uuid", TypeKind::kText},
                          {"member_id", TypeKind::kInt64},
                          {"empty", TypeKind::kFloat64},
                          {"same", TypeKind::kText},
                          {"twin", TypeKind::kText},
                          {"score", TypeKind::kFloat64},
                          {"age", TypeKind::kInt64},
                          {"bytes", TypeKind::kBinary},
                          {"y", TypeKind::kText}}),
                400, [&](BatchBuilder& builder, std::size_t row) {
                  const bool yes = random.Unit() < 0.4;
                  builder.AppendInt64(0, static_cast<std::int64_t>(row) + 1);
                  builder.AppendText(1, "u" + std::to_string(random.Next()));
                  builder.AppendInt64(2, static_cast<std::int64_t>(random.Below(300)) * 7919);
                  builder.AppendNull(3);
                  builder.AppendText(4, "x");
                  builder.AppendText(5, yes ? "left" : "stayed");
                  builder.AppendDouble(6, yes ? random.Uniform(10, 20) : random.Uniform(0, 9));
                  builder.AppendInt64(7, static_cast<std::int64_t>(random.Below(80)));
                  builder.AppendText(8, "b");
                  builder.AppendText(9, yes ? "Yes" : "No");
                });
  const ReasonCase& param = GetParam();
  FeatureOptions options{.target = "y", .labels = {"No", "Yes"}};
  if (param.keep) options.keep = {std::string(param.column)};
  const auto fitted =
      FeatureFitter::Fit(table, AllRows(table), YesNo(table, 9), FiveFolds(table.rows()), options);
  ASSERT_TRUE(fitted) << fitted.error().ToString();
  std::string reason;
  for (const LeftOutColumn& column : fitted->left_out) {
    if (column.column == param.column) reason = Render(column.reason, Language::kEnglish);
  }
  EXPECT_EQ(reason, param.reason);
}
INSTANTIATE_TEST_SUITE_P(
    , LeftOutTest,
    ::testing::Values(
        ReasonCase{"RowNumber", "row",
                   "it looks like an identifier: 400 different values in 400 rows"},
        ReasonCase{"Uuid", "uuid", "it looks like an identifier: 400 different values in 400 rows"},
        ReasonCase{"Empty", "empty", "every value is missing"},
        ReasonCase{"Same", "same", "every row has the same value"},
        ReasonCase{"SameButKept", "same", "", true},
        ReasonCase{"Twin", "twin",
                   "it gives the target away: alone it tells the class of 1.0000 of the rows"},
        ReasonCase{"TwinButKept", "twin", "", true},
        ReasonCase{"Score", "score",
                   "it gives the target away: alone it ranks the rows with an AUC of 1.0000"},
        ReasonCase{"Age", "age", ""},
        ReasonCase{"Binary", "bytes", "its type binary is not used for training"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(FeaturePipelineTest, RefusesWhatItDoesNotKnow) {
  const Json good = FeaturePipeline::Identity(std::vector<std::string>{"f0", "f1"}).ToJson();
  EXPECT_TRUE(FeaturePipeline::FromJson(good));
  Json bad = good;
  bad["format"] = 2;
  EXPECT_EQ(FeaturePipeline::FromJson(bad).error().ToString(),
            "features.json has format 2, this build reads format 1");
  bad = good;
  bad["encoders"][0]["kind"] = "magic";
  EXPECT_FALSE(FeaturePipeline::FromJson(bad));
  bad = good;
  bad["encoders"][1]["column"] = 7;
  EXPECT_FALSE(FeaturePipeline::FromJson(bad));
  bad = good;
  bad["encoders"][1]["features"].push_back({{"name", "more"}, {"categories", 0}});
  EXPECT_FALSE(FeaturePipeline::FromJson(bad));
  bad = good;
  bad.erase("columns");
  EXPECT_FALSE(FeaturePipeline::FromJson(bad));
}

TEST(FeaturePipelineTest, RefusesAnEncodingThatWritesMoreThanItSays) {
  Json target = {{"kind", "target"},        {"column", 0},
                 {"smoothing", 1.0},        {"prior", std::vector<double>(1000, 0.1)},
                 {"rows", Json::array()},   {"sums", Json::array()},
                 {"values", Json::array()}, {"features", Json::array()}};
  Json json = FeaturePipeline::Identity(std::vector<std::string>{"f0"}).ToJson();
  const auto error_of = [&](const Json& encoder) {
    json["encoders"] = {encoder};
    const auto found = FeaturePipeline::FromJson(json);
    return found ? std::string() : found.error().ToString();
  };
  EXPECT_EQ(error_of(target), "features.json is damaged: an encoder whose features do not fit it");
  const Json feature = {{"name", "f"}, {"categories", 0}};
  target["prior"] = {0.5};
  target["features"] = {feature, feature};
  EXPECT_EQ(error_of(target), "");
  target["values"] = {"a", "a"};
  target["rows"] = {2, 3};
  target["sums"] = {1.0, 1.0};
  EXPECT_EQ(error_of(target), "features.json is damaged: a value of a target encoding twice");
}

}  // namespace
}  // namespace aimass
