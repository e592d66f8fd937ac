#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Charts as SVG text: no script, no style from elsewhere, readable on paper. Every text is escaped
// here.
namespace aimass::report {

/// `text` inside HTML or SVG, also inside a quoted attribute.
[[nodiscard]] std::string Escape(std::string_view text);
/// A number for people: 3 significant digits below 1,000, then thousands separated ("1,067,371").
[[nodiscard]] std::string Short(double value);
/// 0.1234 → "12.3 %".
[[nodiscard]] std::string Percent(double share);
/// `text` cut to about `width` columns of Latin letters (中文 counts two), with an ellipsis.
[[nodiscard]] std::string Cut(std::string_view text, std::size_t width);

using Points = std::vector<std::pair<double, double>>;

struct Series {
  std::string name;  // for the legend; empty: none
  Points points;
  bool dashed = false;
  bool markers = false;
  bool muted = false;  // a reference line, in grey
};

struct Axes {
  std::string x;
  std::string y;
  double x_low = 0.0, x_high = 1.0, y_low = 0.0, y_high = 1.0;
  bool percent = true;
};

[[nodiscard]] std::string LineChart(const Axes& axes, const std::vector<Series>& series);
[[nodiscard]] std::string ScatterChart(const Axes& axes, const Points& points);
/// Bars over [edges]; counts.size() + 1 == edges.size(). `zero_line`: marks 0 on the x axis.
[[nodiscard]] std::string Histogram(const std::string& x, const std::string& y,
                                    const std::vector<double>& edges,
                                    const std::vector<double>& counts);
/// counts[actual][decided], shaded by the share of the row.
[[nodiscard]] std::string HeatMap(const std::string& actual, const std::string& decided,
                                  const std::vector<std::string>& labels,
                                  const std::vector<std::vector<double>>& counts);
/// Horizontal bars, largest first.
[[nodiscard]] std::string BarChart(const std::vector<std::pair<std::string, double>>& bars);

}  // namespace aimass::report
