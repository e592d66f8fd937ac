#include "runtimes/trees/forest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace aimass::runtimes::trees {
namespace {

constexpr std::size_t kMaxDepth = 2'000;  // bounds the scratch of the contributions
constexpr float kZero = 1e-35F;           // LightGBM's "is zero"
constexpr std::size_t kLanes = 8;  // walks in step: hides the latency of memory and comparison
constexpr std::size_t kBlockBytes = 128 * 1024;
constexpr std::size_t kBlockRows = 512;

// One step of a walk through numeric splits; without a branch, because a comparison is a coin toss.
inline std::uint32_t Step(const Node* nodes, std::uint32_t at, const float* row) {
  const Node& node = nodes[at];
  const float x = row[node.feature & Node::kFeature];
  const auto right = static_cast<std::uint32_t>(x >= node.threshold) |
                     (static_cast<std::uint32_t>(x != x) & (node.feature >> 31));
  return node.left + right;
}

// Walks kLanes lanes from `at` to their leaves. Deep trees are uneven: there it looks every fourth
// step whether all have arrived.
template <typename RowOf>
inline void StepLanes(const Node* nodes, std::array<std::uint32_t, kLanes>& at, int depth,
                      RowOf row_of) {
  while (depth > 8) {
    for (int step = 0; step < 3; ++step) {
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        at[lane] = Step(nodes, at[lane], row_of(lane));
    }
    std::uint32_t moved = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint32_t next = Step(nodes, at[lane], row_of(lane));
      moved |= next ^ at[lane];
      at[lane] = next;
    }
    if (moved == 0) return;
    depth -= 4;
  }
  for (; depth > 0; --depth) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      at[lane] = Step(nodes, at[lane], row_of(lane));
  }
}

}  // namespace

Status Forest::Place(const ParsedTree& tree, std::size_t number) {
  // Breadth first, so that the first levels, which every row passes, share cache lines.
  struct Todo {
    std::int32_t parsed;
    std::uint32_t at;
    std::uint16_t depth;
  };
  if (nodes_.size() % 2 == 1) nodes_.emplace_back();
  nodes_.emplace_back();  // so that pairs of children start on even places: one cache line each
  Tree placed{.root = static_cast<std::uint32_t>(nodes_.size()),
              .depth = 0,
              .special = false,
              .output = tree.output};
  nodes_.emplace_back();
  std::vector<bool> seen(tree.nodes.size(), false);
  std::vector<Todo> queue{{0, placed.root, 0}};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const Todo todo = queue[i];
    if (seen[static_cast<std::size_t>(todo.parsed)]) {
      return Fail(ErrorCode::kUnprocessable, "node {} of tree {} is reached twice: not a tree",
                  todo.parsed, number);
    }
    seen[static_cast<std::size_t>(todo.parsed)] = true;
    if (todo.depth > kMaxDepth) {
      return Fail(ErrorCode::kUnprocessable, "tree {} is deeper than {} levels", number, kMaxDepth);
    }
    placed.depth = std::max(placed.depth, todo.depth);
    const ParsedNode& from = tree.nodes[static_cast<std::size_t>(todo.parsed)];
    Node to{};
    float share = 0.5F;
    if (from.left < 0) {
      if (!std::isfinite(from.value)) {
        return Fail(ErrorCode::kUnprocessable, "leaf {} of tree {} has no finite value",
                    todo.parsed, number);
      }
      to.threshold = std::numeric_limits<float>::quiet_NaN();
      to.left = todo.at;
      if (sum_in_double_) {
        to.value = static_cast<std::uint32_t>(values_.size());
        values_.push_back(from.value);
      } else {
        to.value = std::bit_cast<std::uint32_t>(static_cast<float>(from.value));
      }
    } else {
      to.feature = from.feature | (from.missing_right ? Node::kMissingRight : 0);
      to.threshold = from.threshold;
      if (from.categorical) {
        to.feature |= Node::kCategorical | (from.listed_right ? Node::kListedRight : 0);
        to.threshold = std::bit_cast<float>(from.bits_begin);
        to.value = from.bits_words;
      } else if (from.zero_is_missing) {
        to.feature |= Node::kZeroIsMissing;
      }
      placed.special = placed.special || from.categorical || from.zero_is_missing;
      to.left = static_cast<std::uint32_t>(nodes_.size());
      if (nodes_.size() + 4 > std::numeric_limits<std::uint32_t>::max()) {
        return Fail(ErrorCode::kUnprocessable,
                    "the model has more nodes than this runtime can hold");
      }
      nodes_.emplace_back();
      nodes_.emplace_back();
      const double left = tree.nodes[static_cast<std::size_t>(from.left)].cover;
      const double right = tree.nodes[static_cast<std::size_t>(from.right)].cover;
      if (left >= 0 && right >= 0 && left + right > 0 && std::isfinite(left + right)) {
        share = static_cast<float>(right / (left + right));
      }
      const auto below = static_cast<std::uint16_t>(todo.depth + 1);
      queue.push_back({from.left, to.left, below});
      queue.push_back({from.right, to.left + 1, below});
    }
    nodes_[todo.at] = to;
    right_share_.resize(nodes_.size(), 0.5F);
    right_share_[todo.at] = share;
  }
  max_depth_ = std::max(max_depth_, placed.depth);
  trees_.push_back(placed);
  return {};
}

