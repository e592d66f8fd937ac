#include "models/report/scored.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "base/base64.h"
#include "base/file.h"

namespace aimass::report {
namespace {

constexpr std::size_t kMaxRows = 500'000;

void AppendFloat(std::string& bytes, double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 255u);
}

std::vector<float> Floats(std::string_view bytes) {
  std::vector<float> values;
  values.reserve(bytes.size() / 4);
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      bits |= std::uint32_t{static_cast<unsigned char>(bytes[i + k])} << (8 * k);
    }
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

}  // namespace

Json EncodeScored(const ReportInput& input) {
  const std::size_t rows = input.holdout.actual.size();
  if (rows == 0 || rows > kMaxRows) return nullptr;
  std::string actual;
  for (const float value : input.holdout.actual) AppendFloat(actual, value);
  std::string predicted;
  const bool binary = input.task == TaskKind::kBinary;
  for (std::size_t i = binary ? 1 : 0; i < input.holdout.predicted.size(); i += binary ? 2 : 1) {
    AppendFloat(predicted, input.holdout.predicted[i]);
  }
  const Json identity = {{"dataset", input.dataset.value("id", "")},
                         {"version", input.dataset.value("version", Json())},
                         {"target", input.target},
                         {"labels", input.labels},
                         {"actual", Sha256(actual)}};
  return {{"rows", rows},
          {"fingerprint", Sha256(identity.dump())},
          {"actual", ToBase64(actual)},
          {"predicted", ToBase64(predicted)}};
}

Result<std::optional<Scored>> DecodeScored(const Json& report) {
  const auto damaged = [] {
    return Fail(ErrorCode::kUnprocessable, "the report's scored rows are damaged");
  };
  if (!report.is_object()) return damaged();
  const auto found = report.find("scored");
  if (found == report.end() || found->is_null()) return std::optional<Scored>();
  ASSIGN_OR_RETURN(const std::string actual_text, GetString(*found, "actual"));
  ASSIGN_OR_RETURN(const std::string predicted_text, GetString(*found, "predicted"));
  ASSIGN_OR_RETURN(const std::string task, GetString(report, "task"));
  const std::optional<std::string> actual = FromBase64(actual_text);
  const std::optional<std::string> predicted = FromBase64(predicted_text);
  if (!actual || !predicted || actual->size() % 4 != 0 || predicted->size() % 4 != 0)
    return damaged();
  Scored scored;
  ASSIGN_OR_RETURN(scored.fingerprint, GetString(*found, "fingerprint"));
  scored.rows.actual = Floats(*actual);
  const std::vector<float> stated = Floats(*predicted);
  const std::size_t labels = report.contains("labels") ? report["labels"].size() : 0;
  const std::size_t width = task == "multiclass" ? labels : 1;
  if (width == 0 || stated.size() != scored.rows.actual.size() * width) return damaged();
  if (task == "binary" && labels != 2) return damaged();
  // Metrics count by class number.
  const bool classes = task != "regression";
  const bool fits = std::ranges::all_of(scored.rows.actual, [&](float value) {
    return !classes || (value >= 0.0F && value < static_cast<float>(labels));
  });
  if (!fits) return damaged();
  for (const float value : stated) {
    if (task == "binary") scored.rows.predicted.push_back(1.0 - static_cast<double>(value));
    scored.rows.predicted.push_back(value);
  }
  return scored;
}

}  // namespace aimass::report
