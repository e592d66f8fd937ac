// The guard of user SQL: what it lets through names only datasets, and DuckDB, which plans it with
// nothing but these tables, never asks for a file, the network or another database.
#include <memory>

#include "datasets/sql/check.h"
#include "input.h"

namespace {

using namespace aimass;

/// Never freed: DuckDB has objects of the thread that end before ours would.
duckdb::Connection& Open() {
  auto connection = OpenSqlParser(std::int64_t{256} << 20);
  fuzz::Require(connection.has_value(), "DuckDB opens");
  return *std::make_unique<duckdb::Connection>(std::move(*connection)).release();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static duckdb::Connection& parser = Open();
  static duckdb::Connection& planner = Open();
  const std::string_view sql = fuzz::Text(data, size);
  const auto checked = CheckUserSql(parser, sql);
  if (!checked) {
    fuzz::Require(!Render(checked.error().message, Language::kChinese).empty(),
                  "a refusal says why");
    return 0;
  }
  std::string drop;
  for (const TableReference& table : checked->tables) {
    fuzz::Require(!table.dataset.empty(), "a table is a dataset");
    const std::string name = duckdb::QuoteName(table.table);
    if (planner.Execute("CREATE TEMP TABLE " + name + " (a INTEGER, b VARCHAR, c TIMESTAMP)")) {
      drop += "DROP TABLE temp." + name + ";";
    }
  }
  const auto planned = planner.Execute("EXPLAIN " + std::string(sql));
  if (!planned) {
    fuzz::Require(planned.error().code != ErrorCode::kPermissionDenied,
                  "what the guard lets through asks for no file");
  }
  if (!drop.empty()) fuzz::Require(planner.Execute(drop).has_value(), "tables can be dropped");
  return 0;
}
