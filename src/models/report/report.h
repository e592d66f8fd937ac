#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/learner.h"

namespace aimass {

/// Predictions beside the truth.
struct ScoredRows {
  std::vector<float> actual;      // class number, or the value
  std::vector<double> predicted;  // classes: probabilities [rows × labels] (binary too: two per
                                  // row); else values [rows]
};

struct ColumnImportance {
  std::string column;
  double share = 0.0;  // all shares add up to 1, largest first
};

struct DroppedColumn {
  std::string column;
  Message reason;
};

/// Everything that a report is made of.
struct ReportInput {
  TaskKind task = TaskKind::kBinary;
  std::string model{};  // its name
  std::string target{};
  std::string metric{};  // what the search optimised
  std::vector<std::string> labels{};
  ScoredRows holdout{};                  // rows that the measured model never saw
  ScoredRows out_of_fold{};              // training rows, cross-validated; may be empty
  std::vector<float> training_target{};  // for the baseline: class shares, or the mean
  /// A column that alone ranks the hold-out rows (recency), higher means more of labels[1]
  /// (binary), or the forecast itself (regression). Empty: only the majority or the mean is the
  /// baseline.
  std::string baseline_column{};
  std::vector<double> baseline_scores{};  // [hold-out rows]
  std::vector<ColumnImportance> importance{};
  std::vector<DroppedColumn> dropped{};
  Json dataset{};       // {"id","name","version","rows"}
  Json split{};         // {"method","training_rows","holdout_rows","column"?,"after"?,"final_rows"}
  Json search{};        // {"trials","complete","folds","members":[{"learner","weight","rounds"}]}
  Json durations_ms{};  // {"read","features","search","fit","refit"?,"evaluate"}
  std::uint64_t seed = 1;
  int threads = 2;
  double time_s = 60;
};

/// The report (docs/formats/report.md); its "metrics" is the flat {"auc":0.91,…} over the hold-out
/// that the registry lists. The same input gives the same report, byte for byte. Errors
/// kInvalidArgument for shapes that do not fit each other. Threads  pure function.
[[nodiscard]] Result<Json> BuildReport(const ReportInput& input);

/// The report as REST answers it: reasons in `language`, without the scored rows.
[[nodiscard]] Json ReportForReaders(const Json& report, Language language);

/// A page that prints well on A4, with its charts inside: no script, nothing fetched, everything
/// escaped.
[[nodiscard]] std::string ReportHtml(const Json& report, Language language);

}  // namespace aimass
