// The guard of user SQL: whatever comes is refused or names only datasets, and twice the same.
#include "datasets/sql/check.h"
#include "fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  // Never freed: DuckDB has statics of its own, which may end before ours.
  static auto& connection = *[] {
    auto database = duckdb::Database::Open({.threads = 1});
    return std::make_unique<duckdb::Connection>(std::move(*database->Connect())).release();
  }();
  const std::string_view sql = fuzz::Text(data, size);
  const auto checked = CheckUserSql(connection, sql);
  if (!checked) {
    if (checked.error().ToString().empty()) abort();
    return 0;
  }
  for (const TableReference& table : checked->tables) {
    if (table.dataset.empty()) abort();
    // A name that DuckDB would take for a file, if nothing else offered it.
    if (table.dataset.find("://") != std::string::npos) abort();
  }
  return 0;
}
