#include "sources/connectors/elasticsearch/request.h"

#include <array>
#include <cstdint>
#include <utility>

#include "base/words.h"
#include "table/json_rows.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr const char* kForm = R"({"index": "orders", "query": {"term": {"paid": true}}})";

template <typename Why>
std::unexpected<Error> NoQuery(const Why& why) {
  return WithHint(
      Fail(ErrorCode::kUnprocessable, "a query names an index and says which documents: {}", why),
      Msg("such as {}", kForm));
}

// Whether a clause runs a script, or hides what it does.
bool RunsScript(const Json& clause) {
  static constexpr std::array<std::string_view, 4> kNames = {
      "script_score", "minimum_should_match_script", "wrapper", "scripted_metric"};
  if (clause.is_array()) {
    for (const Json& one : clause) {
      if (RunsScript(one)) return true;
    }
    return false;
  }
  if (!clause.is_object()) return false;
  for (const auto& [name, value] : clause.items()) {
    for (const std::string_view known : kNames) {
      if (name == known) return true;
    }
    const bool script = name == "script" && value.is_object() &&
                        (value.contains("source") || value.contains("id") ||
                         value.contains("script") || value.contains("inline"));
    if (script || RunsScript(value)) return true;
  }
  return false;
}

Json RangeClause(const SourceRange& range, const LayoutColumn& column) {
  const std::string& path = column.path;
  const Json exists = {{"exists", {{"field", path}}}};
  if (range.nulls) return {{"bool", {{"must_not", Json::array({exists})}}}};
  // A date_nanos before 1970 is none to the server.
  if (!range.from || (column.field.nanos && *range.from < 0)) return exists;
  if (!IsTemporal(range.type)) return {{"range", {{path, {{"gte", *range.from}}}}}};
  return {{"range",
           {{path,
             {{"gte", TimestampText(*range.from) + "Z"},
              {"format", "strict_date_optional_time_nanos"}}}}}};
}

}  // namespace

Result<Query> QueryOf(const SourceRead& request) {
  if (request.query.empty()) return Query{.table = request.table, .filter = nullptr};
  auto json = ParseJson(request.query);
  if (!json) return NoQuery(Render(json.error().message, Language::kEnglish));
  if (!json->is_object()) return NoQuery(Word{"it is no JSON object"});
  if (auto known = RejectUnknown(*json, {"index", "query"}); !known)
    return std::unexpected(std::move(known).error());
  const auto index = json->find("index");
  if (index == json->end() || !index->is_string() || index->get<std::string>().empty())
    return NoQuery(Word{"it names no index"});
  Query query{.table = index->get<std::string>(), .filter = nullptr};
  if (const auto filter = json->find("query"); filter != json->end()) {
    if (!filter->is_object()) return NoQuery(Word{"what it says is no object"});
    if (RunsScript(*filter)) return Fail(ErrorCode::kUnprocessable, "a query may run no script");
    query.filter = std::move(*filter);
  }
  return query;
}

Result<Json> FilterOf(const Query& query, const SourceRead& request, const Layout& layout) {
  Json clauses = Json::array();
  if (!query.filter.is_null()) clauses.push_back(query.filter);
  if (request.range) {
    const LayoutColumn* const column = layout.Find(request.range->column);
    if (column == nullptr) {
      return Fail(ErrorCode::kNotFound, "table '{}' has no column '{}'", query.table,
                  request.range->column);
    }
    if (!column->field.exact) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' is not collected by '{}'", query.table,
                           column->info.name),
                      Msg("its index holds other values than its documents: null_value, copy_to, "
                          "no doc_values, or another type in another index"));
    }
    clauses.push_back(RangeClause(*request.range, *column));
  }
  if (clauses.empty()) return Json{{"match_all", Json::object()}};
  return Json{{"bool", {{"filter", std::move(clauses)}}}};
}

Json WantedOf(const Layout& layout) {
  Json wanted = Json::object();
  Json paths = Json::array();
  Json converted = Json::array();
  bool all = true;
  bool more = false;
  for (const LayoutColumn& column : layout.columns) {
    all = all && column.wanted;
    if (!column.wanted) continue;
    if (column.field.form == Form::kMore) more = true;
    if (column.field.form <= Form::kId || column.field.form == Form::kMore) continue;
    paths.push_back(column.path);
    if (column.field.form == Form::kMoment && column.field.dates.empty()) {
      converted.push_back({{"field", column.path}, {"format", "strict_date_optional_time_nanos"}});
    }
  }
  if (all || more) {
    wanted["_source"] = true;
  } else if (paths.empty()) {
    wanted["_source"] = false;
  } else {
    wanted["_source"] = {{"includes", std::move(paths)}};
  }
  if (!converted.empty()) wanted["fields"] = std::move(converted);
  return wanted;
}

}  // namespace aimass::connectors::elasticsearch
