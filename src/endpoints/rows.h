#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/loaded_model.h"

namespace aimass {

/// Rows of a request as a model takes them. Cells point into the PredictBody they were made of.
struct RequestRows {
  std::vector<Cell> cells;        // [rows × columns]
  std::vector<Message> warnings;  // columns that were missing or that the model does not know
};

/// The body of a prediction, {"rows":[{column: value, …}, …],"explain":false}, read once.
///
/// Threads  const methods from any thread.
class PredictBody {
 public:
  /// Errors   kInvalidArgument for what is not JSON or has no list of rows; kUnprocessable for an
  /// unknown member and for an empty list.
  [[nodiscard]] static Result<PredictBody> Parse(std::string_view body);
  PredictBody(PredictBody&&) noexcept;
  PredictBody& operator=(PredictBody&&) noexcept;
  ~PredictBody();

  [[nodiscard]] std::size_t rows() const;
  [[nodiscard]] bool explain() const;
  /// A missing column counts as empty and an unknown one is ignored; both are named in the
  /// warnings. Numbers, booleans and times may also come as text, as they stand in a CSV file.
  /// Errors   kUnprocessable naming row and column of a value of the wrong type, a column that
  /// stands twice in a row, or a row with none of the model's columns and the nearest of them.
  [[nodiscard]] Result<RequestRows> CellsOf(const LoadedModel& model) const;
  /// What stands in one row of the request, [columns()]; null where nothing does.
  [[nodiscard]] std::vector<Json> ValuesOf(const LoadedModel& model, std::size_t row) const;

 private:
  struct State;
  explicit PredictBody(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Appends {"label","probabilities"} or {"value","interval"} of one row's margins as JSON, and
/// "explanation" where there is one.
void AppendPrediction(std::string& out, const LoadedModel& model, std::span<const double> margins,
                      const Json* explanation);

/// {"output","base","margin","contributions":[{"column","value","contribution"}]} of row `row`:
/// they add up to the margin.
[[nodiscard]] Json ExplanationJson(const LoadedModel& model, const Explanation& why,
                                   const PredictBody& body, std::size_t row);

/// The number as JSON can hold it: what overflowed becomes the largest double.
[[nodiscard]] double Finite(double value);

}  // namespace aimass
