#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "models/report/report.h"

namespace aimass::report {

/// The hold-out rows as they stand in a report; null above 500,000 rows.
[[nodiscard]] Json EncodeScored(const ReportInput& input);

struct Scored {
  std::string fingerprint;  // equal: measured on the same rows
  ScoredRows rows;
};
/// The inverse; nullopt where the report holds none.
/// Errors   kUnprocessable for a report that is damaged.
[[nodiscard]] Result<std::optional<Scored>> DecodeScored(const Json& report);

}  // namespace aimass::report
