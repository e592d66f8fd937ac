// The runtime "linear": docs/formats/linear.md.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/file.h"
#include "base/json.h"
#include "runtimes/runtime.h"

namespace aimass::runtimes::linear {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxOutputs = 100'000;

struct Feature {
  std::string name;
  std::size_t categories = 0;  // 0: a number
  double mean = 0.0;
  double fill = 0.0;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<double> weights;       // [outputs], categories: [outputs × categories]
  std::vector<double> missing;       // [outputs]
  std::vector<double> mean_weights;  // [outputs], categories only
};

class LinearModel final : public Predictor {
 public:
  LinearModel(std::vector<double> intercept, std::vector<Feature> features)
      : intercept_(std::move(intercept)), features_(std::move(features)), base_(intercept_) {
    for (const Feature& feature : features_) {
      for (std::size_t o = 0; o < base_.size(); ++o) base_[o] += MeanPart(feature, o);
    }
  }

  [[nodiscard]] std::size_t num_features() const override { return features_.size(); }
  [[nodiscard]] std::size_t num_outputs() const override { return intercept_.size(); }
  [[nodiscard]] std::string_view path() const override { return "linear"; }

  void Predict(std::span<const float> row, std::span<float> margins) const override {
    for (std::size_t o = 0; o < intercept_.size(); ++o) {
      double sum = intercept_[o];
      for (std::size_t i = 0; i < features_.size(); ++i) sum += Part(features_[i], row[i], o);
      margins[o] = static_cast<float>(sum);
    }
  }

  [[nodiscard]] Status Contributions(std::span<const float> row,
                                     std::span<double> out) const override {
    const std::size_t width = features_.size() + 1;
    if (row.size() + 1 != width || out.size() != width * intercept_.size()) {
      return Fail(ErrorCode::kInternal, "contributions of {} features into {} places", row.size(),
                  out.size());
    }
    for (std::size_t o = 0; o < intercept_.size(); ++o) {
      for (std::size_t i = 0; i < features_.size(); ++i) {
        out[o * width + i] = Part(features_[i], row[i], o) - MeanPart(features_[i], o);
      }
      out[o * width + features_.size()] = base_[o];
    }
    return {};
  }

  [[nodiscard]] const std::vector<Feature>& features() const { return features_; }

 private:
  static double Part(const Feature& feature, float value, std::size_t o) {
    if (feature.categories == 0) {
      if (std::isnan(value)) {
        return feature.weights[o] * std::clamp(feature.fill, feature.min, feature.max) +
               feature.missing[o];
      }
      return feature.weights[o] * std::clamp(static_cast<double>(value), feature.min, feature.max);
    }
    if (!(value >= 0) || value >= static_cast<float>(feature.categories)) return feature.missing[o];
    return feature.weights[o * feature.categories + static_cast<std::size_t>(value)];
  }
  static double MeanPart(const Feature& feature, std::size_t o) {
    return feature.categories == 0 ? feature.weights[o] * feature.mean : feature.mean_weights[o];
  }

