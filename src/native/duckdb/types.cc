#include "native/duckdb/types.h"

#include <array>
#include <utility>
#include <vector>

#include "native/duckdb/database.h"

namespace aimass::duckdb {
namespace {

Export Cast(std::string sql) { return {.sql = std::move(sql), .changed = true}; }

Export List(duckdb_logical_type child, bool is_array) {
  const LogicalType owned(child);
  Export item = ExportOf(owned.get());
  item.sql += "[]";
  item.changed |= is_array;
  return item;
}

Export Map(duckdb_logical_type type) {
  const LogicalType key_type(duckdb_map_type_key_type(type));
  const LogicalType value_type(duckdb_map_type_value_type(type));
  const Export key = ExportOf(key_type.get());
  const Export value = ExportOf(value_type.get());
  return {.sql = fmt::format("MAP({}, {})", key.sql, value.sql),
          .changed = key.changed || value.changed};
}

Export Struct(duckdb_logical_type type) {
  Export all{.sql = "STRUCT("};
  const idx_t count = duckdb_struct_type_child_count(type);
  for (idx_t i = 0; i < count; ++i) {
    const LogicalType child_type(duckdb_struct_type_child_type(type, i));
    const Export child = ExportOf(child_type.get());
    const std::string name = TakeText(duckdb_struct_type_child_name(type, i));
    // A struct without names (row(1, 2)) has empty ones, which no cast can name.
    if (name.empty()) return Cast("VARCHAR");
    all.sql += (i == 0 ? "" : ", ") + QuoteName(name) + " " + child.sql;
    all.changed |= child.changed;
  }
  all.sql += ")";
  return all;
}

duckdb_type SimpleTypeOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
      return DUCKDB_TYPE_BOOLEAN;
    case TypeKind::kInt8:
      return DUCKDB_TYPE_TINYINT;
    case TypeKind::kInt16:
      return DUCKDB_TYPE_SMALLINT;
    case TypeKind::kInt32:
      return DUCKDB_TYPE_INTEGER;
    case TypeKind::kInt64:
      return DUCKDB_TYPE_BIGINT;
    case TypeKind::kUInt8:
      return DUCKDB_TYPE_UTINYINT;
    case TypeKind::kUInt16:
      return DUCKDB_TYPE_USMALLINT;
    case TypeKind::kUInt32:
      return DUCKDB_TYPE_UINTEGER;
    case TypeKind::kUInt64:
      return DUCKDB_TYPE_UBIGINT;
    case TypeKind::kFloat32:
      return DUCKDB_TYPE_FLOAT;
    case TypeKind::kFloat64:
      return DUCKDB_TYPE_DOUBLE;
    case TypeKind::kText:
      return DUCKDB_TYPE_VARCHAR;
    case TypeKind::kBinary:
      return DUCKDB_TYPE_BLOB;
    case TypeKind::kDate:
      return DUCKDB_TYPE_DATE;
    case TypeKind::kTime:
      return DUCKDB_TYPE_TIME;
    case TypeKind::kTimestamp:
      return DUCKDB_TYPE_TIMESTAMP;
    case TypeKind::kTimestampTz:
      return DUCKDB_TYPE_TIMESTAMP_TZ;
    default:
      return DUCKDB_TYPE_SQLNULL;
  }
}

LogicalType StructTypeOf(const std::vector<ColumnInfo>& members) {
  std::vector<LogicalType> types;
  std::vector<duckdb_logical_type> handles;
  std::vector<const char*> names;
  for (const ColumnInfo& member : members) {
    types.push_back(LogicalTypeOf(member.type));
    handles.push_back(types.back().get());
    names.push_back(member.name.c_str());
  }
  return LogicalType(duckdb_create_struct_type(handles.data(), names.data(), handles.size()));
}

std::string Quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

