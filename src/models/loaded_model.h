#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "models/features/pipeline.h"
#include "models/learner.h"
#include "runtimes/runtime.h"
#include "table/schema.h"

namespace aimass {

/// What one column did to one margin.
struct ColumnContribution {
  std::size_t column = 0;  // index into LoadedModel::columns()
  double value = 0.0;
};

struct Explanation {
  std::size_t output = 0;  // which margin: the predicted class of a multiclass model, else 0
  double base = 0.0;       // the margin of an average row
  double margin = 0.0;     // base + all contributions
  std::vector<ColumnContribution> contributions;  // every column, strongest first
};

/// A version of a model, ready to answer: raw cells in, margins and predictions out. Immutable.
///
/// Threads  const methods from any thread. Requests hold it by shared_ptr while it is replaced.
class LoadedModel {
 public:
  /// Reads a model folder (docs/formats/model.md), checks its SHA256SUMS (against `checksum` too,
  /// where it is not empty), and asks it its golden rows: an answer that changed is refused. Errors
  /// kUnprocessable naming the file or the golden row; kUnsupported.
  [[nodiscard]] static Result<std::shared_ptr<const LoadedModel>> Load(
      const std::string& folder, std::string_view checksum, const RuntimeRegistry& runtimes);

  [[nodiscard]] TaskKind task() const { return task_; }
  [[nodiscard]] const std::string& target() const { return target_; }
  /// Exactly as in the training file; empty for regression.
  [[nodiscard]] std::span<const std::string> labels() const { return labels_; }
  [[nodiscard]] std::span<const std::string> columns() const { return pipeline_.columns(); }
  [[nodiscard]] std::span<const std::string> types() const { return pipeline_.types(); }
  /// The same, parsed: [columns()], empty where this build knows no such type.
  [[nodiscard]] std::span<const std::optional<Type>> column_types() const { return column_types_; }
  /// The place of a column in columns().
  [[nodiscard]] std::optional<std::size_t> FindColumn(std::string_view name) const;
  [[nodiscard]] std::size_t outputs() const { return bias_.size(); }
  /// How each member runs: "flat", "linear".
  [[nodiscard]] std::vector<std::string_view> paths() const;

  /// One row. cells: [columns()], margins: [outputs()].
  void Predict(std::span<const Cell> cells, std::span<double> margins) const;
  /// Every row of `batch`, columns found by name. margins: [rows × outputs()].
  void PredictBatch(const Batch& batch, std::span<double> margins) const;

  /// How many numbers Finish gives: one probability per label, or one value.
  [[nodiscard]] std::size_t width() const { return labels_.empty() ? 1 : labels_.size(); }
  /// Margins of one row → probabilities [labels()] or the value [1].
  void Finish(std::span<const double> margins, std::span<double> out) const;
  /// Lower and upper bound around a value, where the model knows its residuals.
  [[nodiscard]] std::optional<std::pair<double, double>> Interval(double value) const;

  /// Why one row got its margin: exact contributions per raw column.
  [[nodiscard]] Result<Explanation> Explain(std::span<const Cell> cells) const;

 private:
  struct Member {
    std::unique_ptr<Predictor> predictor;
    std::vector<double> weight;  // [outputs]
  };
  explicit LoadedModel(FeaturePipeline pipeline) : pipeline_(std::move(pipeline)) {}
  Status ReadModel(const Json& json, const std::string& folder, const RuntimeRegistry& runtimes);
  Status CheckGolden(const Json& golden) const;
  void Combine(std::span<const float> encoded, std::size_t rows, std::span<double> margins) const;

  TaskKind task_ = TaskKind::kBinary;
  std::string target_;
  std::string link_;
  std::vector<std::string> labels_;
  std::vector<double> bias_;
  std::vector<Member> members_;
  std::optional<std::pair<double, double>> residuals_;  // quantiles, added to the value
  FeaturePipeline pipeline_;
  std::vector<std::size_t> column_of_;  // [features] → raw column
  std::vector<std::optional<Type>> column_types_;
  std::unordered_map<std::string_view, std::size_t> column_at_;  // by the pipeline's own names
};

}  // namespace aimass
