#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtimes/runtime.h"
#include "runtimes/trees/parsed.h"

namespace aimass::runtimes::trees {

/// One node, 16 bytes, four to a cache line; the two children of a split lie side by side.
///
/// A leaf's child is itself and nothing ever goes right of it, so that several walks of different
/// length can run in step without asking who has arrived.
struct Node {
  static constexpr std::uint32_t kMissingRight = 1U << 31;
  static constexpr std::uint32_t kCategorical = 1U << 30;
  static constexpr std::uint32_t kZeroIsMissing = 1U << 29;
  static constexpr std::uint32_t kListedRight = 1U << 28;
  static constexpr std::uint32_t kFeature = kListedRight - 1;

  float
      threshold;  // right where x >= threshold; a leaf: NaN; categories: the first word of the set
  std::uint32_t feature;  // and the flags above
  std::uint32_t left;     // the right child is left + 1; a leaf: itself
  std::uint32_t value;    // leaf: float bits, or index of a double; categories: words of the set
};
static_assert(sizeof(Node) == 16);

struct Tree {
  std::uint32_t root;
  std::uint16_t depth;  // of the deepest leaf
  bool special;         // has categories or zero-is-missing splits
  std::uint32_t output;
};

/// A forest in the flat layout. Margins are those of the library, in its own order of summation:
/// float32 from the base score on (XGBoost), or double, rounded once (LightGBM).
class Forest final : public Predictor {
 public:
  /// Checks the structure: children form a tree, depth at most 2,000, values finite.
  /// Errors   kUnprocessable naming tree and node.
  [[nodiscard]] static Result<std::unique_ptr<Forest>> Build(ParsedForest parsed);

  [[nodiscard]] std::size_t num_features() const override { return features_; }
  [[nodiscard]] std::size_t num_outputs() const override { return base_.size(); }
  void Predict(std::span<const float> row, std::span<float> margins) const override;
  void PredictBatch(std::span<const float> rows, std::size_t n,
                    std::span<float> margins) const override;
  [[nodiscard]] Status Contributions(std::span<const float> row,
                                     std::span<double> out) const override;
  [[nodiscard]] std::string_view path() const override { return "flat"; }

 private:
  Forest() = default;
  Status Place(const ParsedTree& tree, std::size_t number);
  double MeanOf(std::uint32_t root) const;

  [[nodiscard]] bool GoesRight(const Node& node, float x) const;
  [[nodiscard]] std::uint32_t Walk(std::uint32_t at, const float* row) const;
  [[nodiscard]] double LeafValue(const Node& leaf) const {
    return sum_in_double_ ? values_[leaf.value]
                          : static_cast<double>(std::bit_cast<float>(leaf.value));
  }
  template <typename Sum>
  void SumRow(const float* row, Sum* sums) const;
  template <typename Sum>
  void SumBlock(const float* rows, std::size_t n, Sum* sums) const;

  friend class TreeShap;

  std::size_t features_ = 0;
  bool sum_in_double_ = false;
  double divide_by_ = 1.0;
  float smallest_code_ = 0.0F;
  std::vector<float> base_;   // [outputs]
  std::vector<double> mean_;  // [outputs] base value of the contributions
  std::vector<Tree> trees_;
  std::vector<Node> nodes_;
  std::vector<float> right_share_;  // [nodes] share of the training rows that went right at a split
  std::vector<double> values_;      // leaf values, where sums are in double
  std::vector<std::uint32_t> bits_;  // sets of categories
  std::uint16_t max_depth_ = 0;
};

}  // namespace aimass::runtimes::trees
