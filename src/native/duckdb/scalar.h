#pragma once

#include <duckdb.h>

#include "base/error.h"
#include "native/duckdb/function.h"

namespace aimass::duckdb {

/// Adds `function` to the instance of `connection`. Errors: kConflict where the name is taken.
[[nodiscard]] Status RegisterScalar(duckdb_connection connection, const ScalarFunction& function);

}  // namespace aimass::duckdb