double Forest::MeanOf(std::uint32_t root) const {
  struct Part {
    std::uint32_t at;
    double share;
  };
  double mean = 0.0;
  std::vector<Part> todo{{root, 1.0}};
  while (!todo.empty()) {
    const Part part = todo.back();
    todo.pop_back();
    const Node& node = nodes_[part.at];
    if (node.left == part.at) {
      mean += part.share * LeafValue(node);
      continue;
    }
    const auto right = static_cast<double>(right_share_[part.at]);
    todo.push_back({node.left, part.share * (1.0 - right)});
    todo.push_back({node.left + 1, part.share * right});
  }
  return mean;
}

Result<std::unique_ptr<Forest>> Forest::Build(ParsedForest parsed) {
  std::unique_ptr<Forest> forest(new Forest());
  forest->features_ = parsed.features;
  forest->sum_in_double_ = parsed.sum_in_double;
  forest->divide_by_ = parsed.divide_by;
  forest->smallest_code_ = parsed.smallest_code;
  forest->base_ = std::move(parsed.base);
  forest->bits_ = std::move(parsed.bits);
  forest->mean_.assign(forest->base_.begin(), forest->base_.end());
  for (std::size_t i = 0; i < parsed.trees.size(); ++i) {
    RETURN_IF_ERROR(forest->Place(parsed.trees[i], i));
    const Tree& tree = forest->trees_.back();
    forest->mean_[tree.output] += forest->MeanOf(tree.root) / forest->divide_by_;
    parsed.trees[i].nodes = {};
  }
  forest->nodes_.shrink_to_fit();
  forest->right_share_.shrink_to_fit();
  return forest;
}

bool Forest::GoesRight(const Node& node, float x) const {
  const bool missing =
      x != x || ((node.feature & Node::kZeroIsMissing) != 0 && std::fabs(x) <= kZero);
  if (missing) return (node.feature & Node::kMissingRight) != 0;
  if ((node.feature & Node::kCategorical) == 0) return x >= node.threshold;
  bool listed = false;
  // 2^24: beyond it float32 does not tell integers apart, and neither library knows such a code.
  if (x >= smallest_code_ && x < 16'777'216.0F) {
    const auto code = static_cast<std::uint32_t>(std::max(x, 0.0F));
    const std::uint32_t word = code / 32;
    listed =
        word < node.value &&
        ((bits_[std::bit_cast<std::uint32_t>(node.threshold) + word] >> (code % 32)) & 1U) != 0;
  }
  return listed == ((node.feature & Node::kListedRight) != 0);
}

std::uint32_t Forest::Walk(std::uint32_t at, const float* row) const {
  while (true) {
    const Node& node = nodes_[at];
    if (node.left == at) return at;
    at =
        node.left + static_cast<std::uint32_t>(GoesRight(node, row[node.feature & Node::kFeature]));
  }
}

