// Reads XGBoost models: the JSON document and its UBJSON twin, as versions 1.0 to 3.x write them.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "runtimes/trees/parsed.h"
#include "runtimes/trees/value.h"

namespace aimass::runtimes::trees {
namespace {

constexpr double kMaxOutputs = 100'000;
constexpr double kMaxCategory = 16'777'216;  // XGBoost's own bound: codes are float32

Result<const Value*> Member(const Value& object, std::string_view key) {
  if (const Value* found = object.Find(key)) return found;
  return Fail(ErrorCode::kUnprocessable, "the XGBoost model has no '{}'", key);
}

// Parameters are numbers written as text: "12".
Result<double> Parameter(const Value& object, std::string_view key,
                         std::optional<double> fallback) {
  const Value* found = object.Find(key);
  if (found == nullptr) {
    if (fallback) return *fallback;
    return Fail(ErrorCode::kUnprocessable, "the XGBoost model has no '{}'", key);
  }
  if (found->kind == Value::Kind::kNumber) return found->number;
  double value = 0;
  const char* end = found->text.data() + found->text.size();
  const auto [stop, error] = std::from_chars(found->text.data(), end, value);
  if (found->kind != Value::Kind::kText || error != std::errc{} || stop != end) {
    return Fail(ErrorCode::kUnprocessable, "'{}' of the XGBoost model must be a number, got '{}'",
                key, found->text);
  }
  return value;
}

// "5E-1", "[5E-1]" (3.1 on, one per output) or a number.
Result<std::vector<float>> BaseScores(const Value& parameters) {
  ASSIGN_OR_RETURN(const Value* found, Member(parameters, "base_score"));
  std::vector<float> scores;
  if (found->kind == Value::Kind::kNumber) scores.push_back(static_cast<float>(found->number));
  for (const double number : found->numbers) scores.push_back(static_cast<float>(number));
  std::string_view text = found->text;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    while (!part.empty() && (part.front() == '[' || part.front() == ' ')) part.remove_prefix(1);
    while (!part.empty() && (part.back() == ']' || part.back() == ' ')) part.remove_suffix(1);
    float score = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), score);
    if (error != std::errc{} || stop != part.data() + part.size()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' of the XGBoost model must be a number, got '{}'",
                  "base_score", part);
    }
    scores.push_back(score);
  }
  return scores;
}

// The library keeps the base score on the scale of predictions and turns it into a margin at load.
Result<float> ToMargin(float score, const std::string& link) {
  float margin = score;
  if (link == "logistic") {
    constexpr float kEdge = 1e-6F;
    score = std::min(std::max(score, kEdge), 1.0F - kEdge);
    margin = -std::log(1.0F / score - 1.0F);
  } else if (link == "exp") {
    margin = std::log(score);
  }
  if (!std::isfinite(margin)) {
    return Fail(ErrorCode::kUnprocessable,
                "the XGBoost model's base_score {} does not fit its objective", score);
  }
  return margin;
}

std::string LinkOf(std::string_view objective) {
  if (objective == "binary:logistic" || objective == "reg:logistic") return "logistic";
  if (objective == "multi:softprob" || objective == "multi:softmax") return "softmax";
  if (objective == "count:poisson" || objective == "reg:gamma" || objective == "reg:tweedie" ||
      objective == "survival:cox" || objective == "survival:aft") {
    return "exp";
  }
  if (objective == "binary:hinge") return "step";
  return "identity";
}

// The arrays of one tree, checked to be as long as the tree has nodes.
class TreeArrays {
 public:
  TreeArrays(const Value& tree, std::size_t number) : tree_(tree), number_(number) {}

  Result<const std::vector<double>*> Get(std::string_view key,
                                         std::optional<std::size_t> size) const {
    const Value* found = tree_.Find(key);
    if (found == nullptr || (found->kind != Value::Kind::kNumbers && !found->array.empty()) ||
        (found->kind != Value::Kind::kNumbers && found->kind != Value::Kind::kArray)) {
      return Fail(ErrorCode::kUnprocessable, "tree {} of the XGBoost model has no array '{}'",
                  number_, key);
    }
    if (size && found->numbers.size() != *size) {
      return Fail(ErrorCode::kUnprocessable, "'{}' of tree {} has {} elements, expected {}", key,
                  number_, found->numbers.size(), *size);
    }
    return &found->numbers;
  }

 private:
  const Value& tree_;
  std::size_t number_;
};

