#include "sources/connectors/mysql/catalog.h"

#include "sources/connectors/mysql/decode.h"

namespace aimass::connectors::mysql {

using mariadb::FieldInfo;
using mariadb::FieldType;
using mariadb::QuotedName;

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
    // The server prints a FLOAT with six digits only.
    list += field.type == FieldType::kFloat ? name + " + 0e0 AS " + name : name;
  }
  return list;
}

Result<std::vector<SourceTable>> Catalog::Tables() {
  ASSIGN_OR_RETURN(
      const auto rows,
      connection_.Select("SELECT table_name, table_type, table_comment, table_rows FROM "
                         "information_schema.tables WHERE table_schema = DATABASE() AND "
                         "table_type IN ('BASE TABLE', 'VIEW') ORDER BY table_name"));
  std::vector<SourceTable> tables;
  for (const auto& row : rows) {
    const bool view = TextAt(row, 1) == "VIEW";
    SourceTable table{.name = TextAt(row, 0),
                      .view = view,
                      .comment = view ? std::string() : TextAt(row, 2),  // "VIEW" otherwise
                      .rows = std::nullopt};
    if (row[3]) table.rows = IntegerAt(row, 3);
    tables.push_back(std::move(table));
  }
  return tables;
}

Result<std::vector<FieldInfo>> Catalog::Fields(const std::string& table) {
  auto fields = connection_.Fields("SELECT * FROM " + QuotedName(table) + " LIMIT 0");
  if (fields || fields.error().code != ErrorCode::kNotFound) return fields;
  ASSIGN_OR_RETURN(const auto tables, Tables());
  return NoTable(database_, table, tables);
}

Result<TableDescription> Catalog::Describe(const std::string& table) {
  ASSIGN_OR_RETURN(const std::vector<FieldInfo> fields, Fields(table));
  ASSIGN_OR_RETURN(
      const auto rows,
      connection_.Select("SELECT column_name, column_type, column_comment, is_nullable FROM "
                         "information_schema.columns WHERE table_schema = DATABASE() AND "
                         "table_name = " +
                         connection_.Quoted(table) + " ORDER BY ordinal_position"));
  TableDescription description{.name = table, .columns = {}, .key = {}, .rows = std::nullopt};
  const Schema schema = SchemaOf(fields);
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    SourceColumn column{.column = schema.columns[i], .native_type = {}, .comment = {}};
    for (const auto& row : rows) {
      if (TextAt(row, 0) != column.column.name) continue;
      column.native_type = TextAt(row, 1);
      column.comment = TextAt(row, 2);
      column.column.nullable = TextAt(row, 3) != "NO";
    }
    description.columns.push_back(std::move(column));
  }
  ASSIGN_OR_RETURN(
      const auto keys,
      connection_.Select("SELECT column_name FROM information_schema.statistics WHERE "
                         "table_schema = DATABASE() AND index_name = 'PRIMARY' AND table_name = " +
                         connection_.Quoted(table) + " ORDER BY seq_in_index"));
  for (const auto& row : keys) description.key.push_back(TextAt(row, 0));
  ASSIGN_OR_RETURN(
      const auto counted,
      connection_.Select("SELECT table_rows FROM information_schema.tables WHERE table_schema = "
                         "DATABASE() AND table_name = " +
                         connection_.Quoted(table)));
  if (!counted.empty() && counted.front()[0]) description.rows = IntegerAt(counted.front(), 0);
  return description;
}

}  // namespace aimass::connectors::mysql
