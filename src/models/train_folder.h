#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/features/pipeline.h"
#include "models/report/report.h"
#include "models/tune/recipe.h"

namespace aimass {

struct StagedModel {
  Json model;
  Json features;
  Json trials;  // null: none is written
  Json golden;
  const std::vector<FittedMember>& members;
};

/// Writes the files that the training itself makes into `folder`, emptied before.
[[nodiscard]] Status StageModel(const std::string& folder, const StagedModel& model);

/// Adds report.json, MLmodel and, last, SHA256SUMS.
[[nodiscard]] Status FinishModel(const std::string& folder, const Json& report,
                                 const FeaturePipeline& pipeline, const std::string& name);

/// The share of each column in the answers of the model in `folder`: mean absolute contribution to
/// the margin, through the runtimes that serve it, over at most 300 of the encoded rows, fewer
/// where the model is large. Largest first.
[[nodiscard]] Result<std::vector<ColumnImportance>> ImportanceOf(
    const std::string& folder, std::span<const float> rows, std::size_t num_rows,
    std::span<const FeatureInfo> features, int threads);

}  // namespace aimass
