#include "sources/connectors/elasticsearch/target.h"

#include <algorithm>
#include <array>
#include <utility>

#include "native/curl/client.h"
#include "sources/connectors/elasticsearch/moment.h"
#include "sources/database.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr const char* kStreamIndex = ".ds-";
// What a server gives each index itself.
constexpr std::array kOwnSettings = {"creation_date", "uuid",   "provided_name",
                                     "version",       "resize", "routing"};

// The type of a new field; empty: no field holds that.
const char* NativeType(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
      return "boolean";
    case TypeKind::kInt8:
      return "byte";
    case TypeKind::kInt16:
    case TypeKind::kUInt8:
      return "short";
    case TypeKind::kInt32:
    case TypeKind::kUInt16:
      return "integer";
    case TypeKind::kInt64:
    case TypeKind::kUInt32:
      return "long";
    case TypeKind::kUInt64:
      return "unsigned_long";
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
    case TypeKind::kDecimal:
      return "double";
    case TypeKind::kDate:
      return "date";
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:  // a date has no microseconds
      return "date_nanos";
    case TypeKind::kTime:
      return "keyword";
    case TypeKind::kBinary:
      return "binary";
    case TypeKind::kNull:
    case TypeKind::kText:
      return "text";
    case TypeKind::kList:
    case TypeKind::kStruct:
    case TypeKind::kMap:
      return "";
  }
  return "";
}

}  // namespace

Result<std::optional<Target>> TargetOf(Client& client, const std::string& table) {
  if (!MayBeTable(table)) {
    return Fail(ErrorCode::kUnprocessable, "'{}' cannot be the name of an index", table);
  }
  auto answer = client.Ask("GET", "/" + curl::EscapedPart(table), nullptr, table, {});
  if (!answer && answer.error().code == ErrorCode::kNotFound) return std::optional<Target>();
  if (!answer) return std::unexpected(std::move(answer).error());
  if (!answer->is_object() || answer->empty()) return std::optional<Target>();
  const std::string& index = answer->begin().key();
  if (answer->size() > 1 || index.starts_with(kStreamIndex)) {
    return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' is not one index", table),
                    Msg("rows go into one index, or into an alias of one"));
  }
  const Json& about = answer->front();
  Json settings = MemberOf(MemberOf(about, "settings"), "index");
  if (!settings.is_object()) settings = Json::object();
  for (const char* own : kOwnSettings) settings.erase(own);
  return std::optional(Target{.index = index,
                              .aliases = MemberOf(about, "aliases"),
                              .mappings = MemberOf(about, "mappings"),
                              .settings = std::move(settings)});
}

Result<Layout> LayoutOf(const Target& target) {
  const Json mappings = {{target.index, {{"mappings", target.mappings}}}};
  ASSIGN_OR_RETURN(const MappedFields fields, FieldsOf(mappings));
  return LayoutOf(fields, false);
}

bool TakesValues(const LayoutColumn& column) {
  const Form form = column.field.form;
  if (form == Form::kIndex || form == Form::kMore) return false;
  return form != Form::kMoment ||
         std::ranges::find(column.field.dates, DateForm::kIso) != column.field.dates.end();
}

Result<Json> MappingFor(const Schema& schema) {
  Json properties = Json::object();
  for (const ColumnInfo& column : schema.columns) {
    if (column.name == "_id") continue;
    const std::string type = NativeType(column.type.kind);
    if (type.empty()) return NoTypeFor(column);
    Json& property = properties[column.name] = {{"type", type}};
    if (type == "text") {  // as the server itself makes them
      const Json keyword = {{"type", "keyword"}, {"ignore_above", 256}};
      property["fields"] = {{"keyword", keyword}};
    }
  }
  return Json{{"properties", std::move(properties)}};
}

}  // namespace aimass::connectors::elasticsearch
