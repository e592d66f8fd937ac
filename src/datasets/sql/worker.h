#pragma once

#include <cstdint>

#include "datasets/sql/functions.h"

namespace aimass {

/// The process side of user SQL: `aimass run-sql MEMORY_BYTES`, started by SqlWorkers (workers.h)
/// and by nobody else. Checks and reads, one query after the other, until its socket closes; what
/// it cannot do without is memory for `memory_bytes` and what a process needs besides.
///
/// It may open what a query names and was resolved to (datasets/read.h), and no socket; it starts
/// no program. Returns the exit code.
int RunSqlWorker(const SqlFunctionRegistry& functions, std::int64_t memory_bytes);

}  // namespace aimass
