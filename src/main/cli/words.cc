#include "main/cli/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/words.h"

namespace aimass::cli {
namespace {

constexpr std::size_t kReasons = 3;
constexpr double kLeastReason = 0.01;  // of the strongest one: what is weaker says nothing
constexpr std::size_t kLabels = 5;
constexpr std::size_t kMetrics = 3;

std::string NumberOf(const Json& value) {
  return value.is_number() ? Number(value.get<double>()) : "–";
}

Listing Labels(const Json& labels) {
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < labels.size() && i < kLabels; ++i) {
    shown.push_back(CellText(labels[i]));
  }
  if (labels.size() > kLabels) shown.emplace_back("…");
  return Listing(shown);
}

std::string TaskWords(Context& context, const Json& report) {
  const std::string task = TextOf(report, "task");
  const std::string target = TextOf(report, "target");
  const Listing labels = Labels(MemberOf(report, "labels"));
  if (task == "binary") return context.Text(Msg("{} is one of two classes: {}", target, labels));
  if (task == "multiclass") {
    return context.Text(
        Msg("{} is one of {} classes: {}", target, MemberOf(report, "labels").size(), labels));
  }
  if (task == "regression") return context.Text(Msg("{} is a number", target));
  return context.Translated(task);
}

std::string MembersWords(const Json& search) {
  std::string text;
  for (const Json& member : MemberOf(search, "members")) {
    const Json& weight = MemberOf(member, "weight");
    text += (text.empty() ? "" : " + ") + TextOf(member, "learner");
    if (weight.is_number() && MemberOf(search, "members").size() > 1) {
      text += fmt::format(" ({:.2f})", weight.get<double>());
    }
  }
  return text.empty() ? "–" : text;
}

std::string LabelOf(Context& context, const Json& metric) {
  const Json& label = MemberOf(metric, "label");
  const Json& text = MemberOf(label, context.language() == Language::kChinese ? "zh" : "en");
  if (text.is_string()) return CellText(text);
  return label.is_string() ? CellText(label) : TextOf(metric, "name");
}

// The optimised measure first, then the others in their order.
std::vector<Json> MetricsInOrder(const Json& report) {
  std::vector<Json> metrics;
  const Json& holdout = MemberOf(MemberOf(report, "evaluation"), "holdout");
  for (const Json& metric : MemberOf(holdout, "metrics")) metrics.push_back(metric);
  const std::string first = TextOf(report, "metric");
  std::ranges::stable_partition(
      metrics, [&](const Json& metric) { return TextOf(metric, "name") == first; });
  return metrics;
}

// Whether the worse end of the metric's interval is on the wrong side of what needs no model.
bool NoBetterThan(const Json& metric, const Json& baseline) {
  const Json& simple = MemberOf(baseline, TextOf(metric, "name"));
  const bool more = MemberOf(metric, "higher_is_better") != Json(false);
  const Json& end = MemberOf(metric, more ? "low" : "high");
  const Json& worst = end.is_number() ? end : MemberOf(metric, "value");
  if (!simple.is_number() || !worst.is_number()) return false;
  return more ? worst.get<double>() <= simple.get<double>()
              : worst.get<double>() >= simple.get<double>();
}

}  // namespace

void SayReport(Context& context, const Json& report) {
  std::vector<std::pair<std::string, std::string>>
      lines;  // printed at the end, when the widest name is known
  const auto line = [&](const Message& name, const std::string& text) {
    lines.emplace_back(context.Text(name), text);
  };
  context.Say(Paint(
      Colour::kBold,
      context.Text(Msg("Model {}, version {}", TextOf(report, "model"), TextOf(report, "version"))),
      1));
  line(Msg("Task"), TaskWords(context, report));
  const Json& search = MemberOf(report, "search");
  line(Msg("Best model"),
       context.Text(Msg("{}, out of {} trials", MembersWords(search), TextOf(search, "trials"))));
  const Json& split = MemberOf(report, "split");
  const std::string method = TextOf(split, "method");
  line(Msg("Tested on"),
       context.Text(
           method == "time"
               ? Msg("{} rows that it never saw, the latest by {}",
                     Thousands(IntegerOf(split, "holdout_rows")), TextOf(split, "column"))
               : Msg("{} rows that it never saw", Thousands(IntegerOf(split, "holdout_rows")))));
  if (const std::int64_t without = IntegerOf(MemberOf(report, "dataset"), "rows_without_target");
      without > 0) {
    line(Msg("Left out"), context.Text(Msg("{} rows without a value of {}", Thousands(without),
                                           TextOf(report, "target"))));
  }
  const Json& baseline = MemberOf(report, "baseline");
  std::size_t shown = 0;
  for (const Json& metric : MetricsInOrder(report)) {
    if (shown == 0 && NoBetterThan(metric, MemberOf(baseline, "metrics"))) {
      line(Msg("Careful"), context.Text(Msg("it does no better than an answer without a model: "
                                            "these columns say little of {}",
                                            TextOf(report, "target"))));
    }
    if (shown++ == kMetrics) break;
    std::string text = PadRight(NumberOf(MemberOf(metric, "value")), 9);
    if (MemberOf(metric, "low").is_number() && MemberOf(metric, "high").is_number()) {
      text +=
          "  " + context.Text(Msg("95 % sure between {} and {}", NumberOf(MemberOf(metric, "low")),
                                  NumberOf(MemberOf(metric, "high"))));
    }
    const Json& simple = MemberOf(MemberOf(baseline, "metrics"), TextOf(metric, "name"));
    if (simple.is_number())
      text += "  " + context.Text(Msg("(without a model: {})", NumberOf(simple)));
    const Json& column = MemberOf(baseline, "column");
    const Json& ranked = MemberOf(MemberOf(column, "metrics"), TextOf(metric, "name"));
    if (ranked.is_number()) {
      text +=
          "  " + context.Text(Msg("(by {} alone: {})", TextOf(column, "name"), NumberOf(ranked)));
    }
    lines.emplace_back(LabelOf(context, metric), text);
  }
  std::vector<std::string> important;
  for (const Json& each : MemberOf(report, "importance")) {
    if (important.size() == 5) break;
    const Json& share = MemberOf(each, "share");
    important.push_back(
        TextOf(each, "column") +
        (share.is_number() ? fmt::format(" {:.0f} %", share.get<double>() * 100) : ""));
  }
  if (!important.empty()) line(Msg("Looks at"), context.Text(Msg("{}", Listing(important))));
  for (const Json& dropped : MemberOf(report, "dropped")) {
    line(Msg("Left out"), TextOf(dropped, "column") + ": " + TextOf(dropped, "reason"));
  }
  int widest = 0;
  for (const auto& [name, text] : lines) widest = std::max(widest, Width(name));
  for (const auto& [name, text] : lines) context.Say("  " + PadRight(name, widest + 2) + text);
}

