#include "datasets/read.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "datasets/sql/check.h"
#include "native/duckdb/database.h"

namespace aimass {
namespace {

using duckdb::QuoteName;

/// The same rule by which DuckDB tells table names apart.
bool SameName(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Status CheckMayRead(const Caller& caller, const DatasetSnapshot& dataset) {
  if (caller.kind == "system" || caller.workspace == dataset.workspace) return {};
  return Fail(ErrorCode::kPermissionDenied, "dataset '{}' belongs to another workspace",
              dataset.name);
}

/// A file name as read_parquet takes it: what it would expand as a pattern is escaped.
std::string WithoutPatterns(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[') {
      escaped += {'[', c, ']'};
    } else {
      escaped += c;
    }
  }
  return escaped;
}

/// A SELECT of every row of `files` in order, with exactly the snapshot's columns and types.
std::string ScanOf(const Schema& schema, const std::vector<DataFile>& files) {
  std::string columns;
  for (const ColumnInfo& column : schema.columns) {
    if (!columns.empty()) columns += ", ";
    const std::string name = QuoteName(column.name);
    columns += fmt::format("CAST({} AS {}) AS {}", files.empty() ? "NULL" : name,
                           duckdb::SqlType(column.type), name);
  }
  if (files.empty()) return fmt::format("SELECT {} WHERE false", columns);
  std::vector<std::string> paths;
  for (const DataFile& file : files) paths.push_back(WithoutPatterns(file.path));
  // By name where there are several: a later file may have more columns than the first.
  return fmt::format(
      "SELECT {} FROM read_parquet({}, hive_partitioning = false, union_by_name = {})", columns,
      duckdb::QuoteList(paths), files.size() > 1);
}

struct Plan {
  std::string sql;
  std::vector<DatasetSnapshot> datasets;  // what the SQL may see, with the files that are needed
};

/// Reading whole rows: leaves out files before the offset altogether.
Result<Plan> PlanScan(const ReadRequest& request) {
  if (request.datasets.empty())
    return Fail(ErrorCode::kInvalidArgument, "there is no dataset to read");
  DatasetSnapshot dataset = request.datasets.front();
  std::int64_t skip = request.offset;
  while (!dataset.files.empty() && skip >= dataset.files.front().rows) {
    skip -= dataset.files.front().rows;
    dataset.files.erase(dataset.files.begin());
  }
  std::string columns;
  for (const std::string& name : request.columns) {
    if (!dataset.schema.Find(name)) {
      std::vector<std::string_view> known;
      for (const ColumnInfo& column : dataset.schema.columns) known.emplace_back(column.name);
      auto failure =
          Fail(ErrorCode::kInvalidArgument, "dataset '{}' has no column '{}'", dataset.name, name);
      if (const std::string nearest = Nearest(name, known); !nearest.empty()) {
        return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
      }
      return failure;
    }
    columns += (columns.empty() ? "" : ", ") + QuoteName(name);
  }
  Plan plan;
  plan.sql =
      fmt::format("SELECT {} FROM {}", columns.empty() ? "*" : columns, QuoteName(dataset.name));
  if (skip > 0) plan.sql += fmt::format(" OFFSET {}", skip);
  plan.datasets.push_back(std::move(dataset));
  return plan;
}

/// SQL: every table that it names must be one of the datasets.
Status CheckTables(const CheckedSql& checked, const std::vector<DatasetSnapshot>& datasets) {
  for (const TableReference& table : checked.tables) {
    const bool given = std::ranges::any_of(datasets, [&](const DatasetSnapshot& dataset) {
      return SameName(dataset.name, table.table);
    });
    if (given) continue;
    std::vector<std::string_view> known;
    for (const DatasetSnapshot& dataset : datasets) known.emplace_back(dataset.name);
    auto failure = Fail(ErrorCode::kNotFound, "no dataset '{}'", table.table);
    if (const std::string nearest = Nearest(table.table, known); !nearest.empty()) {
      return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
    }
    return failure;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<BatchReader>> Read(const Caller& caller, const ReadRequest& request) {
  for (const DatasetSnapshot& dataset : request.datasets)
    RETURN_IF_ERROR(CheckMayRead(caller, dataset));
  Plan plan{.sql = request.sql, .datasets = request.datasets};
  if (request.sql.empty()) {
    ASSIGN_OR_RETURN(plan, PlanScan(request));
  }
  duckdb::Options options{.threads = request.threads,
                          .memory_bytes = request.memory_bytes,
                          .temp_folder = request.temp_folder};
  for (const DatasetSnapshot& dataset : plan.datasets) {
    for (const DataFile& file : dataset.files) {
      options.allowed_paths.push_back(file.path);
      // DuckDB asks for the pattern first, then for the file that it found.
      if (std::string pattern = WithoutPatterns(file.path); pattern != file.path) {
        options.allowed_paths.push_back(std::move(pattern));
      }
    }
  }
  if (!request.temp_folder.empty()) RETURN_IF_ERROR(MakeFolder(request.temp_folder));
  ASSIGN_OR_RETURN(auto database, duckdb::Database::Open(options));
  ASSIGN_OR_RETURN(auto connection, database.Connect());
  if (!request.sql.empty()) {
    ASSIGN_OR_RETURN(const CheckedSql checked,
                     CheckUserSql(connection, request.sql, request.functions));
    RETURN_IF_ERROR(CheckTables(checked, plan.datasets));
    if (request.functions != nullptr) {
      for (const auto& [name, function] : request.functions->types()) {
        RETURN_IF_ERROR(connection.RegisterFunction(function));
      }
    }
  }
  const duckdb::QueryOptions query{.cancel = request.cancel, .timeout_ms = request.timeout_ms};
  for (const DatasetSnapshot& dataset : plan.datasets) {
    RETURN_IF_ERROR(connection.Execute(fmt::format("CREATE VIEW {} AS {}", QuoteName(dataset.name),
                                                   ScanOf(dataset.schema, dataset.files)),
                                       query));
  }
  return connection.Query(plan.sql, query);
}

}  // namespace aimass
