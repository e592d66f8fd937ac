#include "models/learners/library.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/json.h"
#include "native/lightgbm/lightgbm.h"
#include "native/xgboost/xgboost.h"

namespace aimass::learners {
namespace {

void AddPoint(std::vector<SplitPoints>& points, std::size_t feature, double threshold,
              bool categorical) {
  if (feature >= points.size()) return;
  if (categorical) {
    points[feature].categorical = true;
  } else {
    points[feature].values.push_back(static_cast<float>(threshold));
  }
}

/// The trees of an XGBoost model as JSON: gbtree keeps them in `model`, dart one level deeper.
const Json* FindTrees(const Json& model) {
  static const std::vector<Json::json_pointer> kPlaces = {
      Json::json_pointer("/learner/gradient_booster/model/trees"),
      Json::json_pointer("/learner/gradient_booster/gbtree/model/trees")};
  for (const auto& place : kPlaces) {
    if (model.contains(place) && model.at(place).is_array()) return &model.at(place);
  }
  return nullptr;
}

Status AddXgboostPoints(const std::string& bytes, std::vector<SplitPoints>& points) {
  ASSIGN_OR_RETURN(const xgb::Booster booster, xgb::Booster::Load(bytes, 1));
  ASSIGN_OR_RETURN(const std::string text, booster.Save("json"));
  const Json model = Json::parse(text, nullptr, false);
  const Json* trees = FindTrees(model);
  if (trees == nullptr) return {};
  for (const Json& tree : *trees) {
    const Json& left = tree["left_children"];
    const Json& feature = tree["split_indices"];
    const Json& threshold = tree["split_conditions"];
    const Json type = tree.value("split_type", Json::array());
    for (std::size_t i = 0; i < left.size() && i < feature.size() && i < threshold.size(); ++i) {
      if (!left[i].is_number() || left[i].get<int>() < 0) continue;  // a leaf
      AddPoint(points, feature[i].get<std::size_t>(), threshold[i].get<double>(),
               i < type.size() && type[i] == 1);
    }
  }
  return {};
}

std::vector<double> Numbers(std::string_view text) {
  std::vector<double> numbers;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) {
    double number = 0.0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    numbers.push_back(number);
  }
  return numbers;
}

void AddLightgbmPoints(std::string_view text, std::vector<SplitPoints>& points) {
  std::vector<double> features;
  std::vector<double> thresholds;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("split_feature=")) features = Numbers(line.substr(14));
    if (line.starts_with("threshold=")) thresholds = Numbers(line.substr(10));
    if (!line.starts_with("decision_type=")) continue;
    const std::vector<double> types = Numbers(line.substr(14));
    for (std::size_t i = 0; i < features.size() && i < thresholds.size() && i < types.size(); ++i) {
      const bool categorical = (static_cast<int>(types[i]) & 1) != 0;
      AddPoint(points, static_cast<std::size_t>(features[i]), thresholds[i], categorical);
    }
  }
}

}  // namespace

Result<std::vector<SplitPoints>> FindSplitPoints(std::string_view library, const std::string& bytes,
                                                 std::size_t features) {
  std::vector<SplitPoints> points(features);
  if (library == "xgboost") {
    RETURN_IF_ERROR(AddXgboostPoints(bytes, points));
  } else if (library == "lightgbm") {
    AddLightgbmPoints(bytes, points);
  } else {
    return Fail(ErrorCode::kUnsupported, "no library '{}' can compute margins here", library);
  }
  return points;
}

Result<std::vector<double>> LibraryMargins(std::string_view library, const std::string& bytes,
                                           std::span<const float> values, std::size_t rows,
                                           std::size_t features) {
  if (library == "lightgbm") {
    ASSIGN_OR_RETURN(const lgbm::Booster booster, lgbm::Booster::Load(bytes));
    ASSIGN_OR_RETURN(std::vector<double> margins,
                     booster.PredictMargins(values, rows, features, 0, 1));
    // A random forest answers the average of its trees; the library's raw scores are still their
    // sum.
    if (bytes.find("\naverage_output\n") < bytes.find("\nTree=0\n")) {
      ASSIGN_OR_RETURN(const int rounds, booster.Rounds());
      for (double& margin : margins) margin /= std::max(rounds, 1);
    }
    return margins;
  }
  if (library != "xgboost") {
    return Fail(ErrorCode::kUnsupported, "no library '{}' can compute margins here", library);
  }
  ASSIGN_OR_RETURN(const xgb::Booster booster, xgb::Booster::Load(bytes, 1));
  ASSIGN_OR_RETURN(const xgb::Matrix matrix,
                   xgb::Matrix::Dense({.values = values, .rows = rows, .columns = features}));
  ASSIGN_OR_RETURN(const std::vector<float> margins, booster.PredictMargins(matrix, 0));
  return std::vector<double>(margins.begin(), margins.end());
}

}  // namespace aimass::learners