std::string ShellQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

void SayEndpoint(Context& context, const std::string& endpoint, const Json& example) {
  const Connection& connection = context.connection();
  const Json body = {{"rows", Json::array({example.is_object() ? example : Json::object()})},
                     {"explain", true}};
  const std::string path = "/api/v1/endpoints/" + Encode(endpoint) + "/predict";
  if (connection.embedded()) {
    context.Say(Msg("Deployed at endpoint {}. Serve it: aimass serve --data {}", endpoint,
                    ShellQuoted(connection.data())));
    context.Say(Msg("Ask it: aimass predict {} FILE --out OUT", endpoint));
    return;
  }
  auto server = context.Server();
  if (!server) return;
  const std::string key =
      connection.data().empty()
          ? "$AIMASS_KEY"
          : fmt::format("$(cat {})", ShellQuoted(connection.data() + "/admin.key"));
  context.Say(Msg("Deployed at {}", (*server)->url() + path));
  context.Say(Msg("Ask it:"));
  context.Say(fmt::format(
      "  curl -s -H \"Authorization: Bearer {}\" -H 'Content-Type: application/json' \\\n"
      "    -d {} \\\n    {}{}",
      key, ShellQuoted(body.dump(-1, ' ', false, Json::error_handler_t::replace)), (*server)->url(),
      path));
}

void SayPrediction(Context& context, const Json& prediction) {
  if (const Json& label = MemberOf(prediction, "label"); !label.is_null()) {
    context.Say(Msg("Prediction: {}", Paint(Colour::kBold, CellText(label), 1)));
    std::vector<std::pair<std::string, double>> shares;
    const Json& probabilities = MemberOf(prediction, "probabilities");
    if (probabilities.is_object()) {
      for (const auto& [name, share] : probabilities.items()) {
        if (share.is_number()) shares.emplace_back(name, share.get<double>());
      }
    }
    std::ranges::stable_sort(shares, std::greater{}, [](const auto& each) { return each.second; });
    if (shares.size() > kLabels) shares.resize(kLabels);
    for (const auto& [name, share] : shares) {
      context.Say(fmt::format("  {:>6.2f} %  {}", share * 100, Printable(name)));
    }
  } else {
    context.Say(
        Msg("Prediction: {}", Paint(Colour::kBold, NumberOf(MemberOf(prediction, "value")), 1)));
    const Json& interval = MemberOf(prediction, "interval");
    const Json& low =
        interval.is_array() && interval.size() == 2 ? interval[0] : MemberOf(interval, "low");
    const Json& high =
        interval.is_array() && interval.size() == 2 ? interval[1] : MemberOf(interval, "high");
    if (low.is_number())
      context.Say(Msg("  mostly between {} and {}", NumberOf(low), NumberOf(high)));
  }
  std::vector<Json> reasons;
  double strongest = 0.0;
  for (const Json& each : MemberOf(MemberOf(prediction, "explanation"), "contributions")) {
    const Json& amount = MemberOf(each, "contribution");
    if (amount.is_number()) strongest = std::max(strongest, std::abs(amount.get<double>()));
  }
  for (const Json& each : MemberOf(MemberOf(prediction, "explanation"), "contributions")) {
    const Json& amount = MemberOf(each, "contribution");
    if (amount.is_number() && amount.get<double>() != 0.0 &&
        std::abs(amount.get<double>()) >= kLeastReason * strongest)
      reasons.push_back(each);
  }
  const auto strength = [](const Json& each) {
    return std::abs(each["contribution"].get<double>());
  };
  std::ranges::stable_sort(reasons, std::greater{}, strength);
  if (reasons.size() > kReasons) reasons.resize(kReasons);
  // Contributions speak of one class, which is not always the predicted one.
  const Json& output = MemberOf(MemberOf(prediction, "explanation"), "output");
  if (!reasons.empty()) {
    context.Say(output.is_null() ? Msg("Because of")
                                 : Msg("What speaks for {} or against it", CellText(output)));
  }
  for (const Json& each : reasons) {
    const double amount = each["contribution"].get<double>();
    const Message way = output.is_null() ? (amount > 0 ? Msg("raises it") : Msg("lowers it"))
                                         : (amount > 0 ? Msg("for") : Msg("against"));
    context.Say(Msg(
        "  {} = {}  ({}, {})", TextOf(each, "column"), TextOf(each, "value"), context.Text(way),
        std::abs(amount) < 0.1 ? fmt::format("{:+.1g}", amount) : fmt::format("{:+.2f}", amount)));
  }
}

}  // namespace aimass::cli
