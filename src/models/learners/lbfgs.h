#pragma once

#include <functional>
#include <span>
#include <vector>

namespace aimass::learners {

struct LbfgsOptions {
  int max_iterations = 200;
  double gradient_tolerance = 1e-6;  // largest absolute entry of the gradient at the end
  double loss_tolerance = 1e-9;      // relative gain of an iteration that ends it
};

/// Minimises a smooth convex function from `point` on, in place; returns the iterations that were
/// done.
///
/// `loss` answers the value at a point and fills its gradient. `stop` is asked before each
/// iteration; true ends the search at the best point so far. Threads  pure function. Source
/// Nocedal, Wright, "Numerical Optimization", 2nd ed., algorithms 7.4, 7.5; backtracking line
/// search 3.1.
int Lbfgs(
    const std::function<double(std::span<const double> point, std::span<double> gradient)>& loss,
    const std::function<bool()>& stop, const LbfgsOptions& options, std::span<double> point);

}  // namespace aimass::learners
