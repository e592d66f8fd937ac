#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"

namespace aimass::http {

/// What /metrics tells, in the text format of Prometheus (version 0.0.4).
///
/// Threads  any.
class Metrics {
 public:
  /// One finished request. `pattern` is the route ("/api/v1/jobs/{id}"), never the address: few
  /// series.
  void Observe(std::string_view method, std::string_view pattern, int status, double seconds);

  /// A value that is asked for whenever somebody reads /metrics. `labels` as they are printed:
  /// `pool="sql"`, or empty. `type` is "gauge" or "counter".
  void Add(std::string name, std::string type, std::string help, std::string labels,
           std::function<double()> read);

  /// Labels' values must have `\`, `"` and line ends escaped.
  [[nodiscard]] static std::string Escape(std::string_view value);

  [[nodiscard]] std::string Render() const;

 private:
  // Seconds. A single prediction takes 0.1 ms, a query minutes.
  static constexpr std::array kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                      0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  60.0};
  struct Route {
    std::map<int, std::uint64_t> by_status;
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};
    double seconds = 0;
  };
  struct Value {
    std::string name, type, help, labels;
    std::function<double()> read;
  };
  Guarded<std::map<std::string, Route, std::less<>>> routes_;  // by `method="…",route="…"`
  Guarded<std::vector<Value>> values_;
};

/// Adds build information, memory, processor time, open files and start time of this process.
void AddProcessMetrics(Metrics& metrics);

}  // namespace aimass::http
