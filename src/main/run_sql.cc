// Every function that this build adds to SQL: a table of contents.
#include "main/run_sql.h"

#include <charconv>

#include "datasets/sql/worker.h"

namespace aimass {

int RunSql(const std::string& memory_bytes) {
  std::int64_t memory = 0;
  const char* const end = memory_bytes.data() + memory_bytes.size();
  if (std::from_chars(memory_bytes.data(), end, memory).ptr != end || memory <= 0) return 2;
  const SqlFunctionRegistry functions("SQL function");
  return RunSqlWorker(functions, memory);
}

}  // namespace aimass
