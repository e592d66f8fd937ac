#include "store/transfer.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"

namespace aimass {
namespace {

constexpr int kPage = 500;

struct TableShape {
  std::string name;
  std::string columns;  // "id, name, created_ms"
  std::size_t width = 0;
};

// Ours, in the order in which the migrations made them, so that what is referred to comes first.
Result<std::vector<TableShape>> TablesOf(SqlSession& sqlite) {
  ASSIGN_OR_RETURN(const auto names,
                   sqlite.Select("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT "
                                 "LIKE 'sqlite_%' AND name <> 'aimass_migrations' ORDER BY rowid"));
  std::vector<TableShape> tables;
  for (const SqlRow& row : names) {
    TableShape table{.name = row.Text(0)};
    ASSIGN_OR_RETURN(
        const auto columns,
        sqlite.Select("SELECT name FROM pragma_table_info(?) ORDER BY cid", {table.name}));
    for (const SqlRow& column : columns) {
      table.columns += (table.columns.empty() ? "" : ", ") + column.Text(0);
    }
    table.width = columns.size();
    tables.push_back(std::move(table));
  }
  return tables;
}

Status CopyTable(SqlSession& from, bool from_sqlite, SqlSession& to, const TableShape& table) {
  std::string marks;
  for (std::size_t i = 0; i < table.width; ++i) marks += i == 0 ? "?" : ", ?";
  const std::string insert =
      fmt::format("INSERT INTO {} ({}) VALUES ({})", table.name, table.columns, marks);
  if (!from_sqlite) {
    RETURN_IF_ERROR(from.Execute(fmt::format(
        "DECLARE copied NO SCROLL CURSOR FOR SELECT {} FROM {}", table.columns, table.name)));
  }
  std::int64_t last = INT64_MIN;
  for (;;) {
    ASSIGN_OR_RETURN(
        const auto rows,
        from_sqlite
            ? from.Select(fmt::format("SELECT {}, rowid FROM {} WHERE rowid > ? ORDER BY rowid "
                                      "LIMIT {}",
                                      table.columns, table.name, kPage),
                          {last})
            : from.Select(fmt::format("FETCH {} FROM copied", kPage)));
    for (const SqlRow& row : rows) {
      const auto& values = row.values();
      const auto end = values.begin() + static_cast<std::ptrdiff_t>(table.width);
      RETURN_IF_ERROR(to.Execute(insert, SqlParams(values.begin(), end)));
    }
    if (rows.size() < kPage) break;
    if (from_sqlite) last = rows.back().Integer(table.width);
  }
  if (!from_sqlite) RETURN_IF_ERROR(from.Execute("CLOSE copied"));
  return {};
}

// The steps of `schema` that `from` has done.
Result<std::vector<Migration>> StepsOf(SqlSession& from, const std::vector<Migration>& schema) {
  ASSIGN_OR_RETURN(const auto rows, from.Select("SELECT module, number FROM aimass_migrations"));
  std::set<std::pair<std::string, std::int64_t>> done;
  for (const SqlRow& row : rows) done.emplace(row.Text(0), row.Integer(1));
  std::vector<Migration> steps;
  for (const Migration& step : schema) {
    if (done.erase({std::string(step.module), step.number}) > 0) steps.push_back(step);
  }
  if (!done.empty()) {
    return WithHint(
        Fail(ErrorCode::kUnsupported, "'{}' has step {} in the metadata, which this release lacks",
             done.begin()->first, done.begin()->second),
        Msg("the data was used by a newer release: use that release"));
  }
  return steps;
}

}  // namespace

Status TransferMetadata(Database& from, const std::vector<Migration>& schema, Database& to) {
  const bool from_sqlite = from.dialect() == "sqlite";
  if (from_sqlite == (to.dialect() == "sqlite")) {
    return Fail(ErrorCode::kUnsupported, "metadata is copied between SQLite and PostgreSQL only");
  }
  return from.Snapshot([&](SqlSession& source) -> Status {
    ASSIGN_OR_RETURN(const auto steps, StepsOf(source, schema));
    RETURN_IF_ERROR(to.Migrate(steps));
    return to.Transact([&](SqlSession& target) -> Status {
      ASSIGN_OR_RETURN(const auto tables, TablesOf(from_sqlite ? source : target));
      for (const TableShape& table : tables) {
        ASSIGN_OR_RETURN(const auto some,
                         target.Select(fmt::format("SELECT 1 FROM {} LIMIT 1", table.name)));
        if (!some.empty()) {
          return WithHint(Fail(ErrorCode::kConflict,
                               "the metadata database is not empty: '{}' has rows", table.name),
                          Msg("name an empty database in store.url; nothing was changed"));
        }
        RETURN_IF_ERROR(CopyTable(source, from_sqlite, target, table));
      }
      return {};
    });
  });
}

Status SaveMetadata(Database& database, const std::vector<Migration>& schema,
                    const std::string& path) {
  if (database.dialect() == "sqlite") return database.BackupTo(path);
  {
    ASSIGN_OR_RETURN(const auto file, Database::Open("sqlite://" + path));
    RETURN_IF_ERROR(TransferMetadata(database, schema, *file));
  }  // closed: what stood in its -wal is in the file now
  return SyncPath(path);
}

}  // namespace aimass