template <typename Sum>
void Forest::SumRow(const float* row, Sum* sums) const {
  const Node* const nodes = nodes_.data();
  const std::size_t count = trees_.size();
  std::size_t i = 0;
  std::array<std::uint32_t, kLanes> at;
  while (i < count) {
    // Eight numeric trees in step; their leaves are then added in the order of the trees.
    std::size_t lanes = 0;
    int depth = 0;
    while (lanes < kLanes && i + lanes < count && !trees_[i + lanes].special) {
      at[lanes] = trees_[i + lanes].root;
      depth = std::max<int>(depth, trees_[i + lanes].depth);
      ++lanes;
    }
    if (lanes == 0) {
      at[0] = Walk(trees_[i].root, row);
      lanes = 1;
    } else {
      for (std::size_t lane = lanes; lane < kLanes; ++lane) at[lane] = at[0];
      StepLanes(nodes, at, depth, [row](std::size_t) { return row; });
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[trees_[i + lane].output] += static_cast<Sum>(LeafValue(nodes[at[lane]]));
    }
    i += lanes;
  }
}

template <typename Sum>
void Forest::SumBlock(const float* rows, std::size_t n, Sum* sums) const {
  const Node* const nodes = nodes_.data();
  const std::size_t outputs = base_.size();
  std::array<std::uint32_t, kLanes> at;
  for (const Tree& tree : trees_) {
    Sum* const out = sums + tree.output;
    std::size_t row = 0;
    for (; !tree.special && row + kLanes <= n; row += kLanes) {
      at.fill(tree.root);
      const float* const first = rows + row * features_;
      StepLanes(nodes, at, tree.depth,
                [first, this](std::size_t lane) { return first + lane * features_; });
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        out[(row + lane) * outputs] += static_cast<Sum>(LeafValue(nodes[at[lane]]));
      }
    }
    for (; row < n; ++row) {
      const std::uint32_t leaf = Walk(tree.root, rows + row * features_);
      out[row * outputs] += static_cast<Sum>(LeafValue(nodes[leaf]));
    }
  }
}

void Forest::Predict(std::span<const float> row, std::span<float> margins) const {
  if (!sum_in_double_) {
    std::copy(base_.begin(), base_.end(), margins.begin());
    SumRow<float>(row.data(), margins.data());
    return;
  }
  static thread_local std::vector<double> sums;
  sums.assign(base_.begin(), base_.end());
  SumRow<double>(row.data(), sums.data());
  for (std::size_t o = 0; o < sums.size(); ++o)
    margins[o] = static_cast<float>(sums[o] / divide_by_);
}

void Forest::PredictBatch(std::span<const float> rows, std::size_t n,
                          std::span<float> margins) const {
  // A block of rows stays in the cache while every tree passes over it.
  const std::size_t outputs = base_.size();
  const std::size_t fit = kBlockBytes / (sizeof(float) * std::max<std::size_t>(features_, 1));
  const std::size_t block = std::clamp(fit / kLanes * kLanes, kLanes, kBlockRows);
  static thread_local std::vector<double> sums;
  for (std::size_t begin = 0; begin < n; begin += block) {
    const std::size_t count = std::min(block, n - begin);
    const float* const from = rows.data() + begin * features_;
    float* const to = margins.data() + begin * outputs;
    if (!sum_in_double_) {
      for (std::size_t i = 0; i < count; ++i)
        std::copy(base_.begin(), base_.end(), to + i * outputs);
      SumBlock<float>(from, count, to);
      continue;
    }
    sums.resize(count * outputs);
    for (std::size_t i = 0; i < count * outputs; ++i)
      sums[i] = static_cast<double>(base_[i % outputs]);
    SumBlock<double>(from, count, sums.data());
    for (std::size_t i = 0; i < count * outputs; ++i)
      to[i] = static_cast<float>(sums[i] / divide_by_);
  }
}

}  // namespace aimass::runtimes::trees
