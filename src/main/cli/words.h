#pragma once

#include <string>

#include "base/json.h"
#include "main/cli/context.h"

namespace aimass::cli {

/// A training report (docs/formats/report.md) in plain words: task, best model, its measure with
/// interval beside the baseline, what was left out and why.
void SayReport(Context& context, const Json& report);

/// Where the endpoint answers, and the curl line that asks it; `example` is a row, or null.
void SayEndpoint(Context& context, const std::string& endpoint, const Json& example);

/// One prediction: label with probabilities or value with interval, then the strongest reasons
/// where it has them.
void SayPrediction(Context& context, const Json& prediction);

/// `text` in single quotes for a shell.
[[nodiscard]] std::string ShellQuoted(std::string_view text);

}  // namespace aimass::cli
