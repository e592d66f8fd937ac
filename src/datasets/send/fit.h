#pragma once

#include <string>
#include <vector>

#include "datasets/collect/keys.h"
#include "sources/sink.h"

namespace aimass {

/// How the columns of a dataset become those of a table.
struct Fit {
  Schema schema;                      // of the rows that are sent: the table's types
  std::vector<std::string> selected;  // SQL for each
  std::vector<std::string> ignored;   // that the table does not give back as they were sent
};

/// Errors   kUnprocessable where the table lacks a column, or a column's type cannot become the
///          table's.
[[nodiscard]] Result<Fit> FitInto(const Schema& dataset, const std::string& table,
                                  const SinkTable& sink);

/// kUnprocessable, with the value, where a value of the dataset `name` would not come back from the
/// table's type as it was.
[[nodiscard]] Status CheckValues(const SqlQuery& query, std::string_view name,
                                 const Schema& dataset, const Fit& fit);

}  // namespace aimass