  std::vector<double> intercept_;
  std::vector<Feature> features_;
  std::vector<double> base_;  // [outputs] base value of the contributions
};

// [outputs] finite numbers, or zeros where the member is left out.
Result<std::vector<double>> Numbers(const Json& object, std::string_view key, std::size_t expected,
                                    bool required) {
  const auto found = object.find(key);
  if (found == object.end() && !required) return std::vector<double>(expected, 0.0);
  if (found == object.end() || !found->is_array() || found->size() != expected) {
    return Fail(ErrorCode::kUnprocessable, "the linear model needs '{}' with {} numbers", key,
                expected);
  }
  std::vector<double> numbers;
  for (const Json& number : *found) {
    if (!number.is_number() || !std::isfinite(number.get<double>())) {
      return Fail(ErrorCode::kUnprocessable, "the linear model needs '{}' with {} numbers", key,
                  expected);
    }
    numbers.push_back(number.get<double>());
  }
  return numbers;
}

Result<Feature> ReadFeature(const Json& json, std::size_t outputs) {
  if (!json.is_object())
    return Fail(ErrorCode::kUnprocessable, "a feature of the linear model must be an object");
  Feature feature;
  ASSIGN_OR_RETURN(feature.name, GetString(json, "name", ""));
  ASSIGN_OR_RETURN(const std::int64_t categories, GetInteger(json, "categories", 0));
  if (categories < 0 || categories > 1 << 24) {
    return Fail(ErrorCode::kUnprocessable, "feature '{}' of the linear model has {} categories",
                feature.name, categories);
  }
  feature.categories = static_cast<std::size_t>(categories);
  ASSIGN_OR_RETURN(feature.missing, Numbers(json, "missing_weights", outputs, false));
  if (feature.categories == 0) {
    ASSIGN_OR_RETURN(feature.mean, GetNumber(json, "mean"));
    ASSIGN_OR_RETURN(feature.fill, GetNumber(json, "fill", feature.mean));
    ASSIGN_OR_RETURN(feature.min, GetNumber(json, "min", feature.min));
    ASSIGN_OR_RETURN(feature.max, GetNumber(json, "max", feature.max));
    if (!(feature.min <= feature.max)) {
      return Fail(ErrorCode::kUnprocessable,
                  "feature '{}' of the linear model has min {} above max {}", feature.name,
                  feature.min, feature.max);
    }
    ASSIGN_OR_RETURN(feature.weights, Numbers(json, "weights", outputs, true));
    return feature;
  }
  ASSIGN_OR_RETURN(feature.mean_weights, Numbers(json, "mean_weights", outputs, false));
  const auto weights = json.find("weights");
  if (weights == json.end() || !weights->is_array() || weights->size() != outputs) {
    return Fail(ErrorCode::kUnprocessable, "the linear model needs '{}' with {} numbers", "weights",
                outputs);
  }
  for (const Json& list : *weights) {
    ASSIGN_OR_RETURN(const auto numbers,
                     Numbers(Json{{"weights", list}}, "weights", feature.categories, true));
    feature.weights.insert(feature.weights.end(), numbers.begin(), numbers.end());
  }
  return feature;
}

Result<std::unique_ptr<LinearModel>> Parse(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxFileBytes));
  ASSIGN_OR_RETURN(const Json json, ParseJson(content));
  if (!json.is_object() || json.value("kind", Json()) != "linear" ||
      json.value("format", Json()) != 1) {
    return Fail(ErrorCode::kUnprocessable,
                "not a linear model: expected \"kind\": \"linear\" and \"format\": 1");
  }
  ASSIGN_OR_RETURN(const std::int64_t outputs, GetInteger(json, "outputs"));
  if (outputs < 1 || static_cast<std::size_t>(outputs) > kMaxOutputs) {
    return Fail(ErrorCode::kUnprocessable, "the linear model says it has {} outputs", outputs);
  }
  ASSIGN_OR_RETURN(auto intercept,
                   Numbers(json, "intercept", static_cast<std::size_t>(outputs), true));
  const auto list = json.find("features");
  if (list == json.end() || !list->is_array()) {
    return Fail(ErrorCode::kUnprocessable, "the linear model has no list 'features'");
  }
  std::vector<Feature> features;
  for (const Json& item : *list) {
    ASSIGN_OR_RETURN(Feature feature, ReadFeature(item, static_cast<std::size_t>(outputs)));
    features.push_back(std::move(feature));
  }
  return std::make_unique<LinearModel>(std::move(intercept), std::move(features));
}

bool Reads(std::string_view file_name, std::string_view first_bytes) {
  return file_name.ends_with(".json") && first_bytes.starts_with("{") &&
         first_bytes.find("\"linear\"") != std::string_view::npos;
}

Result<std::unique_ptr<Predictor>> Load(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<LinearModel> model, Parse(path));
  return std::unique_ptr<Predictor>(std::move(model));
}

Result<ArtefactInfo> Describe(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<LinearModel> model, Parse(path));
  ArtefactInfo info{.library = "linear",
                    .library_version = "1",
                    .objective = "linear",
                    .link = "identity",
                    .feature_names = {},
                    .outputs = model->num_outputs()};
  for (const Feature& feature : model->features()) info.feature_names.push_back(feature.name);
  return info;
}

}  // namespace

void Register(RuntimeRegistry& registry) {
  registry.Add({.name = "linear",
                .label = {"Linear models", "线性模型"},
                .reads = Reads,
                .load = Load,
                .describe = Describe});
}

}  // namespace aimass::runtimes::linear
