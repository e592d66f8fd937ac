#include <algorithm>

#include "models/learner.h"
#include "models/train.h"

namespace aimass {
namespace {

Result<std::vector<std::string>> GetStrings(const Json& json, std::string_view key) {
  std::vector<std::string> out;
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return out;
  if (!found->is_array() ||
      !std::ranges::all_of(*found, [](const Json& item) { return item.is_string(); })) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must be a list of column names", key);
  }
  return found->get<std::vector<std::string>>();
}

}  // namespace

Result<TrainParameters> TrainParametersFromJson(const Json& json) {
  RETURN_IF_ERROR(
      RejectUnknown(json, {"name", "dataset", "target", "task", "time_s", "threads", "seed", "keep",
                           "drop", "time_column", "group_column", "test", "metric", "final_rows",
                           "baseline_column", "max_trials", "deploy", "model_task"}));
  TrainParameters out;
  ASSIGN_OR_RETURN(out.name, GetString(json, "name"));
  ASSIGN_OR_RETURN(out.target, GetString(json, "target"));
  if (!json.contains("dataset"))
    return Fail(ErrorCode::kInvalidArgument, "'{}' is missing", "dataset");
  ASSIGN_OR_RETURN(out.dataset, SnapshotFromJson(json["dataset"]));
  ASSIGN_OR_RETURN(out.task, GetString(json, "task", "auto"));
  if (out.task != "auto") RETURN_IF_ERROR(TaskFromName(out.task));
  ASSIGN_OR_RETURN(out.time_s, GetNumber(json, "time_s", 60.0));
  if (!(out.time_s >= 1.0 && out.time_s <= 604800.0)) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must lie between {} and {}, found {}", "time_s", 1,
                604800, out.time_s);
  }
  ASSIGN_OR_RETURN(const std::int64_t threads, GetInteger(json, "threads", 2));
  if (threads < 1 || threads > 256) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must lie between {} and {}, found {}", "threads",
                1, 256, threads);
  }
  out.threads = static_cast<int>(threads);
  ASSIGN_OR_RETURN(const std::int64_t seed, GetInteger(json, "seed", 1));
  out.seed = static_cast<std::uint64_t>(seed);
  ASSIGN_OR_RETURN(out.keep, GetStrings(json, "keep"));
  ASSIGN_OR_RETURN(out.drop, GetStrings(json, "drop"));
  for (const auto& [key, columns] : {std::pair{"keep", &out.keep}, std::pair{"drop", &out.drop}}) {
    if (std::ranges::find(*columns, out.target) != columns->end()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' names the target '{}', which is never a feature",
                  key, out.target);
    }
  }
  ASSIGN_OR_RETURN(out.time_column, GetString(json, "time_column", ""));
  ASSIGN_OR_RETURN(out.group_column, GetString(json, "group_column", ""));
  if (!out.group_column.empty() && !out.time_column.empty()) {
    return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' and '{}' cannot be given together",
                         "group_column", "time_column"),
                    Msg("a test on the latest rows has earlier rows of the same groups to learn "
                        "from; choose which of the two the test is about"));
  }
  ASSIGN_OR_RETURN(out.metric, GetString(json, "metric", "auto"));
  ASSIGN_OR_RETURN(out.baseline_column, GetString(json, "baseline_column", ""));
  ASSIGN_OR_RETURN(out.model_task, GetString(json, "model_task", ""));
  ASSIGN_OR_RETURN(out.final_rows, GetString(json, "final_rows", "auto"));
  if (out.final_rows != "auto" && out.final_rows != "all" && out.final_rows != "training") {
    return Fail(ErrorCode::kUnprocessable, "'{}' must be one of {}, found '{}'", "final_rows",
                "auto, all, training", out.final_rows);
  }
  ASSIGN_OR_RETURN(const std::int64_t trials, GetInteger(json, "max_trials", 100000));
  if (trials < 1 || trials > 100000) {
    return Fail(ErrorCode::kUnprocessable, "'{}' must lie between {} and {}, found {}",
                "max_trials", 1, 100000, trials);
  }
  out.max_trials = static_cast<int>(trials);
  if (const auto test = json.find("test"); test != json.end() && !test->is_null()) {
    RETURN_IF_ERROR(RejectUnknown(*test, {"fraction", "after", "dataset"}));
    ASSIGN_OR_RETURN(out.test_fraction, GetNumber(*test, "fraction", 0.2));
    if (!(out.test_fraction >= 0.05 && out.test_fraction <= 0.5)) {
      return Fail(ErrorCode::kUnprocessable, "'{}' must lie between {} and {}, found {}",
                  "test.fraction", 0.05, 0.5, out.test_fraction);
    }
    if (test->contains("after")) {
      const Json& after = (*test)["after"];
      if (!after.is_string() && !after.is_number()) {
        return Fail(ErrorCode::kUnprocessable, "'{}' must be a date, time or number", "test.after");
      }
      if (out.time_column.empty()) {
        return Fail(ErrorCode::kUnprocessable, "'{}' needs '{}'", "test.after", "time_column");
      }
      out.test_after = after;
    }
    if (test->contains("dataset")) {
      ASSIGN_OR_RETURN(out.test_dataset, SnapshotFromJson((*test)["dataset"]));
    }
  }
  return out;
}

}  // namespace aimass