Export ExportOf(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return {"BOOLEAN"};
    case DUCKDB_TYPE_TINYINT:
      return {"TINYINT"};
    case DUCKDB_TYPE_SMALLINT:
      return {"SMALLINT"};
    case DUCKDB_TYPE_INTEGER:
      return {"INTEGER"};
    case DUCKDB_TYPE_BIGINT:
      return {"BIGINT"};
    case DUCKDB_TYPE_UTINYINT:
      return {"UTINYINT"};
    case DUCKDB_TYPE_USMALLINT:
      return {"USMALLINT"};
    case DUCKDB_TYPE_UINTEGER:
      return {"UINTEGER"};
    case DUCKDB_TYPE_UBIGINT:
      return {"UBIGINT"};
    case DUCKDB_TYPE_FLOAT:
      return {"FLOAT"};
    case DUCKDB_TYPE_DOUBLE:
      return {"DOUBLE"};
    case DUCKDB_TYPE_VARCHAR:
      return {"VARCHAR"};
    case DUCKDB_TYPE_BLOB:
      return {"BLOB"};
    case DUCKDB_TYPE_DATE:
      return {"DATE"};
    case DUCKDB_TYPE_TIME:
      return {"TIME"};
    case DUCKDB_TYPE_TIMESTAMP:
      return {"TIMESTAMP"};
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return {"TIMESTAMP WITH TIME ZONE"};
    case DUCKDB_TYPE_SQLNULL:
      return {"\"NULL\""};
    case DUCKDB_TYPE_DECIMAL:
      return {
          fmt::format("DECIMAL({}, {})", duckdb_decimal_width(type), duckdb_decimal_scale(type))};
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
      return Cast("DECIMAL(38, 0)");
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return Cast("TIMESTAMP");
    case DUCKDB_TYPE_TIME_NS:
      return Cast("TIME");
    case DUCKDB_TYPE_LIST:
      return List(duckdb_list_type_child_type(type), false);
    case DUCKDB_TYPE_ARRAY:
      return List(duckdb_array_type_child_type(type), true);
    case DUCKDB_TYPE_MAP:
      return Map(type);
    case DUCKDB_TYPE_STRUCT:
      return Struct(type);
    default:
      return Cast(
          "VARCHAR");  // enum, uuid, interval, bit, union, time with time zone, variant, geometry …
  }
}

LogicalType LogicalTypeOf(const Type& type) {
  switch (type.kind) {
    case TypeKind::kDecimal:
      return LogicalType(duckdb_create_decimal_type(static_cast<std::uint8_t>(type.precision),
                                                    static_cast<std::uint8_t>(type.scale)));
    case TypeKind::kList:
      return LogicalType(duckdb_create_list_type(LogicalTypeOf(type.children.at(0).type).get()));
    case TypeKind::kMap:
      return LogicalType(duckdb_create_map_type(LogicalTypeOf(type.children.at(0).type).get(),
                                                LogicalTypeOf(type.children.at(1).type).get()));
    case TypeKind::kStruct:
      return StructTypeOf(type.children);
    default:
      return LogicalType(duckdb_create_logical_type(SimpleTypeOf(type.kind)));
  }
}

Status CheckErrorData(duckdb_error_data data) {
  if (data == nullptr) return {};
  Status status;
  if (duckdb_error_data_has_error(data)) {
    const char* text = duckdb_error_data_message(data);
    status = std::unexpected(ErrorFromText(text == nullptr ? "" : text));
  }
  duckdb_destroy_error_data(&data);
  return status;
}

Status RunStatement(duckdb_connection connection, const std::string& sql) {
  duckdb_result result;
  Status status;
  if (duckdb_query(connection, sql.c_str(), &result) != DuckDBSuccess) {
    const char* error = duckdb_result_error(&result);
    status = std::unexpected(ErrorFromText(error == nullptr ? "" : error));
  }
  duckdb_destroy_result(&result);
  return status;
}

std::string TakeText(char* text) {
  std::string copy = text == nullptr ? "" : text;
  duckdb_free(text);
  return copy;
}

std::string QuoteName(std::string_view name) { return Quoted(name, '"'); }
std::string QuoteText(std::string_view text) { return Quoted(text, '\''); }

std::string QuoteList(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() == 1 ? "" : ", ") + QuoteText(text);
  return list + "]";
}

std::string SqlType(const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "BOOLEAN";
    case TypeKind::kInt8:
      return "TINYINT";
    case TypeKind::kInt16:
      return "SMALLINT";
    case TypeKind::kInt32:
      return "INTEGER";
    case TypeKind::kInt64:
      return "BIGINT";
    case TypeKind::kUInt8:
      return "UTINYINT";
    case TypeKind::kUInt16:
      return "USMALLINT";
    case TypeKind::kUInt32:
      return "UINTEGER";
    case TypeKind::kUInt64:
      return "UBIGINT";
    case TypeKind::kFloat32:
      return "FLOAT";
    case TypeKind::kFloat64:
      return "DOUBLE";
    case TypeKind::kDecimal:
      return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeKind::kText:
      return "VARCHAR";
    case TypeKind::kBinary:
      return "BLOB";
    case TypeKind::kDate:
      return "DATE";
    case TypeKind::kTime:
      return "TIME";
    case TypeKind::kTimestamp:
      return "TIMESTAMP";
    case TypeKind::kTimestampTz:
      return "TIMESTAMP WITH TIME ZONE";
    case TypeKind::kList:
      return SqlType(type.children.at(0).type) + "[]";
    case TypeKind::kMap:
      return fmt::format("MAP({}, {})", SqlType(type.children.at(0).type),
                         SqlType(type.children.at(1).type));
    case TypeKind::kStruct: {
      std::string text = "STRUCT(";
      for (const ColumnInfo& child : type.children) {
        text +=
            (text.back() == '(' ? "" : ", ") + QuoteName(child.name) + " " + SqlType(child.type);
      }
      return text + ")";
    }
    case TypeKind::kNull:
      break;
  }
  return "\"NULL\"";
}

}  // namespace aimass::duckdb
