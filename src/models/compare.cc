// ModelService::Compare: two versions side by side.
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/file.h"
#include "models/interval.h"
#include "models/metric.h"
#include "models/report/scored.h"
#include "models/service.h"

namespace aimass {
namespace {

constexpr std::uint64_t kSeed = 1;

struct Side {
  std::string model;
  std::string task;
  ModelVersion version;
  Json report;  // null where it has none
};

Result<Side> LoadSide(const ModelRegistry& registry, const Caller& caller, std::string_view name,
                      std::string_view version) {
  Side side;
  ASSIGN_OR_RETURN(const ModelInfo model, registry.Get(caller, name));
  ASSIGN_OR_RETURN(side.version, registry.Resolve(caller, name, version));
  side.model = model.name;
  side.task = model.task;
  const auto text = ReadFile(std::filesystem::path(side.version.folder) / "report.json");
  if (text) {
    ASSIGN_OR_RETURN(side.report, ParseJson(*text));
  } else if (text.error().code != ErrorCode::kNotFound) {
    return std::unexpected(text.error());
  }
  if (const Json task = side.report.is_object() ? side.report.value("task", Json()) : Json();
      !side.report.is_null() && task != side.task) {
    return Fail(ErrorCode::kUnprocessable,
                "the report of version {} of model '{}' is not of a {} model", side.version.version,
                side.model, side.task);
  }
  return side;
}

Json Described(const Side& side) {
  return {{"model", side.model},
          {"version", side.version.version},
          {"metrics", side.version.metrics},
          {"dataset", side.report.is_object() ? side.report.value("dataset", Json()) : Json()}};
}

MetricInput InputOf(const Side& side, const report::Scored& scored, TaskKind task) {
  return {.task = task,
          .classes = task == TaskKind::kRegression ? 0 : side.report["labels"].size(),
          .actual = scored.rows.actual,
          .predicted = scored.rows.predicted};
}

Json Number(const Json& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  return found != metrics.end() && found->is_number() ? *found : Json();
}

}  // namespace

Result<Json> ModelService::Compare(const Caller& caller, std::string_view name, std::string_view a,
                                   std::string_view other_model, std::string_view b,
                                   Language language) const {
  ASSIGN_OR_RETURN(const Side left, LoadSide(registry_, caller, name, a));
  ASSIGN_OR_RETURN(const Side right,
                   LoadSide(registry_, caller, other_model.empty() ? name : other_model, b));
  if (left.task != right.task) {
    return Fail(ErrorCode::kUnprocessable, "a {} model and a {} model have no metric in common",
                left.task, right.task);
  }
  ASSIGN_OR_RETURN(const TaskKind task, TaskFromName(left.task));
  std::optional<report::Scored> left_rows;
  std::optional<report::Scored> right_rows;
  Message reason;
  if (left.report.is_null() || right.report.is_null()) {
    reason = Msg("a model that was made elsewhere has no hold-out rows");
  } else {
    ASSIGN_OR_RETURN(left_rows, report::DecodeScored(left.report));
    ASSIGN_OR_RETURN(right_rows, report::DecodeScored(right.report));
    if (!left_rows || !right_rows) {
      reason = Msg("the hold-out was too large to be kept");
    } else if (left_rows->fingerprint != right_rows->fingerprint ||
               left_rows->rows.actual != right_rows->rows.actual ||
               left_rows->rows.predicted.size() != right_rows->rows.predicted.size()) {
      // The rest of the report is looked at too: a bundle may state any fingerprint.
      reason =
          Msg("the versions were measured on different rows: their metrics are not directly "
              "comparable");
    }
  }
  const bool paired = reason.empty();

  MetricRegistry metrics("metric");
  RegisterAllMetrics(metrics);
  Json rows = Json::array();
  for (const auto& [metric_name, metric] : metrics.types()) {
    if (!metric.Fits(task)) continue;
    const Json of_a = Number(left.version.metrics, metric_name);
    const Json of_b = Number(right.version.metrics, metric_name);
    if (of_a.is_null() && of_b.is_null()) continue;
    Json row = {{"name", metric_name},
                {"label", metric.label.In(language)},
                {"higher_is_better", metric.higher_is_better},
                {"a", of_a},
                {"b", of_b},
                {"difference", nullptr},
                {"low", nullptr},
                {"high", nullptr},
                {"p_value", nullptr},
                {"better", nullptr}};
    if (of_a.is_number() && of_b.is_number()) {
      row["difference"] = of_b.get<double>() - of_a.get<double>();
    }
    if (paired) {
      const auto difference = PairedDifference(metric, InputOf(left, *left_rows, task),
                                               InputOf(right, *right_rows, task), kSeed);
      if (difference) {
        row["difference"] = difference->value;
        row["low"] = difference->low;
        row["high"] = difference->high;
        row["p_value"] = difference->p_value;
        // Only a difference whose interval does not hold 0 makes one of them better.
        if (difference->low > 0.0 || difference->high < 0.0) {
          row["better"] = (difference->value > 0.0) == metric.higher_is_better ? "b" : "a";
        }
      }
    }
    rows.push_back(std::move(row));
  }
  return Json{{"a", Described(left)},
              {"b", Described(right)},
              {"metrics", std::move(rows)},
              {"paired", paired},
              {"rows", paired ? Json(left_rows->rows.actual.size()) : Json()},
              {"reason", paired ? Json() : Json(Render(reason, language))}};
}

}  // namespace aimass
