// Files that are broken, cut off or made to harm: each is refused with words that say what is
// wrong.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "runtimes/trees/forest.h"
#include "runtimes/trees/parsed.h"
#include "runtimes/trees/value.h"

namespace aimass::runtimes::trees {
namespace {

// One tree: node 0 splits on feature 0, nodes 1 and 2 are leaves.
constexpr std::string_view kXgboost =
    R"({"learner":{"feature_names":[],"gradient_booster":{"model":{"gbtree_model_param":{"num_trees":"1"},)"
    R"("tree_info":[0],"trees":[{"categories":[],"categories_nodes":[],"categories_segments":[],)"
    R"("categories_sizes":[],"default_left":[0,0,0],"left_children":[1,-1,-1],"right_children":[2,-1,-1],)"
    R"("split_conditions":[0.5,-1.0,1.0],"split_indices":[0,0,0],"split_type":[0,0,0],)"
    R"("sum_hessian":[4.0,3.0,1.0],"tree_param":{"size_leaf_vector":"1"}}]},"name":"gbtree"},)"
    R"("learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_feature":"2","num_target":"1"},)"
    R"("objective":{"name":"binary:logistic"}},"version":[3,2,0]})";

constexpr std::string_view kLightgbm =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary "
    "sigmoid:1\n"
    "feature_names=a "
    "b\ntree_sizes=10\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0.5\n"
    "decision_type=10\nleft_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_count=3 "
    "1\ninternal_count=4\n"
    "is_linear=0\nshrinkage=1\n\n\nend of trees\n";

Result<std::unique_ptr<Forest>> Build(std::string_view content) {
  auto parsed = content.starts_with("tree\n") ? ParseLightgbm(content) : ParseXgboost(content);
  if (!parsed) return std::unexpected(parsed.error());
  return Forest::Build(std::move(*parsed));
}

struct Change {
  std::string_view what;
  bool lightgbm = false;
  std::string_view from, to;
  std::string_view error;  // a part of the message; empty: must load
};

class HostileTest : public testing::TestWithParam<Change> {};

TEST_P(HostileTest, IsRefusedInWords) {
  const Change& change = GetParam();
  std::string text(change.lightgbm ? kLightgbm : kXgboost);
  const std::size_t at = text.find(change.from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, change.from.size(), change.to);
  const auto built = Build(text);
  if (change.error.empty()) {
    EXPECT_TRUE(built) << built.error().ToString();
    return;
  }
  ASSERT_FALSE(built);
  EXPECT_NE(built.error().ToString().find(change.error), std::string::npos)
      << built.error().ToString();
  EXPECT_TRUE(ChineseText(built.error().message.format)) << built.error().message.format;
}

INSTANTIATE_TEST_SUITE_P(
    , HostileTest,
    testing::Values(
        Change{"Whole", false, "[0.5,", "[0.5,", ""}, Change{"WholeText", true, "0.5", "0.5", ""},
        Change{"Cycle", false, "\"left_children\":[1,", "\"left_children\":[0,", "reached twice"},
        Change{"SharedChild", false, "\"right_children\":[2,", "\"right_children\":[1,",
               "reached twice"},
        Change{"ChildOutOfRange", false, "\"right_children\":[2,", "\"right_children\":[3,",
               "child out of range"},
        Change{"OneChild", false, "\"right_children\":[2,", "\"right_children\":[-1,",
               "child out of range"},
        Change{"Feature", false, "\"split_indices\":[0,", "\"split_indices\":[2,",
               "splits on feature 2"},
        Change{"FeatureBelowZero", false, "\"split_indices\":[0,", "\"split_indices\":[-1,",
               "splits on feature -1"},
        Change{"ShortArray", false, "\"sum_hessian\":[4.0,3.0,1.0]", "\"sum_hessian\":[4.0,3.0]",
               "has 2 elements"},
        Change{"TextForNumbers", false, "\"sum_hessian\":[4.0,3.0,1.0]", "\"sum_hessian\":\"x\"",
               "no array"},
        Change{"NanThreshold", false, "[0.5,-1.0", "[NaN,-1.0", "not valid JSON"},
        Change{"HugeLeaf", false, "-1.0,1.0]", "-1.0,1e300]", "no finite value"},
        Change{"TreeInfo", false, "\"tree_info\":[0]", "\"tree_info\":[1]", "belongs to output 1"},
        Change{"TreeInfoShort", false, "\"tree_info\":[0]", "\"tree_info\":[]", "1 tree,"},
        Change{"Linear", false, "\"name\":\"gbtree\"", "\"name\":\"gblinear\"", "gblinear"},
        Change{"VectorLeaf", false, "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"",
               "multi_output_tree"},
        Change{"Outputs", false, "\"num_class\":\"0\"", "\"num_class\":\"999999999\"", "outputs"},
        Change{"Features", false, "\"num_feature\":\"2\"", "\"num_feature\":\"-3\"", "-3 features"},
        Change{"BaseScore", false, "[5E-1]", "[x]", "base_score"},
        Change{"BaseScores", false, "[5E-1]", "[5E-1,5E-1]", "has 2 values"},
        Change{"CutOff", false, "\"version\":[3,2,0]}", "", "not valid JSON"},
        Change{"TextCycle", true, "left_child=-1", "left_child=0", "reached twice"},
        Change{"TextChild", true, "left_child=-1", "left_child=-5", "child out of range"},
        Change{"TextFeature", true, "split_feature=0", "split_feature=7", "splits on feature 7"},
        Change{"TextNan", true, "threshold=0.5", "threshold=nan", "not a number"},
        Change{"TextLeaf", true, "leaf_value=-1 1", "leaf_value=-1 inf", "no finite value"},
        Change{"TextFewLeaves", true, "leaf_value=-1 1", "leaf_value=-1",
               "has 1 value, expected 2"},
        Change{"TextManyLeaves", true, "num_leaves=2", "num_leaves=1000000000", "cut off"},
        Change{"TextWords", true, "threshold=0.5", "threshold=abc", "no number"},
        Change{"TextLinear", true, "is_linear=0", "is_linear=1", "linear_tree"},
        Change{"TextCategories", true, "decision_type=10", "decision_type=1", "set of categories"},
        Change{"TextTrees", true, "num_tree_per_iteration=1", "num_tree_per_iteration=2",
               "multiple of 2"},
        Change{"TextSizes", true, "tree_sizes=10", "tree_sizes=10 10", "lists 2 trees"},
        Change{"TextCutOff", true, "end of trees", "", "cut off"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(HostileFiles, EveryPrefixIsRefused) {
  for (const std::string_view whole : {kXgboost, kLightgbm}) {
    for (std::size_t size = 1; size + 1 < whole.size(); ++size) {
      if (!whole.starts_with("{") && whole.substr(0, size).ends_with("end of trees")) continue;
      EXPECT_FALSE(Build(whole.substr(0, size))) << size;
    }
  }
}

TEST(HostileFiles, UbjPromisesMoreThanTheFileHolds) {
  using namespace std::string_literals;
  const std::string length = "L"s + std::string("\x7f\xff\xff\xff\xff\xff\xff\xff", 8);
  for (const std::string& bytes :
       {"["s, "[$d#"s + length, "[$T#"s + length, "[$Z#"s + length, "[#"s + length, "S"s + length,
        "{"s + length, "[$d"s, "[#d\x3f\x80\x00\x00"s, "[#L\xff\xff\xff\xff\xff\xff\xff\xff"s, "Q"s,
        ""s}) {
    const auto value = ParseUbj(bytes);
    EXPECT_FALSE(value) << bytes;
  }
  EXPECT_FALSE(ParseUbj(std::string(100'000, '[')));
  EXPECT_FALSE(ParseJsonValue(std::string(1000, '[') + std::string(1000, ']')));
}

// The model with `sets` sets of one category, all of the root.
std::string WithSets(std::size_t sets, std::uint32_t category) {
  std::string model(kXgboost);
  const auto set = [&](std::string_view key, const auto& value_of) {
    std::string list;
    for (std::size_t i = 0; i < sets; ++i) {
      list += fmt::format("{}{}", i == 0 ? "" : ",", value_of(i));
    }
    const std::string empty = fmt::format("\"{}\":[]", key);
    model.replace(model.find(empty), empty.size(), fmt::format("\"{}\":[{}]", key, list));
  };
  set("categories_nodes", [](std::size_t) { return 0; });
  set("categories_segments", [](std::size_t i) { return i; });
  set("categories_sizes", [](std::size_t) { return 1; });
  set("categories", [&](std::size_t) { return category; });
  model.replace(model.find("\"split_type\":[0"), 15, "\"split_type\":[1");
  return model;
}

TEST(HostileFiles, SetsOfCategoriesAreBounded) {
  EXPECT_TRUE(Build(WithSets(1, 16'777'215))) << "a code that float32 holds";
  EXPECT_TRUE(Build(WithSets(200, 1000)));
  const auto words = Build(WithSets(33, 16'777'215));
  ASSERT_FALSE(words);
  EXPECT_EQ(words.error().ToString(),
            "the model's sets of categories take more than 67108864 bytes; number the categories "
            "from 0 without gaps");
  EXPECT_TRUE(ChineseText(words.error().message.format));

  std::string overlapping = WithSets(2, 3);
  const std::string_view apart = "\"categories_segments\":[0,1]";
  overlapping.replace(overlapping.find(apart), apart.size(), "\"categories_segments\":[0,0]");
  const std::string_view ones = "\"categories_sizes\":[1,1]";
  overlapping.replace(overlapping.find(ones), ones.size(), "\"categories_sizes\":[2,2]");
  const auto twice = Build(overlapping);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().ToString(), "tree 0 has a set of categories out of range");
}

TEST(HostileFiles, LightgbmSetsOfCategoriesAreBounded) {
  std::string model(kLightgbm);
  const auto replace = [&](std::string_view from, const std::string& to) {
    model.replace(model.find(from), from.size(), to);
  };
  std::string words;
  for (std::size_t i = 0; i <= kMaxCategoryWords; ++i) words += "0 ";
  replace("num_cat=0", "num_cat=1");
  replace("threshold=0.5", "threshold=0");
  replace("decision_type=10", fmt::format("decision_type=1\ncat_boundaries=0 {}\ncat_threshold={}",
                                          kMaxCategoryWords + 1, words));
  const auto built = Build(model);
  ASSERT_FALSE(built);
  EXPECT_NE(built.error().ToString().find("take more than 67108864 bytes"), std::string::npos)
      << built.error().ToString();
}

TEST(HostileFiles, ADeepChainIsRefusedBeforeItCostsMemory) {
  ParsedForest forest;
  forest.features = 1;
  forest.base = {0.0F};
  ParsedTree& tree = forest.trees.emplace_back();
  constexpr std::int32_t kDepth = 5'000;
  tree.nodes.resize(2 * kDepth + 1);
  for (std::int32_t i = 0; i < kDepth; ++i) {
    tree.nodes[static_cast<std::size_t>(2 * i)].left = 2 * i + 1;
    tree.nodes[static_cast<std::size_t>(2 * i)].right = 2 * i + 2;
  }
  const auto built = Forest::Build(std::move(forest));
  ASSERT_FALSE(built);
  EXPECT_NE(built.error().ToString().find("deeper"), std::string::npos);
}

// x <= t in double must decide as the float threshold does, on both sides of it and at the ends.
TEST(LightgbmThreshold, DecidesAsDoubleDoes) {
  for (const char* text : {"0.1", "-0.1", "1.0000000180025095e-35", "1e300", "-1e300", "16777217",
                           "0.30000001192092896", "3.4028234663852886e+38", "1e-46", "-1e-46",
                           "-1.0000000180025095e-35"}) {
    std::string model(kLightgbm);
    model.replace(model.find("threshold=0.5"), 13, "threshold=" + std::string(text));
    const auto built = Build(model);
    ASSERT_TRUE(built) << text;
    const double threshold = std::strtod(text, nullptr);
    const auto near = static_cast<float>(threshold);
    for (const float x :
         {near, std::nextafter(near, 1e38F), std::nextafter(near, -1e38F), 0.0F, -0.0F, 1e-35F,
          -1e-35F, 1e-40F, -1e-40F, 1.1e-35F, -1.1e-35F, 1e38F, -1e38F}) {
      const float row[2] = {x, 0.0F};
      float margin = 0;
      (*built)->Predict(row, std::span(&margin, 1));
      const double seen =
          std::fabs(x) <= 1e-35F ? 0.0 : static_cast<double>(x);  // the library's zero
      EXPECT_EQ(margin, seen <= threshold ? -1.0F : 1.0F) << text << " " << x;
    }
  }
}

}  // namespace
}  // namespace aimass::runtimes::trees
