#include "sources/connectors/postgres/catalog.h"

#include <algorithm>

#include "base/words.h"
#include "sources/connectors/postgres/decode.h"

namespace aimass::connectors::postgres {
namespace {

using aimass::postgres::FieldInfo;
using aimass::postgres::QuotedName;

// Functions are named with their schema: one of the same name that somebody put into `public`
// must not run as the user who signs in here.
constexpr std::string_view kTables =
    "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
constexpr std::string_view kReadable =
    "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
    "pg_catalog.has_any_column_privilege(c.oid, 'SELECT')";
constexpr std::string_view kKinds = "c.relkind IN ('r', 'v', 'm', 'p', 'f')";
constexpr std::string_view kForeign = "f";
constexpr int kNamed = 5;

bool Holds(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

Schema SchemaOf(const std::vector<FieldInfo>& fields) {
  Schema schema;
  for (const FieldInfo& field : fields)
    schema.columns.push_back({field.name, TypeOf(field), field.nullable});
  return schema;
}

std::string ListOf(const std::vector<FieldInfo>& fields) {
  std::string list;
  for (const FieldInfo& field : fields) {
    const std::string name = QuotedName(field.name);
    list += list.empty() ? "" : ", ";
    list += IsPrinted(field) ? name + "::text AS " + name : name;
  }
  return list;
}

Result<std::vector<SourceTable>> Catalog::Tables() {
  ASSIGN_OR_RETURN(
      const auto rows,
      connection_.Select(fmt::format(
          "SELECT n.nspname = {}, n.nspname, c.relname, c.relkind, c.reltuples::bigint, "
          "pg_catalog.obj_description(c.oid, 'pg_class') FROM {} WHERE {} AND NOT "
          "c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {} "
          "ORDER BY 1 DESC, 2, 3",
          connection_.Quoted(schema_), kTables, kKinds, kReadable)));
  std::vector<SourceTable> tables;
  for (const auto& row : rows) {
    const bool own = TextAt(row, 0) == "t";
    const std::string& kind = TextAt(row, 3);
    SourceTable table{.name = own ? TextAt(row, 2) : TextAt(row, 1) + "." + TextAt(row, 2),
                      .view = kind == "v" || kind == "m",
                      .comment = TextAt(row, 5),
                      .rows = std::nullopt};
    // Of what was never analysed nothing is known; of a view never.
    if (const std::int64_t rows_there = IntegerAt(row, 4); rows_there >= 0 && kind != "v")
      table.rows = rows_there;
    tables.push_back(std::move(table));
  }
  return tables;
}

Result<std::string> Catalog::Find(const std::string& table) {
  const std::string name = connection_.Quoted(table);
  const std::string schema = connection_.Quoted(schema_);
  ASSIGN_OR_RETURN(
      const auto rows,
      connection_.Select(fmt::format(
          "SELECT n.nspname, c.relname FROM {} WHERE {} AND ((n.nspname = {} AND c.relname = {}) "
          "OR n.nspname || '.' || c.relname = {}) ORDER BY n.nspname = {} DESC LIMIT 1",
          kTables, kKinds, schema, name, name, schema)));
  if (!rows.empty())
    return QuotedName(TextAt(rows.front(), 0)) + "." + QuotedName(TextAt(rows.front(), 1));
  ASSIGN_OR_RETURN(const auto tables, Tables());
  return NoTable(database_, table, tables);
}

Result<std::vector<FieldInfo>> Catalog::Fields(const std::string& place) {
  ASSIGN_OR_RETURN(std::vector<FieldInfo> fields, connection_.Fields("SELECT * FROM " + place));
  ASSIGN_OR_RETURN(const auto filled,
                   Names("SELECT attname FROM pg_catalog.pg_attribute WHERE attnum > 0 AND "
                         "attnotnull AND attrelid = " +
                         connection_.Quoted(place) + "::regclass"));
  for (FieldInfo& field : fields) field.nullable = !Holds(filled, field.name);
  return fields;
}

Result<TableDescription> Catalog::Describe(const std::string& table) {
  ASSIGN_OR_RETURN(const std::string place, Find(table));
  ASSIGN_OR_RETURN(const std::vector<FieldInfo> fields, Fields(place));
  const std::string number = connection_.Quoted(place) + "::regclass";
  ASSIGN_OR_RETURN(
      const auto rows,
      connection_.Select("SELECT attname, pg_catalog.format_type(atttypid, atttypmod), "
                         "pg_catalog.col_description(attrelid, attnum) FROM "
                         "pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped AND "
                         "attrelid = " +
                         number));
  TableDescription description{.name = table, .columns = {}, .key = {}, .rows = std::nullopt};
  for (ColumnInfo& info : SchemaOf(fields).columns) {
    SourceColumn column{.column = std::move(info), .native_type = {}, .comment = {}};
    for (const auto& row : rows) {
      if (TextAt(row, 0) != column.column.name) continue;
      column.native_type = TextAt(row, 1);
      column.comment = TextAt(row, 2);
    }
    description.columns.push_back(std::move(column));
  }
  ASSIGN_OR_RETURN(
      description.key,
      Names("SELECT a.attname FROM pg_catalog.pg_index i CROSS JOIN LATERAL "
            "pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) JOIN "
            "pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE "
            "i.indisprimary AND k.place <= i.indnkeyatts AND i.indrelid = " +
            number + " ORDER BY k.place"));
  ASSIGN_OR_RETURN(const auto counted,
                   connection_.Select("SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE "
                                      "relkind <> 'v' AND reltuples >= 0 AND oid = " +
                                      number));
  if (!counted.empty()) description.rows = IntegerAt(counted.front(), 0);
  return description;
}

Result<std::map<std::string, std::vector<std::string>>> Catalog::UniqueIndexes(
    const std::string& place) {
  ASSIGN_OR_RETURN(
      const auto rows,
      connection_.Select("SELECT i.indexrelid::text, a.attname FROM pg_catalog.pg_index i CROSS "
                         "JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k "
                         "(number, place) JOIN pg_catalog.pg_attribute a ON a.attrelid = "
                         "i.indrelid AND a.attnum = k.number WHERE i.indisunique AND i.indisvalid "
                         "AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= "
                         "i.indnkeyatts AND i.indrelid = " +
                         connection_.Quoted(place) + "::regclass"));
  std::map<std::string, std::vector<std::string>> indexes;
  for (const auto& row : rows) indexes[TextAt(row, 0)].push_back(TextAt(row, 1));
  return indexes;
}

Result<std::vector<Check>> Catalog::Privileges() {
  std::vector<Check> checks;
  ASSIGN_OR_RETURN(const auto who, connection_.Select("SELECT session_user::text"));
  const std::string user = who.empty() ? std::string() : TextAt(who.front(), 0);
  checks.push_back({.ok = true, .message = Msg("signed in as {}", user), .hint = {}});
  const std::string schema = connection_.Quoted(schema_);
  ASSIGN_OR_RETURN(const auto schemas,
                   Names("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"));
  if (!Holds(schemas, schema_)) {
    checks.push_back({.ok = false,
                      .message = Msg("the database '{}' has no schema '{}'", database_, schema_),
                      .hint = Msg("it has {}", Listing(schemas))});
    return checks;
  }
  ASSIGN_OR_RETURN(const auto tables, Tables());
  const Message grant = Msg("let an administrator of the database run: {}", Grant(user));
  if (tables.empty()) {
    checks.push_back({.ok = false,
                      .message = Msg("no table of the database '{}' may be read", database_),
                      .hint = grant});
  } else {
    checks.push_back(
        {.ok = true,
         .message = Msg("{} tables of the database '{}' may be read", tables.size(), database_),
         .hint = {}});
    ASSIGN_OR_RETURN(const auto closed,
                     Names(fmt::format("SELECT c.relname FROM {} WHERE {} AND NOT "
                                       "c.relispartition AND n.nspname = {} AND NOT ({}) ORDER BY "
                                       "1 LIMIT {}",
                                       kTables, kKinds, schema, kReadable, kNamed)));
    if (!closed.empty()) {
      checks.push_back({.ok = true,
                        .message = Msg("these tables of the schema '{}' may not be read: {}",
                                       schema_, Listing(closed)),
                        .hint = grant});
    }
  }
  ASSIGN_OR_RETURN(const auto foreign,
                   Names(fmt::format(
                       "SELECT c.relname FROM {} WHERE c.relkind = '{}' AND {} ORDER BY 1 LIMIT {}",
                       kTables, kForeign, kReadable, kNamed)));
  if (!foreign.empty()) {
    checks.push_back(
        {.ok = false,
         .message = Msg("these tables lie in another database, so they are not read as they are at "
                        "one moment: {}",
                        Listing(foreign)),
         .hint = Msg("collect them from where they lie, or while nobody writes")});
  }
  return checks;
}

Result<std::vector<std::string>> Catalog::Names(const std::string& sql) {
  ASSIGN_OR_RETURN(const auto rows, connection_.Select(sql));
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(TextAt(row, 0));
  return names;
}

std::string Catalog::Grant(const std::string& user) const {
  return fmt::format(
      "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1}",
      QuotedName(schema_), QuotedName(user));
}

}  // namespace aimass::connectors::postgres
