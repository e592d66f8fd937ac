#include "datasets/collect/keys.h"

#include "native/duckdb/database.h"
#include "table/json_rows.h"

namespace aimass {

Status CheckKey(const SqlQuery& query, std::string_view table,
                const std::vector<std::string>& key) {
  std::string list;
  std::string empty;
  for (const std::string& column : key) {
    const std::string name = duckdb::QuoteName(column);
    list += (list.empty() ? "" : ", ") + name;
    empty += (empty.empty() ? "" : " OR ") + name + " IS NULL";
  }
  const std::string from = fmt::format("SELECT {} FROM {}", list, duckdb::QuoteName(table));
  ASSIGN_OR_RETURN(auto rows, query(fmt::format("{} WHERE {} LIMIT 1", from, empty)));
  ASSIGN_OR_RETURN(auto batch, rows->Next());
  if (!batch) {
    ASSIGN_OR_RETURN(rows,
                     query(fmt::format("{} GROUP BY {} HAVING count(*) > 1 LIMIT 1", from, list)));
    ASSIGN_OR_RETURN(batch, rows->Next());
    if (!batch) return {};
  }
  std::string found;
  AppendJsonRows(found, *batch, 0, 1);
  return WithHint(
      Fail(ErrorCode::kUnprocessable,
           "the key ({}) does not tell the rows apart: {} is empty or comes twice", list, found),
      Msg("name the columns that tell its rows apart: key"));
}

}  // namespace aimass