// A whole number in [low, high], or nothing.
std::optional<std::int64_t> Whole(double value, double low, double high) {
  if (!(value >= low && value <= high) || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

// Sets of categories stand apart from the nodes: nodes[i] owns categories[segments[i] .. +
// sizes[i]].
Status ReadCategories(const TreeArrays& arrays, std::size_t number, ParsedTree& tree,
                      ParsedForest& forest) {
  ASSIGN_OR_RETURN(const auto* nodes, arrays.Get("categories_nodes", std::nullopt));
  ASSIGN_OR_RETURN(const auto* segments, arrays.Get("categories_segments", nodes->size()));
  ASSIGN_OR_RETURN(const auto* sizes, arrays.Get("categories_sizes", nodes->size()));
  ASSIGN_OR_RETURN(const auto* categories, arrays.Get("categories", std::nullopt));
  std::int64_t listed = 0;  // no category belongs to two sets, so the work is that of the file
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    const auto total = static_cast<double>(categories->size());
    const auto node = Whole((*nodes)[i], 0, static_cast<double>(tree.nodes.size()) - 1);
    const auto begin = Whole((*segments)[i], 0, total);
    const auto size = Whole((*sizes)[i], 1, total);
    if (!node || !begin || !size || (listed += *size) > static_cast<std::int64_t>(total) ||
        *begin + *size > static_cast<std::int64_t>(total)) {
      return Fail(ErrorCode::kUnprocessable, "tree {} has a set of categories out of range",
                  number);
    }
    std::int64_t largest = 0;
    for (std::int64_t j = *begin; j < *begin + *size; ++j) {
      const auto code = Whole((*categories)[static_cast<std::size_t>(j)], 0, kMaxCategory - 1);
      if (!code)
        return Fail(ErrorCode::kUnprocessable, "tree {} has a set of categories out of range",
                    number);
      largest = std::max(largest, *code);
    }
    ParsedNode& split = tree.nodes[static_cast<std::size_t>(*node)];
    RETURN_IF_ERROR(CheckCategoryWords(forest, static_cast<std::size_t>(largest) / 32 + 1));
    split.bits_begin = static_cast<std::uint32_t>(forest.bits.size());
    split.bits_words = static_cast<std::uint32_t>(largest / 32 + 1);
    forest.bits.resize(forest.bits.size() + split.bits_words, 0);
    for (std::int64_t j = *begin; j < *begin + *size; ++j) {
      const auto code = static_cast<std::uint32_t>((*categories)[static_cast<std::size_t>(j)]);
      forest.bits[split.bits_begin + code / 32] |= 1U << (code % 32);
    }
  }
  return {};
}

Status ReadTree(const Value& json, std::size_t number, float weight, ParsedForest& forest) {
  ASSIGN_OR_RETURN(const Value* parameters, Member(json, "tree_param"));
  ASSIGN_OR_RETURN(const double leaf_size, Parameter(*parameters, "size_leaf_vector", 0));
  if (leaf_size > 1) {
    return Fail(ErrorCode::kUnsupported,
                "the XGBoost model has leaves with {} values (multi_strategy=multi_output_tree); "
                "expected one",
                leaf_size);
  }
  const TreeArrays arrays(json, number);
  ASSIGN_OR_RETURN(const auto* left, arrays.Get("left_children", std::nullopt));
  const std::size_t count = left->size();
  if (count == 0) return Fail(ErrorCode::kUnprocessable, "tree {} has no nodes", number);
  ASSIGN_OR_RETURN(const auto* right, arrays.Get("right_children", count));
  ASSIGN_OR_RETURN(const auto* features, arrays.Get("split_indices", count));
  ASSIGN_OR_RETURN(const auto* conditions, arrays.Get("split_conditions", count));
  ASSIGN_OR_RETURN(const auto* default_left, arrays.Get("default_left", count));
  ASSIGN_OR_RETURN(const auto* cover, arrays.Get("sum_hessian", count));
  const std::vector<double>* types = nullptr;  // before 1.3 there were no categories
  if (json.Find("split_type") != nullptr) {
    ASSIGN_OR_RETURN(types, arrays.Get("split_type", count));
  }

  ParsedTree& tree = forest.trees.emplace_back();
  tree.nodes.resize(count);
  const double last = static_cast<double>(count) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    ParsedNode& node = tree.nodes[i];
    const auto l = Whole((*left)[i], -1, last);
    const auto r = Whole((*right)[i], -1, last);
    if (!l || !r || (*l < 0) != (*r < 0)) {
      return Fail(ErrorCode::kUnprocessable, "node {} of tree {} has a child out of range", i,
                  number);
    }
    node.left = static_cast<std::int32_t>(*l);
    node.right = static_cast<std::int32_t>(*r);
    node.cover = (*cover)[i];
    const auto condition = static_cast<float>((*conditions)[i]);
    if (node.left < 0) {
      node.value = condition * weight;  // in float32, as dart multiplies
      continue;
    }
    const auto feature = Whole((*features)[i], 0, static_cast<double>(forest.features) - 1);
    if (!feature) {
      return Fail(ErrorCode::kUnprocessable,
                  "node {} of tree {} splits on feature {}, expected 0 to {}", i, number,
                  (*features)[i], forest.features - 1);
    }
    node.feature = static_cast<std::uint32_t>(*feature);
    node.missing_right = (*default_left)[i] == 0;
    node.categorical = types != nullptr && (*types)[i] == 1;
    node.listed_right = node.categorical;
    node.threshold = condition;
    if (!node.categorical && std::isnan(condition)) {
      return Fail(ErrorCode::kUnprocessable,
                  "node {} of tree {} has a threshold that is not a number", i, number);
    }
  }
  if (types != nullptr) RETURN_IF_ERROR(ReadCategories(arrays, number, tree, forest));
  return {};
}

