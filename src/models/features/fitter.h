#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/features/cross_fit.h"
#include "models/features/pipeline.h"
#include "models/features/rows.h"

namespace aimass {

struct FeatureOptions {
  std::string target;  // left out
  TaskKind task = TaskKind::kBinary;
  std::vector<std::string> labels;  // classes, by number; empty for regression
  std::vector<std::string> keep;    // these stay whatever speaks against them
  std::vector<std::string> drop;    // the user wants these left out
  std::string
      time_column;  // what the split goes by: its year and day count say nothing about later rows
  int threads = 1;  // columns are looked at side by side
};

struct LeftOutColumn {
  std::string column;
  Message reason;
};

struct FittedFeatures {
  FeaturePipeline pipeline;
  std::vector<LeftOutColumn> left_out;  // in the table's order
  Matrix matrix;                        // of the training rows, in the order given
  features::CrossFit cross_fit;         // for the matrix as each fold's validation needs it
};

/// Decides what each column is, fits its encoder, and encodes the training rows.
///
/// A high-cardinality category is encoded by its mean target: training rows without their own fold
/// (features/cross_fit.h), later rows by the means of all training rows. Cross-validation must use
/// the same folds.
class FeatureFitter {
 public:
  /// rows, target, folds: [training rows]; target: class number or value; fold numbers from 0 on.
  /// Errors   kUnprocessable where no usable column is left (the reasons are in the message).
  [[nodiscard]] static Result<FittedFeatures> Fit(const RowTable& table,
                                                  std::span<const std::uint32_t> rows,
                                                  std::span<const float> target,
                                                  std::span<const std::uint8_t> folds,
                                                  const FeatureOptions& options);

  /// Rows of a table, encoded as serving would: columns of plain numbers as a whole, the others
  /// cell by cell. Columns are found by name; one that is not there is all missing. out: [rows ×
  /// features], the same for any number of threads.
  static void EncodeRows(const FeaturePipeline& pipeline, const RowTable& table,
                         std::span<const std::uint32_t> rows, int threads, std::span<float> out);
};

}  // namespace aimass
