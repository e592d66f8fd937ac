// Reads LightGBM models: the text of model_to_string, as versions 2.x to 4.x write it.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "runtimes/trees/parsed.h"

namespace aimass::runtimes::trees {
namespace {

constexpr int kCategorical = 1;
constexpr int kDefaultLeft = 2;
constexpr int kMissingShift = 2;  // then two bits: 0 none, 1 zero, 2 NaN
constexpr std::uint32_t kMaxOutputs = 100'000;

using Section = std::map<std::string_view, std::string_view>;

std::string_view NextLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

template <typename T>
Result<std::vector<T>> Numbers(const Section& section, std::string_view key, std::size_t expected) {
  const auto found = section.find(key);
  if (found == section.end())
    return Fail(ErrorCode::kUnprocessable, "the LightGBM model has no '{}'", key);
  std::vector<T> numbers;
  numbers.reserve(expected);
  const char* at = found->second.data();
  const char* const end = at + found->second.size();
  while (true) {
    while (at != end && *at == ' ') ++at;
    if (at == end) break;
    T number{};
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error == std::errc::result_out_of_range && std::is_floating_point_v<T>) {
      // Denormals and overflow: strtod gives the nearest, as the library reads it.
      number = static_cast<T>(std::strtod(std::string(at, stop).c_str(), nullptr));
    } else if (error != std::errc{} || (stop != end && *stop != ' ')) {
      return Fail(ErrorCode::kUnprocessable,
                  "'{}' of the LightGBM model holds something that is no number", key);
    }
    numbers.push_back(number);
    at = stop;
  }
  if (numbers.size() != expected) {
    return Fail(ErrorCode::kUnprocessable, "'{}' of the LightGBM model has {} values, expected {}",
                key, numbers.size(), expected);
  }
  return numbers;
}

Result<std::int64_t> Integer(const Section& section, std::string_view key, std::int64_t low,
                             std::int64_t high) {
  ASSIGN_OR_RETURN(const auto numbers, Numbers<std::int64_t>(section, key, 1));
  if (numbers[0] < low || numbers[0] > high) {
    return Fail(ErrorCode::kUnprocessable, "'{}' of the LightGBM model is {}, expected {} to {}",
                key, numbers[0], low, high);
  }
  return numbers[0];
}

// x <= t in double, for every float32 x, is the same as x < FloatThreshold(t). The library takes
// |x| <= 1e-35 as 0 before it compares, so a threshold inside that range moves to the end where all
// of it decides as 0 does.
float FloatThreshold(double threshold) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kZero = 1e-35F;
  if (threshold == std::numeric_limits<double>::infinity())
    return std::nanf("");  // nothing goes right
  if (threshold >= 0) {
    threshold = std::max(threshold, static_cast<double>(kZero));
  } else if (threshold >= -static_cast<double>(kZero)) {
    threshold = static_cast<double>(std::nextafter(-kZero, -kInfinity));
  }
  auto nearest = static_cast<float>(threshold);
  if (static_cast<double>(nearest) > threshold) nearest = std::nextafter(nearest, -kInfinity);
  return std::nextafter(nearest, kInfinity);
}

void ReadObjective(std::string_view text, ArtefactInfo& info) {
  info.objective = std::string(text);
  const std::string_view name = text.substr(0, text.find(' '));
  if (const std::size_t at = text.find("sigmoid:"); at != std::string_view::npos) {
    double sigmoid = 1;
    const char* begin = text.data() + at + 8;
    if (std::from_chars(begin, text.data() + text.size(), sigmoid).ec == std::errc{})
      info.margin_scale = sigmoid;
  }
  const bool square = text.find(" sqrt") != std::string_view::npos;
  if (name == "binary" || name == "cross_entropy")
    info.link = "logistic";
  else if (name == "multiclass")
    info.link = "softmax";
  else if (name == "multiclassova")
    info.link = "logistic_each";
  else if (name == "poisson" || name == "gamma" || name == "tweedie")
    info.link = "exp";
  else if (name == "cross_entropy_lambda")
    info.link = "log1p_exp";
  else
    info.link = square ? "signed_square" : "identity";
}

