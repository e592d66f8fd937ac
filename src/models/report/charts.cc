#include "models/report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace aimass::report {
namespace {

// Size of the drawing in its own units; the page scales it.
constexpr double kWidth = 340, kHeight = 264;
constexpr double kLeft = 52, kRight = 18, kTop = 12, kBottom = 44;

// Colours that stay apart for colour-blind readers and on a grey printer (Okabe and Ito's set,
// darkened).
constexpr std::array<std::string_view, 8> kColours = {"#1f6feb", "#d55e00", "#009e73", "#a347ba",
                                                      "#b8860b", "#56a3d9", "#c2185b", "#5f6b7a"};
constexpr std::string_view kInk = "#3d4652";
constexpr std::string_view kGrid = "#e6e9ee";
constexpr std::string_view kMuted = "#9aa4b1";

class Canvas {
 public:
  Canvas(double width, double height) {
    Add(R"(<svg viewBox="0 0 {} {}" role="img" font-size="11" fill="{}">)", width, height, kInk);
  }
  template <typename... Args>
  void Add(fmt::format_string<const Args&...> format, const Args&... args) {
    fmt::format_to(std::back_inserter(text_), format, args...);
  }
  void Line(double x1, double y1, double x2, double y2, std::string_view colour, double width = 1) {
    Add(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{}"/>)",
        x1, y1, x2, y2, colour, width);
  }
  void Text(double x, double y, std::string_view anchor, std::string_view text,
            std::string_view more = "") {
    Add(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" {}>{}</text>)", x, y, anchor, more,
        Escape(text));
  }
  std::string Finish() { return std::move(text_) + "</svg>"; }

 private:
  std::string text_;
};

/// Round numbers that span low…high, about five of them.
std::vector<double> Ticks(double low, double high) {
  const double raw = (high - low) / 5.0;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    step = factor * power;
    if (step >= raw) break;
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9) * step;
  // Counted: between large numbers that lie close together a step may move nothing.
  for (int i = 0; i < 12; ++i) {
    const double tick = first + i * step;
    if (!(tick <= high + step * 1e-9)) break;
    ticks.push_back(std::abs(tick) < step * 1e-9 ? 0.0 : tick);
  }
  return ticks;
}

std::string TickText(double value, bool percent) {
  return percent ? fmt::format("{:.0f}%", value * 100.0) : Short(value);
}

/// The frame of a chart with two number axes, and the way from values to places.
class Frame {
 public:
  Frame(Canvas& canvas, Axes axes) : axes_(std::move(axes)) {
    if (!(axes_.x_high > axes_.x_low)) axes_.x_high = axes_.x_low + 1.0;
    if (!(axes_.y_high > axes_.y_low)) axes_.y_high = axes_.y_low + 1.0;
    for (const double tick : Ticks(axes_.y_low, axes_.y_high)) {
      canvas.Line(kLeft, Y(tick), kWidth - kRight, Y(tick), kGrid);
      canvas.Text(kLeft - 6, Y(tick) + 4, "end", TickText(tick, axes_.percent));
    }
    for (const double tick : Ticks(axes_.x_low, axes_.x_high)) {
      canvas.Line(X(tick), kTop, X(tick), kHeight - kBottom, kGrid);
      canvas.Text(X(tick), kHeight - kBottom + 15, "middle", TickText(tick, axes_.percent));
    }
    canvas.Line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, kMuted);
    canvas.Line(kLeft, kTop, kLeft, kHeight - kBottom, kMuted);
    canvas.Text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", axes_.x);
    const double middle = (kTop + kHeight - kBottom) / 2;
    canvas.Text(0, 0, "middle", axes_.y,
                fmt::format(R"svg(transform="translate(11 {:.1f}) rotate(-90)")svg", middle));
  }
  [[nodiscard]] double X(double value) const {
    const double share = (value - axes_.x_low) / (axes_.x_high - axes_.x_low);
    return kLeft + std::clamp(share, 0.0, 1.0) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double Y(double value) const {
    const double share = (value - axes_.y_low) / (axes_.y_high - axes_.y_low);
    return kHeight - kBottom - std::clamp(share, 0.0, 1.0) * (kHeight - kTop - kBottom);
  }

 private:
  Axes axes_;
};

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        // Control characters have no place in XML.
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
          escaped += ' ';
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

