#include "models/tune/trial.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aimass {

int Trial::Rounds() const {
  if (fold_rounds.empty()) return 1;
  const double sum = std::accumulate(fold_rounds.begin(), fold_rounds.end(), 0.0);
  return std::max(1, static_cast<int>(std::lround(sum / static_cast<double>(fold_rounds.size()))));
}

void KeepFolds(std::span<const std::uint8_t> folds, int from, int to, std::size_t outputs,
               Trial* trial) {
  const auto kept = static_cast<std::size_t>(to);
  if (!trial->margins.empty()) {
    std::vector<float> margins;
    std::size_t at = 0;  // the margins of scored rows follow each other in the order of the rows
    for (const std::uint8_t fold : folds) {
      if (fold >= from) continue;
      const auto row = trial->margins.begin() + static_cast<std::ptrdiff_t>(at++ * outputs);
      if (fold < to) margins.insert(margins.end(), row, row + static_cast<std::ptrdiff_t>(outputs));
    }
    trial->margins = std::move(margins);
  }
  if (trial->fold_scores.size() <= kept) return;
  trial->fold_scores.resize(kept);
  trial->fold_rounds.resize(kept);
  trial->score = std::accumulate(trial->fold_scores.begin(), trial->fold_scores.end(), 0.0) /
                 static_cast<double>(kept);
}

Json ToJson(const Trial& trial) {
  Json json = {{"number", trial.number},           {"learner", trial.learner},
               {"settings", trial.settings},       {"fold_rounds", trial.fold_rounds},
               {"fold_scores", trial.fold_scores}, {"score", trial.score},
               {"duration_ms", trial.duration_ms}, {"fit_ms", trial.fit_ms},
               {"round_ms", trial.round_ms},       {"state", trial.state}};
  if (!trial.error.empty()) json["error"] = trial.error;
  return json;
}

Result<Trial> TrialFromJson(const Json& json) {
  try {
    Trial trial{.number = json.at("number").get<int>(),
                .learner = json.at("learner").get<std::string>(),
                .fold_rounds = json.at("fold_rounds").get<std::vector<int>>(),
                .fold_scores = json.at("fold_scores").get<std::vector<double>>(),
                .score = json.at("score").get<double>(),
                .duration_ms = json.at("duration_ms").get<double>(),
                .fit_ms = json.value("fit_ms", 0.0),
                .round_ms = json.value("round_ms", 0.0),
                .state = json.at("state").get<std::string>(),
                .error = json.value("error", "")};
    for (const auto& [name, value] : json.at("settings").items())
      trial.settings.emplace(name, value.get<std::string>());
    return trial;
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kUnprocessable, "trials.json is damaged: {}", error.what());
  }
}

}  // namespace aimass