Status ReadCategories(const Section& section, std::size_t number,
                      const std::vector<double>& thresholds, std::int64_t sets, ParsedTree& tree,
                      ParsedForest& forest) {
  ASSIGN_OR_RETURN(const auto bounds, Numbers<std::int64_t>(section, "cat_boundaries",
                                                            static_cast<std::size_t>(sets) + 1));
  const auto words_listed = section.find("cat_threshold");
  const std::size_t most = words_listed == section.end() ? 0 : words_listed->second.size();
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const bool grows = i == 0 ? bounds[i] == 0 : bounds[i] >= bounds[i - 1];
    if (!grows || bounds[i] > static_cast<std::int64_t>(most)) {
      return Fail(ErrorCode::kUnprocessable, "tree {} has a set of categories out of range",
                  number);
    }
  }
  ASSIGN_OR_RETURN(
      const auto words,
      Numbers<std::uint32_t>(section, "cat_threshold", static_cast<std::size_t>(bounds.back())));
  RETURN_IF_ERROR(CheckCategoryWords(forest, words.size()));
  const std::size_t begin = forest.bits.size();
  forest.bits.insert(forest.bits.end(), words.begin(), words.end());
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    ParsedNode& node = tree.nodes[i];
    if (!node.categorical) continue;
    const double set = thresholds[i];
    if (!(set >= 0 && set < static_cast<double>(sets))) {
      return Fail(ErrorCode::kUnprocessable, "tree {} has a set of categories out of range",
                  number);
    }
    const auto index = static_cast<std::size_t>(set);
    node.bits_begin = static_cast<std::uint32_t>(begin + static_cast<std::size_t>(bounds[index]));
    node.bits_words = static_cast<std::uint32_t>(bounds[index + 1] - bounds[index]);
  }
  return {};
}

// Splits are numbered 0 …, leaves ~0 …; here leaves follow the splits.
Status ReadTree(const Section& section, std::size_t number, ParsedForest& forest) {
  if (const auto linear = section.find("is_linear");
      linear != section.end() && linear->second == "1") {
    return Fail(ErrorCode::kUnsupported,
                "LightGBM models with linear trees (linear_tree=true) are not supported");
  }
  ASSIGN_OR_RETURN(const std::int64_t leaves, Integer(section, "num_leaves", 1, 1 << 30));
  ASSIGN_OR_RETURN(const std::int64_t sets, Integer(section, "num_cat", 0, 1 << 30));
  const auto value_text = section.find("leaf_value");
  if (value_text == section.end() || static_cast<std::size_t>(leaves) > value_text->second.size()) {
    return Fail(ErrorCode::kUnprocessable, "tree {} is cut off: it has fewer values than leaves",
                number);
  }
  const auto leaf_count = static_cast<std::size_t>(leaves);
  const std::size_t split_count = leaf_count - 1;
  ASSIGN_OR_RETURN(const auto values, Numbers<double>(section, "leaf_value", leaf_count));
  ParsedTree& tree = forest.trees.emplace_back();
  tree.nodes.resize(split_count + leaf_count);
  for (std::size_t i = 0; i < leaf_count; ++i) tree.nodes[split_count + i].value = values[i];
  if (split_count == 0) return {};

  ASSIGN_OR_RETURN(const auto features,
                   Numbers<std::int64_t>(section, "split_feature", split_count));
  ASSIGN_OR_RETURN(const auto thresholds, Numbers<double>(section, "threshold", split_count));
  ASSIGN_OR_RETURN(const auto decisions, Numbers<int>(section, "decision_type", split_count));
  ASSIGN_OR_RETURN(const auto left, Numbers<std::int64_t>(section, "left_child", split_count));
  ASSIGN_OR_RETURN(const auto right, Numbers<std::int64_t>(section, "right_child", split_count));
  ASSIGN_OR_RETURN(const auto split_rows, Numbers<double>(section, "internal_count", split_count));
  ASSIGN_OR_RETURN(const auto leaf_rows, Numbers<double>(section, "leaf_count", leaf_count));
  for (std::size_t i = 0; i < leaf_count; ++i) tree.nodes[split_count + i].cover = leaf_rows[i];

  const auto place = [&](std::int64_t child) -> std::int64_t {
    return child >= 0 ? (child < static_cast<std::int64_t>(split_count) ? child : -1)
                      : (~child < leaves ? static_cast<std::int64_t>(split_count) + ~child : -1);
  };
  for (std::size_t i = 0; i < split_count; ++i) {
    ParsedNode& node = tree.nodes[i];
    node.left = static_cast<std::int32_t>(place(left[i]));
    node.right = static_cast<std::int32_t>(place(right[i]));
    node.cover = split_rows[i];
    if (node.left < 0 || node.right < 0) {
      return Fail(ErrorCode::kUnprocessable, "node {} of tree {} has a child out of range", i,
                  number);
    }
    if (features[i] < 0 || features[i] >= static_cast<std::int64_t>(forest.features)) {
      return Fail(ErrorCode::kUnprocessable,
                  "node {} of tree {} splits on feature {}, expected 0 to {}", i, number,
                  features[i], forest.features - 1);
    }
    node.feature = static_cast<std::uint32_t>(features[i]);
    if (std::isnan(thresholds[i])) {
      return Fail(ErrorCode::kUnprocessable,
                  "node {} of tree {} has a threshold that is not a number", i, number);
    }
    if ((decisions[i] & kCategorical) != 0) {
      node.categorical = true;
      node.missing_right = true;  // listed codes go left, everything else right
      continue;
    }
    node.threshold = FloatThreshold(thresholds[i]);
    const int missing = (decisions[i] >> kMissingShift) & 3;
    const bool default_left = (decisions[i] & kDefaultLeft) != 0;
    node.zero_is_missing = missing == 1;
    // Without a rule for missing values NaN is taken as 0.
    node.missing_right = missing == 0 ? !(0.0 <= thresholds[i]) : !default_left;
  }
  if (sets > 0) return ReadCategories(section, number, thresholds, sets, tree, forest);
  for (const ParsedNode& node : tree.nodes) {
    if (node.categorical) {
      return Fail(ErrorCode::kUnprocessable, "tree {} has a set of categories out of range",
                  number);
    }
  }
  return {};
}

