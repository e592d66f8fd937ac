#pragma once

#include <string_view>

#include "base/registry.h"
#include "native/duckdb/function.h"

namespace aimass {

/// A scalar function that modules on the right of this one add to SQL (predict(…)). Its name is
/// lower case.
using SqlFunction = duckdb::ScalarFunction;
using SqlFunctionRegistry = Registry<SqlFunction>;

}  // namespace aimass
