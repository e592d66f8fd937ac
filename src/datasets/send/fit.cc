#include "datasets/send/fit.h"

#include "base/excerpt.h"
#include "base/words.h"
#include "native/duckdb/database.h"
#include "sources/database.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxShown = 100;  // bytes of a value

bool IsNested(const Type& type) {
  return type.kind == TypeKind::kList || type.kind == TypeKind::kStruct ||
         type.kind == TypeKind::kMap;
}

}  // namespace

Result<Fit> FitInto(const Schema& dataset, const std::string& table, const SinkTable& sink) {
  Fit fit;
  for (const ColumnInfo& column : dataset.columns) {
    const SinkColumn* found = nullptr;
    std::vector<std::string_view> names;
    for (const SinkColumn& known : sink.columns) {
      names.push_back(known.column.name);
      if (known.column.name == column.name) found = &known;
    }
    if (found == nullptr) {
      auto failure = Fail(ErrorCode::kUnprocessable, "table '{}' has no column '{}'; it has {}",
                          table, column.name, Listing(names));
      return WithHint(std::move(failure),
                      Msg("leave it out or name it otherwise by SQL: a dataset of its own"));
    }
    const Type& type = found->column.type;
    if (IsNested(column.type) || IsNested(type)) return NoTypeFor(column);
    const std::string name = duckdb::QuoteName(column.name);
    fit.selected.push_back(type == column.type ? name
                                               : fmt::format("CAST({} AS {}) AS {}", name,
                                                             duckdb::SqlType(type), name));
    fit.schema.columns.push_back({column.name, type, true});
    if (!found->verbatim) fit.ignored.push_back(column.name);
  }
  return fit;
}

Status CheckValues(const SqlQuery& query, std::string_view name, const Schema& dataset,
                   const Fit& fit) {
  for (std::size_t i = 0; i < dataset.columns.size(); ++i) {
    const ColumnInfo& column = dataset.columns[i];
    const Type& type = fit.schema.columns[i].type;
    if (type == column.type) continue;
    const std::string quoted = duckdb::QuoteName(column.name);
    ASSIGN_OR_RETURN(
        const auto rows,
        query(fmt::format("SELECT CAST({0} AS VARCHAR) FROM {1} WHERE {0} IS NOT NULL AND "
                          "TRY_CAST(TRY_CAST({0} AS {2}) AS {3}) IS DISTINCT FROM {0} LIMIT 1",
                          quoted, duckdb::QuoteName(name), duckdb::SqlType(type),
                          duckdb::SqlType(column.type))));
    ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (!batch) continue;
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "column '{}': '{}' cannot be {} without a change",
             column.name, Excerpt(std::string(batch->column(0).Bytes(0)), kMaxShown),
             TypeName(type)),
        Msg("change it in SQL first, so that it is you who decides: CAST, round"));
  }
  return {};
}

}  // namespace aimass
