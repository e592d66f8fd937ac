#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/message.h"
#include "base/registry.h"

namespace aimass {

/// A loaded predictor over an encoded feature row (what models/features writes). NaN is a missing
/// value.
///
/// Threads  every const method may be called from any thread at once; nothing is allocated per
/// call.
class Predictor {
 public:
  virtual ~Predictor() = default;
  [[nodiscard]] virtual std::size_t num_features() const = 0;
  /// 1 for binary and regression, the number of classes for multiclass.
  [[nodiscard]] virtual std::size_t num_outputs() const = 0;
  /// row: [num_features], margins: [num_outputs] before the link function.
  virtual void Predict(std::span<const float> row, std::span<float> margins) const = 0;
  /// rows: [n × num_features] row-major, margins: [n × num_outputs].
  virtual void PredictBatch(std::span<const float> rows, std::size_t n,
                            std::span<float> margins) const;
  /// Exact additive contributions (TreeSHAP, or weight × value). out: [num_outputs × (num_features
  /// + 1)], the last of each group is the base value; each group adds up to its margin.
  [[nodiscard]] virtual Status Contributions(std::span<const float> row,
                                             std::span<double> out) const = 0;
  /// How it runs: "flat" for trees in our own layout. Tests forbid anything else for trees.
  [[nodiscard]] virtual std::string_view path() const = 0;
};

/// What an artefact says about itself: the signature of a model that was made elsewhere.
struct ArtefactInfo {
  std::string library;          // "xgboost", "lightgbm", "linear"
  std::string library_version;  // as the file says; may be empty
  std::string objective;        // in the library's words: "binary:logistic"
  std::string link;             // how margins become predictions: models/link.h
  double margin_scale = 1.0;    // the member's weight in model.json (LightGBM's "sigmoid")
  std::vector<std::string> feature_names;  // [num_features]; f0, f1 … where the file names none
  std::size_t outputs = 1;
  std::size_t trees = 0;
};

/// One way to load artefacts. `name` is what model.json calls it: "trees", "linear".
struct RuntimeType {
  std::string_view name;
  Label label;
  /// Whether `file` (by ending and first bytes) is one it reads.
  bool (*reads)(std::string_view file_name, std::string_view first_bytes);
  Result<std::unique_ptr<Predictor>> (*load)(const std::string& path);
  Result<ArtefactInfo> (*describe)(const std::string& path);
};
using RuntimeRegistry = Registry<RuntimeType>;

void RegisterAllRuntimes(RuntimeRegistry& registry);  // generated

}  // namespace aimass