void Split(std::string_view text, std::vector<std::string>& words) {
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    if (end != 0) words.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

}  // namespace

Result<ParsedForest> ParseLightgbm(std::string_view content) {
  std::string_view rest = content;
  Section header;
  bool average = false;
  bool ended = false;
  std::vector<Section> sections;
  Section* current = &header;
  while (!rest.empty() && !ended) {
    const std::string_view line = NextLine(rest);
    if (line == "end of trees") {
      ended = true;
    } else if (line == "average_output") {
      average = true;
    } else if (line.starts_with("Tree=")) {
      current = &sections.emplace_back();
    } else if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
      current->emplace(line.substr(0, equals), line.substr(equals + 1));
    }
  }
  if (!ended)
    return Fail(ErrorCode::kUnprocessable, "the LightGBM model is cut off: no line 'end of trees'");

  ParsedForest forest;
  forest.sum_in_double = true;
  forest.smallest_code = std::nextafter(-1.0F, 0.0F);  // the library truncates, so -0.5 is code 0
  ASSIGN_OR_RETURN(const std::int64_t last_feature,
                   Integer(header, "max_feature_idx", 0, (1 << 28) - 2));
  ASSIGN_OR_RETURN(const std::int64_t outputs,
                   Integer(header, "num_tree_per_iteration", 1, kMaxOutputs));
  forest.features = static_cast<std::size_t>(last_feature) + 1;
  forest.outputs = static_cast<std::size_t>(outputs);
  forest.base.assign(forest.outputs, 0.0F);
  forest.info.library = "lightgbm";
  if (const auto found = header.find("version"); found != header.end()) {
    forest.info.library_version = std::string(found->second);
  }
  const auto objective = header.find("objective");
  ReadObjective(objective == header.end() ? std::string_view{"custom"} : objective->second,
                forest.info);
  if (const auto found = header.find("feature_names"); found != header.end()) {
    Split(found->second, forest.info.feature_names);
  }
  if (sections.size() % forest.outputs != 0) {
    return Fail(ErrorCode::kUnprocessable,
                "the LightGBM model has {} trees, expected a multiple of {}", sections.size(),
                forest.outputs);
  }
  if (const auto sizes = header.find("tree_sizes"); sizes != header.end()) {
    std::vector<std::string> listed;
    Split(sizes->second, listed);
    if (listed.size() != sections.size()) {
      return Fail(ErrorCode::kUnprocessable, "the LightGBM model lists {} trees and has {}",
                  listed.size(), sections.size());
    }
  }
  forest.trees.reserve(sections.size());
  for (std::size_t i = 0; i < sections.size(); ++i) {
    RETURN_IF_ERROR(ReadTree(sections[i], i, forest));
    forest.trees.back().output = static_cast<std::uint32_t>(i % forest.outputs);
  }
  if (average && !sections.empty()) {
    forest.divide_by = static_cast<double>(sections.size() / forest.outputs);
  }
  return forest;
}

}  // namespace aimass::runtimes::trees
