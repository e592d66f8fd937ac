#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/json.h"
#include "models/loaded_model.h"

namespace aimass {

/// Rows of a request as a model takes them. Cells point into the JSON they were made of.
struct RequestRows {
  std::size_t count = 0;
  std::vector<Cell> cells;        // [count × columns]
  std::vector<Message> warnings;  // columns that were missing or that the model does not know
};

/// `rows`: [{column: value, …}, …]. A missing column counts as empty and an unknown one is ignored;
/// both are named in the warnings. Numbers, booleans and times may also come as text, as they stand
/// in a CSV file. Errors   kUnprocessable naming row and column of a value of the wrong type, or a
/// row with none of the model's columns and the nearest of them.
[[nodiscard]] Result<RequestRows> CellsOf(const LoadedModel& model, const Json& rows);

/// {"label","probabilities"} or {"value","interval"} of one row's margins.
[[nodiscard]] Json PredictionJson(const LoadedModel& model, std::span<const double> margins);

/// {"output","base","margin","contributions":[{"column","value","contribution"}]}: they add up to
/// the margin.
[[nodiscard]] Json ExplanationJson(const LoadedModel& model, const Explanation& why,
                                   const Json& row);

/// The number as JSON can hold it: what overflowed becomes the largest double.
[[nodiscard]] double Finite(double value);

}  // namespace aimass
