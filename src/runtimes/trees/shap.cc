// Exact, path-dependent TreeSHAP: algorithm 2 of Lundberg, Erion, Lee, "Consistent Individualized
// Feature Attribution for Tree Ensembles" (2018), as both libraries compute their pred_contribs.
#include <algorithm>
#include <cstring>

#include "runtimes/trees/forest.h"

namespace aimass::runtimes::trees {
namespace {

constexpr std::uint32_t kNoFeature = 0xFFFFFFFFU;

// One feature on the path from the root: which share of the permutations reaches the node without
// it (zero) and with it (one), and the weight of the subsets of each size.
struct Element {
  std::uint32_t feature;
  double zero;
  double one;
  double weight;
};

void Extend(Element* path, int depth, double zero, double one, std::uint32_t feature) {
  path[depth] = {feature, zero, one, depth == 0 ? 1.0 : 0.0};
  for (int i = depth - 1; i >= 0; --i) {
    path[i + 1].weight += one * path[i].weight * (i + 1) / (depth + 1.0);
    path[i].weight = zero * path[i].weight * (depth - i) / (depth + 1.0);
  }
}

void Unwind(Element* path, int depth, int index) {
  const double one = path[index].one;
  const double zero = path[index].zero;
  double next = path[depth].weight;
  for (int i = depth - 1; i >= 0; --i) {
    if (one != 0) {
      const double kept = path[i].weight;
      path[i].weight = next * (depth + 1.0) / ((i + 1) * one);
      next = kept - path[i].weight * zero * (depth - i) / (depth + 1.0);
    } else {
      path[i].weight = path[i].weight * (depth + 1.0) / (zero * (depth - i));
    }
  }
  for (int i = index; i < depth; ++i) {
    path[i].feature = path[i + 1].feature;
    path[i].zero = path[i + 1].zero;
    path[i].one = path[i + 1].one;
  }
}

double UnwoundSum(const Element* path, int depth, int index) {
  const double one = path[index].one;
  const double zero = path[index].zero;
  double next = path[depth].weight;
  double total = 0;
  for (int i = depth - 1; i >= 0; --i) {
    if (one != 0) {
      const double part = next * (depth + 1.0) / ((i + 1) * one);
      total += part;
      next = path[i].weight - part * zero * ((depth - i) / (depth + 1.0));
    } else if (zero != 0) {
      total += path[i].weight / zero / ((depth - i) / (depth + 1.0));
    }
  }
  return total;
}

}  // namespace

class TreeShap {
 public:
  TreeShap(const Forest& forest, const float* row, Element* scratch)
      : forest_(forest), row_(row), scratch_(scratch) {}

  void Run(const Tree& tree, double* out) {
    out_ = out;
    Visit(tree.root, scratch_, 0, 1.0, 1.0, kNoFeature);
  }

 private:
  // parent: the path of the node above, `depth` elements long.
  void Visit(std::uint32_t at, Element* parent, int depth, double zero, double one,
             std::uint32_t feature) {
    Element* path = parent + depth;
    std::memcpy(path, parent, sizeof(Element) * static_cast<std::size_t>(depth));
    Extend(path, depth, zero, one, feature);
    const Node& node = forest_.nodes_[at];
    if (node.left == at) {
      const double value = forest_.LeafValue(node) / forest_.divide_by_;
      for (int i = 1; i <= depth; ++i) {
        out_[path[i].feature] += UnwoundSum(path, depth, i) * (path[i].one - path[i].zero) * value;
      }
      return;
    }
    const std::uint32_t split = node.feature & Node::kFeature;
    const bool right = forest_.GoesRight(node, row_[split]);
    const auto share = static_cast<double>(forest_.right_share_[at]);
    double zero_before = 1.0;
    double one_before = 1.0;
    for (int i = 1; i <= depth; ++i) {
      if (path[i].feature != split) continue;
      zero_before = path[i].zero;
      one_before = path[i].one;
      Unwind(path, depth, i);
      --depth;
      break;
    }
    const double hot = right ? share : 1.0 - share;
    const std::uint32_t hot_child = node.left + static_cast<std::uint32_t>(right);
    const std::uint32_t cold_child = node.left + static_cast<std::uint32_t>(!right);
    Visit(hot_child, path, depth + 1, hot * zero_before, one_before, split);
    // A side that no training row took and that this row does not take adds nothing.
    const double cold = (1.0 - hot) * zero_before;
    if (cold > 0) Visit(cold_child, path, depth + 1, cold, 0.0, split);
  }

  const Forest& forest_;
  const float* row_;
  Element* scratch_;
  double* out_ = nullptr;
};

Status Forest::Contributions(std::span<const float> row, std::span<double> out) const {
  const std::size_t outputs = base_.size();
  if (row.size() != features_ || out.size() != outputs * (features_ + 1)) {
    return Fail(ErrorCode::kInternal, "contributions of {} features into {} places", row.size(),
                out.size());
  }
  const std::size_t levels = static_cast<std::size_t>(max_depth_) + 2;
  static thread_local std::vector<Element> scratch;
  scratch.resize(std::max(scratch.size(), levels * (levels + 1) / 2 + levels));
  std::fill(out.begin(), out.end(), 0.0);
  TreeShap shap(*this, row.data(), scratch.data());
  for (const Tree& tree : trees_) shap.Run(tree, out.data() + tree.output * (features_ + 1));
  for (std::size_t o = 0; o < outputs; ++o) out[o * (features_ + 1) + features_] = mean_[o];
  return {};
}

}  // namespace aimass::runtimes::trees
