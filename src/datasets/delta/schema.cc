// The schemaString of a Delta table's metaData:
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md
#include <array>
#include <charconv>
#include <utility>

#include "datasets/delta/log.h"

namespace aimass::delta {
namespace {

constexpr std::array<std::pair<TypeKind, std::string_view>, 12> kPrimitives{{
    {TypeKind::kBool, "boolean"},
    {TypeKind::kInt8, "byte"},
    {TypeKind::kInt16, "short"},
    {TypeKind::kInt32, "integer"},
    {TypeKind::kInt64, "long"},
    {TypeKind::kFloat32, "float"},
    {TypeKind::kFloat64, "double"},
    {TypeKind::kText, "string"},
    {TypeKind::kBinary, "binary"},
    {TypeKind::kDate, "date"},
    {TypeKind::kTimestamp, "timestamp_ntz"},
    {TypeKind::kTimestampTz, "timestamp"},
}};

Result<Json> StructToJson(const std::vector<ColumnInfo>& columns);

Result<Json> TypeToJson(const ColumnInfo& column) {
  const Type& type = column.type;
  for (const auto& [kind, name] : kPrimitives) {
    if (kind == type.kind) return Json(name);
  }
  switch (type.kind) {
    case TypeKind::kDecimal:
      return Json(fmt::format("decimal({},{})", type.precision, type.scale));
    case TypeKind::kStruct:
      return StructToJson(type.children);
    case TypeKind::kList: {
      ASSIGN_OR_RETURN(Json element, TypeToJson(type.children.at(0)));
      return Json{{"type", "array"}, {"elementType", std::move(element)}, {"containsNull", true}};
    }
    case TypeKind::kMap: {
      ASSIGN_OR_RETURN(Json key, TypeToJson(type.children.at(0)));
      ASSIGN_OR_RETURN(Json value, TypeToJson(type.children.at(1)));
      return Json{{"type", "map"},
                  {"keyType", std::move(key)},
                  {"valueType", std::move(value)},
                  {"valueContainsNull", true}};
    }
    default:
      return Fail(ErrorCode::kUnsupported,
                  "column '{}' is of type {}, which a Delta table cannot keep", column.name,
                  TypeName(type));
  }
}

Result<Json> StructToJson(const std::vector<ColumnInfo>& columns) {
  Json fields = Json::array();
  for (const ColumnInfo& column : columns) {
    ASSIGN_OR_RETURN(Json type, TypeToJson(column));
    fields.push_back({{"name", column.name},
                      {"type", std::move(type)},
                      {"nullable", column.nullable},
                      {"metadata", Json::object()}});
  }
  return Json{{"type", "struct"}, {"fields", std::move(fields)}};
}

Result<std::vector<ColumnInfo>> StructFromJson(const Json& json);

Result<Type> TypeFromJson(std::string_view column, const Json& json) {
  if (json.is_string()) {
    const std::string name = json.get<std::string>();
    for (const auto& [kind, known] : kPrimitives) {
      if (known == name) return Type{.kind = kind};
    }
    if (name.starts_with("decimal(") && name.ends_with(")")) {
      Type type{.kind = TypeKind::kDecimal};
      const char* const begin = name.data() + 8;
      const char* const end = name.data() + name.size() - 1;
      const auto [comma, error] = std::from_chars(begin, end, type.precision);
      if (error == std::errc{} && comma < end && *comma == ',') {
        const char* scale = comma + 1;
        while (scale < end && *scale == ' ') ++scale;
        if (std::from_chars(scale, end, type.scale).ptr == end) return type;
      }
    }
    return Fail(ErrorCode::kUnsupported,
                "column '{}' is of Delta type '{}', which this build does not read", column, name);
  }
  const std::string kind = json.value("type", "");
  if (kind == "struct") {
    ASSIGN_OR_RETURN(auto members, StructFromJson(json));
    return Type{.kind = TypeKind::kStruct, .children = std::move(members)};
  }
  if (kind == "array" && json.contains("elementType")) {
    ASSIGN_OR_RETURN(Type element, TypeFromJson(column, json["elementType"]));
    return Type{.kind = TypeKind::kList,
                .children = {{.name = "element", .type = std::move(element)}}};
  }
  if (kind == "map" && json.contains("keyType") && json.contains("valueType")) {
    ASSIGN_OR_RETURN(Type key, TypeFromJson(column, json["keyType"]));
    ASSIGN_OR_RETURN(Type value, TypeFromJson(column, json["valueType"]));
    return Type{.kind = TypeKind::kMap,
                .children = {{.name = "key", .type = std::move(key), .nullable = false},
                             {.name = "value", .type = std::move(value)}}};
  }
  return Fail(ErrorCode::kUnsupported,
              "column '{}' is of Delta type '{}', which this build does not read", column, kind);
}

Result<std::vector<ColumnInfo>> StructFromJson(const Json& json) {
  std::vector<ColumnInfo> columns;
  if (!json.is_object() || !json.contains("fields") || !json["fields"].is_array()) {
    return Fail(ErrorCode::kUnsupported, "the schema of the Delta table is not a struct");
  }
  for (const Json& field : json["fields"]) {
    if (!field.is_object() || !field.contains("type")) {
      return Fail(ErrorCode::kUnsupported, "the schema of the Delta table is not a struct");
    }
    ColumnInfo column{.name = field.value("name", ""), .nullable = field.value("nullable", true)};
    ASSIGN_OR_RETURN(column.type, TypeFromJson(column.name, field["type"]));
    columns.push_back(std::move(column));
  }
  return columns;
}

Type StorableType(Type type) {
  switch (type.kind) {
    case TypeKind::kUInt8:
      return {.kind = TypeKind::kInt16};
    case TypeKind::kUInt16:
      return {.kind = TypeKind::kInt32};
    case TypeKind::kUInt32:
      return {.kind = TypeKind::kInt64};
    case TypeKind::kUInt64:
      return {.kind = TypeKind::kDecimal, .precision = 20, .scale = 0};
    case TypeKind::kTime:
    case TypeKind::kNull:
      return {.kind = TypeKind::kText};
    default:
      break;
  }
  for (ColumnInfo& child : type.children) child.type = StorableType(std::move(child.type));
  return type;
}

}  // namespace

Result<std::string> SchemaToDelta(const Schema& schema) {
  ASSIGN_OR_RETURN(const Json json, StructToJson(schema.columns));
  return json.dump();
}

Result<Schema> SchemaFromDelta(std::string_view text) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, 256));
  ASSIGN_OR_RETURN(auto columns, StructFromJson(json));
  return Schema{.columns = std::move(columns)};
}

Schema Storable(const Schema& schema) {
  Schema result = schema;
  for (ColumnInfo& column : result.columns) {
    column.type = StorableType(std::move(column.type));
    column.nullable = true;
  }
  return result;
}

}  // namespace aimass::delta
