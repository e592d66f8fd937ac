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
