// ReportHtml: the page. Its words stand here side by side in both languages.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>

#include "models/report/charts.h"
#include "models/report/report.h"

namespace aimass {
namespace {

using report::Axes;
using report::Cut;
using report::Escape;
using report::Percent;
using report::Points;
using report::Series;
using report::Short;

constexpr std::string_view kStyle = R"css(
:root{--ink:#1c2430;--soft:#5f6b7a;--line:#e1e5eb;--brand:#1f6feb;--good:#0a7f4f;--bad:#b3410b}
*{box-sizing:border-box}
body{margin:0;background:#f3f5f8;color:var(--ink);font:14px/1.55 -apple-system,"Segoe UI",Roboto,"Helvetica Neue",
"Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",sans-serif;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:920px;margin:24px auto;background:#fff;padding:40px 48px;border-radius:10px;
box-shadow:0 1px 4px rgba(20,30,50,.12)}
header{border-bottom:3px solid var(--brand);padding-bottom:18px;margin-bottom:20px}
h1{font-size:27px;line-height:1.25;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:17px;margin:30px 0 10px}
h3{font-size:13.5px;margin:0 0 6px}
p{margin:0 0 8px}
.eyebrow{color:var(--brand);font-weight:600;font-size:12px;letter-spacing:.06em}
.soft,.note{color:var(--soft)}
.note{font-size:12px;margin-top:6px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:18px 0}
.card{border:1px solid var(--line);border-radius:8px;padding:12px 14px}
.card b{display:block;font-size:24px;line-height:1.25;font-variant-numeric:tabular-nums}
.card.main{background:#eef4ff;border-color:#c9dcff}
.card span{color:var(--soft);font-size:12px}
.grid{display:grid;grid-template-columns:1fr 1fr;gap:20px 24px}
figure{margin:0;border:1px solid var(--line);border-radius:8px;padding:12px 14px;break-inside:avoid}
figure.wide{grid-column:1/-1}
svg{display:block;width:100%;height:auto;font-family:inherit}
.legend{font-size:11.5px;margin:6px 0 0;color:var(--soft)}
.legend span{margin-right:12px;white-space:nowrap}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);font-size:12px;text-align:left;border-bottom:1px solid #c6cdd8}
th,td{padding:6px 10px 6px 0;vertical-align:top;overflow-wrap:anywhere}
td{border-bottom:1px solid var(--line)}
.n{text-align:right;white-space:nowrap}
tr.chosen td{font-weight:600}
tr{break-inside:avoid}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0;font-size:13px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.better{color:var(--good)}.worse{color:var(--bad)}
footer{margin-top:30px;padding-top:10px;border-top:1px solid var(--line);color:var(--soft);font-size:11.5px}
@media (max-width:640px){main{padding:24px 18px;margin:0;border-radius:0}.grid{grid-template-columns:1fr}}
@page{size:A4;margin:14mm 13mm}
@media print{body{background:#fff;font-size:11.5px}main{max-width:none;margin:0;padding:0;box-shadow:none}
h1{font-size:22px}h2{font-size:14.5px;margin:20px 0 8px;break-after:avoid}.grid{gap:12px 14px}table{font-size:11px}
.card b{font-size:19px}}
)css";

// A report may have come in with a bundle: what is not of its format is shown as nothing.
const Json& Of(const Json& object, std::string_view key) {
  static const Json none;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? none : *found;
}

std::string TextOf(const Json& object, std::string_view key) {
  const Json& value = Of(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

double NumberOf(const Json& object, std::string_view key) {
  const Json& value = Of(object, key);
  return value.is_number() ? value.get<double>() : 0.0;
}

bool HigherIsBetter(const Json& metric) { return Of(metric, "higher_is_better") != Json(false); }

std::vector<std::string> Texts(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& item : list) texts.push_back(item.is_string() ? item.get<std::string>() : "");
  return texts;
}

std::vector<double> Numbers(const Json& list) {
  std::vector<double> numbers;
  for (const Json& item : list) numbers.push_back(item.is_number() ? item.get<double>() : 0.0);
  return numbers;
}

std::vector<std::vector<double>> Rows(const Json& list) {
  std::vector<std::vector<double>> rows;
  for (const Json& item : list) rows.push_back(Numbers(item));
  return rows;
}

class Page {
 public:
  Page(const Json& report, Language language) : report_(report), language_(language) {}
  std::string Build();

 private:
  [[nodiscard]] std::string_view T(std::string_view en, std::string_view zh) const {
    return language_ == Language::kChinese ? zh : en;
  }
  template <typename... Args>
  void Add(fmt::format_string<const Args&...> format, const Args&... args) {
    fmt::format_to(std::back_inserter(html_), format, args...);
  }
  [[nodiscard]] const Json& At(std::string_view path) const {
    const Json::json_pointer pointer{std::string(path)};
    return report_.contains(pointer) ? report_.at(pointer) : none_;
  }
  [[nodiscard]] std::string Text(std::string_view path) const {
    const Json& value = At(path);
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "–" : value.dump();
  }
  [[nodiscard]] std::string Count(std::string_view path) const {
    const Json& value = At(path);
    return value.is_number() ? Short(value.get<double>()) : "–";
  }
  [[nodiscard]] std::string Name(const Json& metric) const {
    const std::string label = TextOf(Of(metric, "label"), T("en", "zh"));
    return label.empty() ? TextOf(metric, "name") : label;
  }
  [[nodiscard]] const Json* FindMetric(std::string_view path, std::string_view name) const {
    for (const Json& metric : At(path)) {
      if (metric.is_object() && TextOf(metric, "name") == name) return &metric;
    }
    return nullptr;
  }
  void Figure(std::string_view title, const std::string& chart, std::string_view note = "",
              bool wide = false) {
    Add(R"(<figure{}><h3>{}</h3>{})", wide ? R"( class="wide")" : "", title, chart);
    if (!note.empty()) Add(R"(<p class="note">{}</p>)", note);
    html_ += "</figure>";
  }
  void Row(std::string_view name, const std::string& value) {
    Add("<dt>{}</dt><dd>{}</dd>", name, Escape(value));
  }
  [[nodiscard]] bool is_regression() const { return Text("/task") == "regression"; }
  [[nodiscard]] bool is_binary() const { return Text("/task") == "binary"; }
  [[nodiscard]] std::string TaskText() const;
  void AddHeader();
  void AddCards();
  void AddMetrics();
  void AddClassCharts();
  void AddRegressionCharts();
  void AddImportance();
  void AddDropped();
  void AddOrigin();

  const Json& report_;
  Language language_;
  Json none_;
  std::string html_;
};

/// Values of metrics: four decimals where they are shares, else as numbers for people.
std::string Value(double value) {
  return std::abs(value) < 10.0 ? fmt::format("{:.4f}", value) : Short(value);
}

std::string NumberText(const Json& value) {
  return value.is_number() ? Value(value.get<double>()) : "–";
}

std::string Duration(double ms) {
  if (ms < 1000.0) return fmt::format("{:.0f} ms", ms);
  if (ms < 120'000.0) return fmt::format("{:.1f} s", ms / 1000.0);
  return fmt::format("{:.1f} min", ms / 60'000.0);
}

Points PointsOf(const Json& list) {
  Points points;
  for (const Json& point : list) {
    if (point.is_array() && point.size() >= 2 && point[0].is_number() && point[1].is_number()) {
      points.emplace_back(point[0].get<double>(), point[1].get<double>());
    }
  }
  return points;
}

std::string Page::TaskText() const {
  return std::string(is_binary()       ? T("two classes", "二分类")
                     : is_regression() ? T("a number", "数值预测")
                                       : T("several classes", "多分类"));
}

void Page::AddHeader() {
  const std::string version =
      report_.contains("version") ? fmt::format(" · v{}", Text("/version")) : "";
  Add(R"(<header><div class="eyebrow">{}</div><h1>{}{}</h1>)", T("MODEL REPORT", "模型报告"),
      Escape(Text("/model")), Escape(version));
  Add(R"(<p class="soft">{} <b>{}</b> · {} · {} {}{}</p></header>)", T("predicts", "预测"),
      Escape(Text("/target")), TaskText(), T("dataset", "数据集"), Escape(Text("/dataset/name")),
      report_.contains("created_at") ? Escape(" · " + Text("/created_at").substr(0, 10)) : "");
}

void Page::AddCards() {
  std::string chosen = Text("/metric");
  const Json* metric = FindMetric("/evaluation/holdout/metrics", chosen);
  const Json& all = At("/evaluation/holdout/metrics");
  if (metric == nullptr && all.is_array() && !all.empty()) metric = &all[0];
  if (metric == nullptr) return;
  chosen = TextOf(*metric, "name");
  html_ += R"(<div class="cards">)";
  Add(R"(<div class="card main"><span>{}</span><b>{}</b><span>{}</span></div>)",
      Escape(Name(*metric)), NumberText(Of(*metric, "value")),
      Of(*metric, "low").is_number() ? fmt::format("95 %: {} – {}", NumberText(Of(*metric, "low")),
                                                   NumberText(Of(*metric, "high")))
                                     : "");
  const Json& column = At("/baseline/column");
  const bool by_column = column.is_object() && Of(column, "metrics").contains(chosen);
  const Json& baseline = by_column ? Of(column, "metrics") : At("/baseline/metrics");
  Add(R"(<div class="card"><span>{}</span><b>{}</b><span>{}</span></div>)", T("Baseline", "基线"),
      baseline.is_object() && baseline.contains(chosen) ? NumberText(baseline[chosen]) : "–",
      by_column ? fmt::format(fmt::runtime(T("by “{}” alone", "仅按“{}”")),
                              Escape(Text("/baseline/column/name")))
                : std::string(is_regression() ? T("always the mean", "始终回答平均值")
                                              : T("always the class shares", "始终回答类别占比")));
  const Json* crossed = FindMetric("/evaluation/cross_validation/metrics", chosen);
  Add(R"(<div class="card"><span>{}</span><b>{}</b><span>{}</span></div>)",
      T("Cross-validation", "交叉验证"),
      crossed != nullptr ? NumberText(Of(*crossed, "value")) : "–",
      fmt::format(fmt::runtime(T("{} folds", "{} 折")), Text("/search/folds")));
  Add(R"(<div class="card"><span>{}</span><b>{}</b><span>{}</span></div>)",
      T("Hold-out rows", "留出行数"), Count("/evaluation/holdout/rows"),
      fmt::format(fmt::runtime(T("{} rows to train on", "训练 {} 行")),
                  Count("/split/training_rows")));
  html_ += "</div>";
}

void Page::AddMetrics() {
  Add("<h2>{}</h2><table><tr><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th "
      "class=\"n\">{}</th>"
      "<th class=\"n\">{}</th></tr>",
      T("How good it is", "效果"), T("Metric", "指标"), T("Hold-out", "留出集"),
      T("95 % interval", "95% 区间"), T("Cross-validation", "交叉验证"), T("Baseline", "基线"));
  for (const Json& metric : At("/evaluation/holdout/metrics")) {
    const std::string name = TextOf(metric, "name");
    const Json* crossed = FindMetric("/evaluation/cross_validation/metrics", name);
    const Json& baseline = At("/baseline/metrics");
    const Json reference =
        baseline.is_object() && baseline.contains(name) ? baseline[name] : Json();
    std::string_view tone;
    if (reference.is_number() && Of(metric, "value").is_number() &&
        Of(metric, "value") != reference) {
      const bool above = Of(metric, "value").get<double>() > reference.get<double>();
      tone = above == HigherIsBetter(metric) ? "better" : "worse";
    }
    Add("<tr{}><td>{} <span class=\"soft\">{}</span></td><td class=\"n {}\">{}</td><td "
        "class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        name == Text("/metric") ? " class=\"chosen\"" : "", Escape(Name(metric)),
        HigherIsBetter(metric) ? "↑" : "↓", tone, NumberText(Of(metric, "value")),
        Of(metric, "low").is_number()
            ? NumberText(Of(metric, "low")) + " – " + NumberText(Of(metric, "high"))
            : "–",
        crossed != nullptr ? NumberText(Of(*crossed, "value")) : "–", NumberText(reference));
  }
  Add(R"(</table><p class="note">{}</p>)",
      T("↑ more is better, ↓ less is better. The hold-out rows were never seen in training; the "
        "line in bold is what "
        "the search optimised.",
        "↑ 越大越好，↓ 越小越好。留出集从未参与训练；加粗的一行是搜索所优化的指标。"));
}

void Page::AddClassCharts() {
  Add(R"(<h2>{}</h2><div class="grid">)", T("Behaviour on the hold-out", "在留出集上的表现"));
  std::vector<Series> roc{{.name = "", .points = {{0, 0}, {1, 1}}, .dashed = true, .muted = true}};
  for (const Json& curve : At("/roc")) {
    roc.push_back(
        {.name = fmt::format("{} ({:.3f})", TextOf(curve, "label"), NumberOf(curve, "area")),
         .points = PointsOf(Of(curve, "points"))});
  }
  if (roc.size() > 1) {
    Figure(T("ROC curve", "ROC 曲线"),
           report::LineChart({.x = std::string(T("false positive rate", "假正率")),
                              .y = std::string(T("true positive rate", "真正率"))},
                             roc),
           is_binary()
               ? fmt::format(fmt::runtime(T("AUC {:.4f} for “{}”", "“{1}”的 AUC 为 {0:.4f}")),
                             At("/roc/0/area").is_number() ? At("/roc/0/area").get<double>() : 0.0,
                             Escape(Text("/roc/0/label")))
               : "");
  }
  std::vector<Series> pr;
  for (const Json& curve : At("/pr")) {
    pr.push_back({.name = TextOf(curve, "label"), .points = PointsOf(Of(curve, "points"))});
  }
  if (!pr.empty()) {
    Figure(
        T("Precision and recall", "精确率与召回率"),
        report::LineChart(
            {.x = std::string(T("recall", "召回率")), .y = std::string(T("precision", "精确率"))},
            pr),
        is_binary() ? fmt::format(fmt::runtime(T("average precision {:.4f}", "平均精确率 {:.4f}")),
                                  At("/pr/0/average_precision").is_number()
                                      ? At("/pr/0/average_precision").get<double>()
                                      : 0.0)
                    : "");
  }
  if (const Json& confusion = At("/confusion"); confusion.is_object()) {
    Figure(T("Confusion matrix", "混淆矩阵"),
           report::HeatMap(std::string(T("actual", "实际")), std::string(T("predicted", "预测")),
                           Texts(Of(confusion, "labels")), Rows(Of(confusion, "counts"))),
           T("Shades show the share of each actual class.", "颜色深浅表示占各实际类别的比例。"),
           Of(confusion, "labels").size() > 6);
  }
  Points calibration;
  for (const Json& bin : At("/calibration/bins")) {
    calibration.emplace_back(NumberOf(bin, "stated"), NumberOf(bin, "happened"));
  }
  if (!calibration.empty()) {
    Figure(
        T("Calibration", "校准"),
        report::LineChart({.x = std::string(T("stated probability", "预测概率")),
                           .y = std::string(T("what happened", "实际比例"))},
                          {{.name = "", .points = {{0, 0}, {1, 1}}, .dashed = true, .muted = true},
                           {.name = "", .points = calibration, .markers = true}}),
        T("On the diagonal a stated 70 % comes true in 70 of 100 cases.",
          "在对角线上，预测 70% 即 100 次中约发生 70 次。"));
  }
  Points gains{{0, 0}};
  for (const Json& step : At("/lift"))
    gains.emplace_back(NumberOf(step, "share"), NumberOf(step, "gain"));
  if (gains.size() > 1) {
    Figure(
        T("Gains", "增益"),
        report::LineChart(
            {.x = std::string(T("share of rows, highest scores first", "按得分从高到低选取的比例")),
             .y = std::string(T("share of positives found", "找到的正例比例"))},
            {{.name = "", .points = {{0, 0}, {1, 1}}, .dashed = true, .muted = true},
             {.name = "", .points = gains, .markers = true}}));
    std::string table = fmt::format(
        "<table><tr><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th></tr>",
        T("Highest scores", "得分最高的"), T("Positives found", "找到的正例"), T("Lift", "提升度"));
    for (const std::size_t i : {0u, 1u, 2u, 4u}) {
      const Json& steps = At("/lift");
      if (!steps.is_array() || i >= steps.size()) break;
      table +=
          fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.2f} ×</td></tr>",
                      Percent(NumberOf(steps[i], "share")), Percent(NumberOf(steps[i], "gain")),
                      NumberOf(steps[i], "lift"));
    }
    Figure(T("If only a part can be dealt with", "如果只能处理一部分"), table + "</table>",
           T("Lift: how many times more positives than in as many rows drawn at random.",
             "提升度：与随机选取同样多的行相比，正例多出的倍数。"));
  }
  html_ += "</div>";
}

void Page::AddRegressionCharts() {
  Add(R"(<h2>{}</h2><div class="grid">)", T("Behaviour on the hold-out", "在留出集上的表现"));
  const Points points = PointsOf(At("/predicted_actual"));
  if (!points.empty()) {
    double low = points[0].first;
    double high = low;
    for (const auto& [x, y] : points) {
      low = std::min({low, x, y});
      high = std::max({high, x, y});
    }
    Figure(T("Predicted and actual", "预测值与实际值"),
           report::ScatterChart({.x = std::string(T("predicted", "预测值")),
                                 .y = std::string(T("actual", "实际值")),
                                 .x_low = low,
                                 .x_high = high,
                                 .y_low = low,
                                 .y_high = high,
                                 .percent = false},
                                points),
           T("On the dashed line the prediction is exact.", "虚线上的点预测完全准确。"));
  }
  if (const Json& residuals = At("/residuals"); residuals.is_object()) {
    Figure(T("Residuals", "残差"),
           report::Histogram(std::string(T("actual − predicted", "实际值 − 预测值")),
                             std::string(T("rows", "行数")), Numbers(Of(residuals, "edges")),
                             Numbers(Of(residuals, "counts"))),
           fmt::format(
               fmt::runtime(T("Half of the rows lie between {} and {}; 90 % between {} and {}.",
                              "一半的行在 {} 与 {} 之间；90% 在 {} 与 {} 之间。")),
               Count("/residuals/quantiles/p25"), Count("/residuals/quantiles/p75"),
               Count("/residuals/quantiles/p05"), Count("/residuals/quantiles/p95")));
  }
  html_ += "</div>";
}

void Page::AddImportance() {
  constexpr std::size_t kMost = 20;
  const Json& importance = At("/importance");
  if (!importance.is_array() || importance.empty()) return;
  std::vector<std::pair<std::string, double>> bars;
  double rest = 0.0;
  for (const Json& entry : importance) {
    if (bars.size() < kMost) {
      bars.emplace_back(TextOf(entry, "column"), NumberOf(entry, "share"));
    } else {
      rest += NumberOf(entry, "share");
    }
  }
  if (importance.size() > kMost) {
    bars.emplace_back(
        fmt::format(fmt::runtime(T("{} more columns", "其余 {} 列")), importance.size() - kMost),
        rest);
  }
  Add(R"(<h2>{}</h2>)", T("What it looks at", "依据哪些列"));
  Figure(T("Share of each column in the answers", "各列对结果的贡献占比"), report::BarChart(bars));
}

void Page::AddDropped() {
  const Json& dropped = At("/dropped");
  if (!dropped.is_array() || dropped.empty()) return;
  Add("<h2>{}</h2><table><tr><th>{}</th><th>{}</th></tr>", T("Columns left out", "未使用的列"),
      T("Column", "列"), T("Why", "原因"));
  for (const Json& entry : dropped) {
    const Json& reason = Of(entry, "reason");
    Add("<tr><td>{}</td><td>{}</td></tr>", Escape(TextOf(entry, "column")),
        Escape(reason.is_string() ? reason.get<std::string>()
                                  : Render(MessageFromJson(reason), language_)));
  }
  html_ += "</table>";
}

void Page::AddOrigin() {
  Add("<h2>{}</h2><dl>", T("How it was made", "制作过程"));
  Row(T("Data", "数据"),
      fmt::format(fmt::runtime(T("{}, version {}, {} rows", "{}，版本 {}，{} 行")),
                  Text("/dataset/name"), Text("/dataset/version"), Count("/dataset/rows")));
  const std::string method = Text("/split/method");
  std::string split(method == "time"    ? T("by time", "按时间")
                    : method == "given" ? T("a test set was given", "使用给定的测试集")
                                        : T("at random", "随机"));
  if (const Json& column = At("/split/column"); column.is_string())
    split += " (" + column.get<std::string>() + ")";
  Row(T("Split", "划分"),
      fmt::format(
          fmt::runtime(T("{}: {} rows to train on, {} held out", "{}：训练 {} 行，留出 {} 行")),
          split, Count("/split/training_rows"), Count("/split/holdout_rows")));
  if (const Json& column = At("/split/group_column"); column.is_string()) {
    Row(T("Groups", "分组"), fmt::format(fmt::runtime(T("rows with the same {} stay on one side",
                                                        "{} 相同的行不会被拆到两边")),
                                         column.get<std::string>()));
  }
  if (const Json& copies = At("/split/duplicates"); copies.is_number() && copies > 0) {
    Row(T("Repeated rows", "重复的行"),
        fmt::format(
            fmt::runtime(At("/split/group_by") == "none"
                             ? T("{} rows have the features of an earlier one",
                                 "{} 行的特征与之前的某一行相同")
                             : T("{} rows have the features of an earlier one; they stay on its "
                                 "side of the split",
                                 "{} 行的特征与之前的某一行相同；划分时与它留在同一边")),
            Count("/split/duplicates")));
  }
  Row(T("Search", "搜索"),
      fmt::format(
          fmt::runtime(T("{} trials, {} complete, {} folds", "{} 次尝试，完成 {} 次，{} 折")),
          Text("/search/trials"), Text("/search/complete"), Text("/search/folds")));
  std::string members;
  for (const Json& member : At("/search/members")) {
    const Json& weight = Of(member, "weight");
    members += fmt::format(
        "{}{}{}{}", members.empty() ? "" : ", ", TextOf(member, "learner"),
        weight.is_number() ? fmt::format(" × {:.2f}", weight.get<double>()) : "",
        Of(member, "rounds").is_number() && Of(member, "rounds") != 0
            ? fmt::format(fmt::runtime(T(" ({} rounds)", "（{} 轮）")), Of(member, "rounds").dump())
            : "");
  }
  Row(T("Members", "成员模型"), members.empty() ? "–" : members);
  std::string durations;
  const std::map<std::string, std::string_view> steps = {{"read", T("read", "读取")},
                                                         {"features", T("features", "特征")},
                                                         {"search", T("search", "搜索")},
                                                         {"fit", T("fit", "拟合")},
                                                         {"evaluate", T("evaluate", "评估")}};
  for (const char* step : {"read", "features", "search", "fit", "evaluate"}) {
    const Json& ms = At(std::string("/durations_ms/") + step);
    if (!ms.is_number()) continue;
    durations += fmt::format("{}{} {}", durations.empty() ? "" : " · ", steps.at(step),
                             Duration(ms.get<double>()));
  }
  Row(T("Durations", "用时"), durations.empty() ? "–" : durations);
  Row(T("Seed, threads, budget", "随机种子、线程、预算"),
      fmt::format("{} · {} · {} s", Text("/seed"), Text("/threads"), Count("/time_s")));
  html_ += "</dl>";
}

std::string Page::Build() {
  Add(R"(<!doctype html><html lang="{}"><head><meta charset="utf-8"><meta name="viewport" )"
      R"(content="width=device-width,initial-scale=1"><title>{} · {}</title><style>{}</style></head><body><main>)",
      T("en", "zh-CN"), Escape(Text("/model")), T("Model report", "模型报告"), kStyle);
  AddHeader();
  AddCards();
  AddMetrics();
  if (is_regression()) {
    AddRegressionCharts();
  } else {
    AddClassCharts();
  }
  AddImportance();
  AddDropped();
  AddOrigin();
  Add("<footer>{}</footer></main></body></html>\n",
      T("AI Mass · intervals of 95 %: DeLong for AUC, bootstrap over rows for the others",
        "AI Mass · 95% 区间：AUC 用 DeLong 法，其余指标对行做自助法"));
  return std::move(html_);
}

}  // namespace

std::string ReportHtml(const Json& report, Language language) {
  return Page(report, language).Build();
}

}  // namespace aimass
