#pragma once

#include <cstdint>
#include <vector>

#include "models/features/encoder.h"

namespace aimass::features {

/// The encoding of training rows by mean targets, so that no row's encoding depends on its own
/// target.
///
/// A row of fold j gets the means over the rows of the other folds. While a model is validated on
/// fold k, the targets of fold k are left out of *every* row's means as well: a training row that
/// knew the target of a validation row of the same key would let trees learn to recognise it.
class CrossFit {
 public:
  struct Column {
    TargetEncoder encoder;
    std::size_t first_feature = 0;
    std::vector<std::int64_t> keys;  // [rows]: position among the encoder's keys; -1: not kept
    std::vector<bool> missing;       // [rows]
  };

  CrossFit() = default;
  /// target, folds: [rows]
  CrossFit(TaskKind task, std::vector<float> target, std::vector<std::uint8_t> folds)
      : task_(task), target_(std::move(target)), folds_(std::move(folds)) {}

  /// Sums and prior over all rows go into `column`'s encoder, which has its keys and rows already.
  void Add(Column column);
  [[nodiscard]] const Column& last() const { return columns_.back(); }
  [[nodiscard]] Column& column(std::size_t index) { return columns_[index]; }
  [[nodiscard]] bool empty() const { return columns_.empty(); }

  /// Overwrites the features of its columns in `matrix`. `without`: a fold whose targets nobody may
  /// see; -1: none.
  void Write(Matrix& matrix, int without) const;

 private:
  struct Sums {
    std::vector<double> rows;   // [keys]
    std::vector<double> sums;   // [keys × outputs]
    std::vector<double> prior;  // [outputs]
  };
  // Over the rows of all folds but these two.
  [[nodiscard]] Sums SumByKey(const Column& column, int without, int without_too) const;

  TaskKind task_ = TaskKind::kBinary;
  std::vector<float> target_;
  std::vector<std::uint8_t> folds_;
  std::vector<Column> columns_;
};

}  // namespace aimass::features
