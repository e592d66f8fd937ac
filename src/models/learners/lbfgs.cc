#include "models/learners/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

namespace aimass::learners {
namespace {

constexpr std::size_t kMemory = 10;

double Dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

struct Step {
  std::vector<double> move;    // x[k+1] - x[k]
  std::vector<double> change;  // g[k+1] - g[k]
  double rho;                  // 1 / (move · change)
};

// The direction -H·gradient, H the inverse Hessian that `steps` (oldest first) approximate.
std::vector<double> Direction(const std::deque<Step>& steps, std::span<const double> gradient) {
  std::vector<double> q(gradient.begin(), gradient.end());
  std::vector<double> alpha(steps.size());
  for (std::size_t i = steps.size(); i-- > 0;) {
    alpha[i] = steps[i].rho * Dot(steps[i].move, q);
    for (std::size_t j = 0; j < q.size(); ++j) q[j] -= alpha[i] * steps[i].change[j];
  }
  if (!steps.empty()) {
    const Step& last = steps.back();
    const double scale = 1.0 / (last.rho * Dot(last.change, last.change));
    for (double& value : q) value *= scale;
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double beta = steps[i].rho * Dot(steps[i].change, q);
    for (std::size_t j = 0; j < q.size(); ++j) q[j] += (alpha[i] - beta) * steps[i].move[j];
  }
  for (double& value : q) value = -value;
  return q;
}

}  // namespace

int Lbfgs(const std::function<double(std::span<const double>, std::span<double>)>& loss,
          const std::function<bool()>& stop, const LbfgsOptions& options, std::span<double> point) {
  const std::size_t n = point.size();
  std::vector<double> gradient(n);
  std::vector<double> next(n);
  std::vector<double> next_gradient(n);
  std::deque<Step> steps;
  double value = loss(point, gradient);
  int iteration = 0;
  for (; iteration < options.max_iterations; ++iteration) {
    const double largest =
        std::accumulate(gradient.begin(), gradient.end(), 0.0,
                        [](double m, double g) { return std::max(m, std::fabs(g)); });
    if (largest <= options.gradient_tolerance || stop()) break;
    std::vector<double> direction = Direction(steps, gradient);
    double slope = Dot(direction, gradient);
    if (!(slope <
          0.0)) {  // rounding spoiled the approximation: start again with the steepest descent
      steps.clear();
      for (std::size_t j = 0; j < n; ++j) direction[j] = -gradient[j];
      slope = -Dot(gradient, gradient);
    }
    double length = steps.empty() ? std::min(1.0, 1.0 / std::sqrt(-slope)) : 1.0;
    double next_value = value;
    bool found = false;
    for (int attempt = 0; attempt < 30 && !found; ++attempt) {
      for (std::size_t j = 0; j < n; ++j) next[j] = point[j] + length * direction[j];
      next_value = loss(next, next_gradient);
      found = next_value <= value + 1e-4 * length * slope;
      if (!found) length *= 0.5;
    }
    if (!found) break;
    Step step{.move = std::vector<double>(n), .change = std::vector<double>(n), .rho = 0.0};
    for (std::size_t j = 0; j < n; ++j) {
      step.move[j] = next[j] - point[j];
      step.change[j] = next_gradient[j] - gradient[j];
    }
    const double curvature = Dot(step.move, step.change);
    if (curvature > 1e-12) {
      step.rho = 1.0 / curvature;
      steps.push_back(std::move(step));
      if (steps.size() > kMemory) steps.pop_front();
    }
    const double gain = value - next_value;
    std::ranges::copy(next, point.begin());
    gradient.swap(next_gradient);
    value = next_value;
    if (gain <= options.loss_tolerance * std::max(1.0, std::fabs(value))) {
      ++iteration;
      break;
    }
  }
  return iteration;
}

}  // namespace aimass::learners
