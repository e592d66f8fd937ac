#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "jobs/job.h"
#include "models/learner.h"

namespace aimass {

/// What a model file that was made elsewhere turns out to be.
struct ForeignSignature {
  TaskKind task = TaskKind::kBinary;
  std::string link;
  std::string library;  // "xgboost", "lightgbm"
  std::string library_version;
  std::string objective;
  std::string runtime;  // "trees"
  double weight = 1.0;  // of its margins
  std::size_t outputs = 1;
  std::size_t trees = 0;
  std::string target;
  std::vector<std::string> labels;    // as given, else "0", "1" …; empty for regression
  std::vector<std::string> features;  // names; f0, f1 … where the file has none
};

/// Reads and validates the file with our own readers only: XGBoost JSON or UBJ, LightGBM text.
/// Errors   kUnsupported where no runtime reads it or its objective has no known link;
/// kUnprocessable for a
///          damaged file, or labels that do not fit its outputs.
[[nodiscard]] Result<ForeignSignature> DescribeForeign(const std::string& file,
                                                       std::string_view target,
                                                       std::span<const std::string> labels);

/// Writes the model folder (docs/formats/model.md): the file itself, an identity pipeline, and
/// golden rows whose margins its own library computes. Our reading must agree with the library's,
/// or the model is refused.
[[nodiscard]] Status StageForeign(const std::string& file, const ForeignSignature& signature,
                                  const std::string& folder);

/// The job kind "import_model": the library runs in a process of its own, so that a file that
/// crashes it harms nothing else.
void RegisterImportModelJob(JobKindRegistry& kinds);

}  // namespace aimass