std::string Short(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size >= 1e7) return fmt::format("{:.3g}", value);
  if (size >= 1000.0) {
    std::string digits = fmt::format("{:.0f}", size);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return (value < 0 ? "−" : "") + digits;
  }
  std::string text = fmt::format("{:.3g}", size);
  return (value < 0 ? "−" : "") + text;
}

std::string Percent(double share) { return fmt::format("{:.1f} %", share * 100.0); }

std::string Cut(std::string_view text, std::size_t width) {
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    used += bytes >= 3 ? 2 : 1;
    if (used > width) return std::string(text.substr(0, at)) + "…";
    at += bytes;
  }
  return std::string(text);
}

std::string LineChart(const Axes& axes, const std::vector<Series>& series) {
  Canvas canvas(kWidth, kHeight);
  const Frame frame(canvas, axes);
  std::size_t coloured = 0;
  std::vector<std::pair<std::string, std::string_view>> legend;
  for (const Series& one : series) {
    const std::string_view colour = one.muted ? kMuted : kColours[coloured++ % kColours.size()];
    // More curves than colours: the second round is dashed.
    const bool dashed = one.dashed || coloured > kColours.size();
    std::string path;
    for (const auto& [x, y] : one.points) {
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", frame.X(x), frame.Y(y));
    }
    canvas.Add(
        R"(<path d="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linejoin="round"{}/>)",
        path, colour, one.muted ? 1.2 : 2.0, dashed ? R"( stroke-dasharray="5 4")" : "");
    if (one.markers) {
      for (const auto& [x, y] : one.points) {
        canvas.Add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3.2" fill="{}"/>)", frame.X(x), frame.Y(y),
                   colour);
      }
    }
    if (!one.name.empty()) legend.emplace_back(one.name, colour);
  }
  return canvas.Finish() + [&] {
    if (legend.size() < 2) return std::string();
    std::string text = R"(<p class="legend">)";
    for (const auto& [name, colour] : legend) {
      text += fmt::format(R"(<span><i style="background:{}"></i>{}</span>)", colour,
                          Escape(Cut(name, 40)));
    }
    return text + "</p>";
  }();
}

std::string ScatterChart(const Axes& axes, const Points& points) {
  Canvas canvas(kWidth, kHeight);
  const Frame frame(canvas, axes);
  const double low = std::max(axes.x_low, axes.y_low);
  const double high = std::min(axes.x_high, axes.y_high);
  canvas.Add(
      R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-dasharray="4 4"/>)",
      frame.X(low), frame.Y(low), frame.X(high), frame.Y(high), kMuted);
  for (const auto& [x, y] : points) {
    canvas.Add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2.4" fill="{}" fill-opacity="0.45"/>)",
               frame.X(x), frame.Y(y), kColours[0]);
  }
  return canvas.Finish();
}

std::string Histogram(const std::string& x, const std::string& y, const std::vector<double>& edges,
                      const std::vector<double>& counts) {
  Canvas canvas(kWidth, kHeight);
  if (edges.size() != counts.size() + 1 || counts.empty()) return canvas.Finish();
  const double most = *std::max_element(counts.begin(), counts.end());
  const Frame frame(canvas, {.x = x,
                             .y = y,
                             .x_low = edges.front(),
                             .x_high = edges.back(),
                             .y_low = 0.0,
                             .y_high = std::max(most * 1.05, 1.0),
                             .percent = false});
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double left = frame.X(edges[i]);
    const double top = frame.Y(counts[i]);
    canvas.Add(
        R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="0.85"/>)",
        left + 0.5, top, std::max(frame.X(edges[i + 1]) - left - 1.0, 0.5), frame.Y(0.0) - top,
        kColours[0]);
  }
  if (edges.front() < 0.0 && edges.back() > 0.0) {
    canvas.Line(frame.X(0.0), kTop, frame.X(0.0), kHeight - kBottom, kColours[1], 1.4);
  }
  return canvas.Finish();
}

