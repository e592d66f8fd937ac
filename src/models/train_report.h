#pragma once

#include <span>
#include <string>

#include "models/features/fitter.h"
#include "models/report/report.h"
#include "models/train.h"
#include "models/train_search.h"

namespace aimass {

/// What a training was made from and what came of it.
struct Training {
  const TrainParameters& parameters;
  const RowTable& table;
  const TargetColumn& target;
  const RowGroups& groups;
  const Split& split;
  const Recipe& recipe;
  const Searched& searched;
  const FittedFeatures& measured;           // those of the training rows
  const FittedFeatures& shipped;            // the same, or those of all rows
  std::span<const double> holdout_margins;  // of the measured model
  const std::string& folder;                // staged, with model.json and the members
};

/// Everything that its report says but the durations. Errors   those of loading the members.
[[nodiscard]] Result<ReportInput> DescribeTraining(const Training& training);

}  // namespace aimass