Status ReadTrees(const Value& booster, std::string_view name, ParsedForest& forest) {
  const Value* gbtree = &booster;
  const std::vector<double>* weights = nullptr;
  if (name == "dart") {
    ASSIGN_OR_RETURN(gbtree, Member(booster, "gbtree"));
    ASSIGN_OR_RETURN(const Value* drop, Member(booster, "weight_drop"));
    weights = &drop->numbers;
  } else if (name != "gbtree") {
    return Fail(ErrorCode::kUnsupported,
                "the XGBoost booster '{}' is not supported; expected gbtree or dart", name);
  }
  ASSIGN_OR_RETURN(const Value* model, Member(*gbtree, "model"));
  ASSIGN_OR_RETURN(const Value* trees, Member(*model, "trees"));
  ASSIGN_OR_RETURN(const Value* groups, Member(*model, "tree_info"));
  const std::size_t count = trees->array.size();
  if (groups->numbers.size() != count || (weights != nullptr && weights->size() != count)) {
    return Fail(ErrorCode::kUnprocessable,
                "the XGBoost model has {} trees, but says the output of {}", count,
                groups->numbers.size());
  }
  forest.trees.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto group = Whole(groups->numbers[i], 0, static_cast<double>(forest.outputs) - 1);
    if (!group) {
      return Fail(ErrorCode::kUnprocessable, "tree {} belongs to output {}, expected 0 to {}", i,
                  groups->numbers[i], forest.outputs - 1);
    }
    const float weight = weights == nullptr ? 1.0F : static_cast<float>((*weights)[i]);
    RETURN_IF_ERROR(ReadTree(trees->array[i], i, weight, forest));
    forest.trees.back().output = static_cast<std::uint32_t>(*group);
  }
  return {};
}

}  // namespace

Result<ParsedForest> ParseXgboost(std::string_view content) {
  // Both start with '{'; in UBJSON the next byte is the type of the first key's length.
  std::size_t second = content.find_first_not_of(" \t\r\n", 1);
  const bool json = second != std::string_view::npos && content[second] == '"';
  ASSIGN_OR_RETURN(const Value root, json ? ParseJsonValue(content) : ParseUbj(content));
  ASSIGN_OR_RETURN(const Value* learner, Member(root, "learner"));
  ASSIGN_OR_RETURN(const Value* parameters, Member(*learner, "learner_model_param"));
  ASSIGN_OR_RETURN(const Value* objective, Member(*learner, "objective"));
  ASSIGN_OR_RETURN(const Value* objective_name, Member(*objective, "name"));
  ASSIGN_OR_RETURN(const Value* booster, Member(*learner, "gradient_booster"));
  ASSIGN_OR_RETURN(const Value* booster_name, Member(*booster, "name"));

  ParsedForest forest;
  ASSIGN_OR_RETURN(const double features, Parameter(*parameters, "num_feature", std::nullopt));
  ASSIGN_OR_RETURN(const double classes, Parameter(*parameters, "num_class", 0));
  ASSIGN_OR_RETURN(const double targets, Parameter(*parameters, "num_target", 1));
  const double outputs = std::max({classes, targets, 1.0});
  if (!Whole(features, 1, (1 << 28) - 1)) {
    return Fail(ErrorCode::kUnprocessable, "the XGBoost model says it has {} features", features);
  }
  if (!Whole(outputs, 1, kMaxOutputs)) {
    return Fail(ErrorCode::kUnprocessable, "the XGBoost model says it has {} outputs", outputs);
  }
  forest.features = static_cast<std::size_t>(features);
  forest.outputs = static_cast<std::size_t>(outputs);

  forest.info.library = "xgboost";
  forest.info.objective = objective_name->text;
  forest.info.link = LinkOf(objective_name->text);
  if (const Value* version = root.Find("version")) {
    for (const double part : version->numbers) {
      if (!forest.info.library_version.empty()) forest.info.library_version += '.';
      forest.info.library_version += std::to_string(static_cast<int>(part));
    }
  }
  if (const Value* names = learner->Find("feature_names")) {
    for (const Value& name : names->array) forest.info.feature_names.push_back(name.text);
  }

  ASSIGN_OR_RETURN(std::vector<float> scores, BaseScores(*parameters));
  if (scores.size() == 1) scores.resize(forest.outputs, scores[0]);
  if (scores.size() != forest.outputs) {
    return Fail(ErrorCode::kUnprocessable, "'{}' of the XGBoost model has {} values, expected {}",
                "base_score", scores.size(), forest.outputs);
  }
  for (const float score : scores) {
    ASSIGN_OR_RETURN(const float margin, ToMargin(score, forest.info.link));
    forest.base.push_back(margin);
  }
  RETURN_IF_ERROR(ReadTrees(*booster, booster_name->text, forest));
  return forest;
}

}  // namespace aimass::runtimes::trees