std::string HeatMap(const std::string& actual, const std::string& decided,
                    const std::vector<std::string>& labels,
                    const std::vector<std::vector<double>>& counts) {
  const std::size_t n = labels.size();
  const bool square =
      counts.size() == n &&
      std::ranges::all_of(counts, [n](const std::vector<double>& row) { return row.size() == n; });
  if (!square) return Canvas(kWidth, kHeight).Finish();
  const double left = 92;
  const double top = 40;
  const double side =
      std::clamp(240.0 / static_cast<double>(std::max<std::size_t>(n, 1)), 18.0, 92.0);
  const double span = side * static_cast<double>(n);
  Canvas canvas(std::max(left + span + 12, kWidth), top + span + 12);
  canvas.Text(left + span / 2, 13, "middle", decided, R"(font-weight="600")");
  canvas.Text(0, 0, "middle", actual,
              fmt::format(R"svg(font-weight="600" transform="translate(11 {:.1f}) rotate(-90)")svg",
                          top + span / 2));
  const auto label_width = static_cast<std::size_t>(std::max(side / 6.5, 2.0));
  for (std::size_t i = 0; i < n; ++i) {
    const double at = side * static_cast<double>(i);
    canvas.Text(left - 6, top + at + side / 2 + 4, "end", Cut(labels[i], 11));
    canvas.Text(left + at + side / 2, top - 7, "middle", Cut(labels[i], label_width));
    double total = 0.0;
    for (const double count : counts[i]) total += count;
    for (std::size_t k = 0; k < n; ++k) {
      const double share = total > 0.0 ? counts[i][k] / total : 0.0;
      const double x = left + side * static_cast<double>(k);
      // Right answers in blue, wrong ones in orange, both deeper with their share of the row.
      canvas.Add(
          R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="{:.3f}" )"
          R"(stroke="#fff" stroke-width="1.5"/>)",
          x, top + at, side, side, i == k ? kColours[0] : kColours[1], 0.07 + 0.83 * share);
      if (side < 26) continue;
      const std::string_view ink = share > 0.55 ? "#fff" : kInk;
      const double middle = top + at + side / 2;
      canvas.Text(
          x + side / 2, side >= 52 ? middle : middle + 4, "middle", Short(counts[i][k]),
          fmt::format(R"(fill="{}" font-weight="600" font-size="{}")", ink, side >= 52 ? 14 : 10));
      if (side >= 52) {
        canvas.Text(x + side / 2, middle + 16, "middle", Percent(share),
                    fmt::format(R"(fill="{}")", ink));
      }
    }
  }
  return canvas.Finish();
}

std::string BarChart(const std::vector<std::pair<std::string, double>>& bars) {
  constexpr double kWide = 700, kLabel = 200, kRow = 22;
  Canvas canvas(kWide, kRow * static_cast<double>(bars.size()) + 4);
  double most = 1e-300;
  for (const auto& [name, value] : bars) most = std::max(most, value);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double y = kRow * static_cast<double>(i) + 2;
    const double length = std::max(bars[i].second, 0.0) / most * (kWide - kLabel - 70);
    canvas.Text(kLabel - 8, y + 14, "end", Cut(bars[i].first, 32));
    canvas.Add(
        R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2.5" fill="{}" fill-opacity="0.9"/>)",
        kLabel, y + 3, std::max(length, 1.0), kRow - 8, kColours[0]);
    canvas.Text(kLabel + length + 6, y + 14, "start", Percent(bars[i].second));
  }
  return canvas.Finish();
}

}  // namespace aimass::report
