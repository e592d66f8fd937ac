#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "table/batch.h"

namespace aimass::duckdb {

/// A function of SQL that computes one value per row.
struct ScalarFunction {
  std::string name;
  std::vector<Type> parameters;
  bool any_number = false;  // the last parameter may be repeated, or left out
  Type result;

  /// Arguments: one column per argument of the call, n rows, nulls included. Gives a batch of one
  /// column of type `result` with n rows. Threads: may be called from several at once.
  std::function<Result<Batch>(const Batch& arguments)> run;
};

}  // namespace aimass::duckdb
